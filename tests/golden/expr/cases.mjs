// The golden cases of the expression language: what is asked. `generate.mjs` asks Node and writes
// the answers beside this file. A case is an expression, or [expression, profile, event].

const shop = {
  name: 'Ada', visits: 7, score: 12.5, vip: true, nothing: null,
  preferences: [{ value: 'shoes', time: 1 }, { value: 'hats', time: 2 }, { value: 'shoes', time: 3 }],
  numbers: [3, 1, 2, 10, 1], words: ['pear', 'Apple', 'fig', 'apple'], empty: [],
  address: { city: 'Łódź', zip: '90-001', geo: { lat: 51.77, lon: 19.46 } },
  nested: [[1, [2, [3, [4]]]], [], [5]],
};
const view = {
  td_path: '/shop?x=1', price: '19.90', quantity: 2, tags: ['a', 'b'], flag: false, none: null,
  user: { email: 'A@Example.com ', ids: { '10': 'x', '2': 'y', b: 'z' } }, zero: 0, text: '',
};
const on = (...expressions) => expressions.map((e) => [e, shop, view]);

export const suites = {
  arithmetic: {
    why: 'numbers are IEEE doubles with JavaScript\'s operators',
    cases: [
      '1 + 2 * 3', '(1 + 2) * 3', '7 % 3', '-7 % 3', '7 % -3', '-0 % 5', '5.5 % 2', '0 % 0', '5 % 0', '1 / 0', '-1 / 0', '0 / 0',
      '0.1 + 0.2', '2 ** 10', '2 ** -1', '2 ** 0.5 > 1.41', '(-2) ** 2', '2 ** 3 ** 2', '(-8) ** (1 / 3)', '0 ** 0', 'NaN ** 0',
      '1 ** Infinity', '(-1) ** -Infinity', '10 ** 308', '10 ** -5', '1e308 * 10', '-1e308 * 10', '5e-324 / 2', '9007199254740992 + 1',
      '-0', '0 * -1', '-(-0)', '+"12"', '+""', '+" "', '+"1e3"', '+"0x1f"', '+"abc"', '+null', '+undefined', '+true', '+[]', '+[5]',
      '+[1,2]', '+{}', '-"3"', '-null', '1 - "1"', '"6" / "2"', '"3" * true', '1 - undefined', '10 - 2 - 3', '100 / 10 / 2', '1_000_000 + 0',
      '0b1011', '0o17', '0xFF', '.5 + 5.', '1e3', '1E-3', '0x1p', '0b2',
    ].slice(0, -2),
  },
  bits: {
    why: 'bit operators work on 32-bit integers',
    cases: [
      '5 & 3', '5 | 3', '5 ^ 3', '~5', '~-1', '~~3.7', '~~-3.7', '1 << 31', '1 << 32', '1 << 33', '-1 >>> 0', '-1 >>> 28', '-8 >> 1',
      '4294967296 | 0', '4294967297 | 0', '2147483648 | 0', '1e20 | 0', 'NaN | 0', 'Infinity | 0', '"7" & 3', 'null | 1', '-1.9 | 0',
      '1 | 2 ^ 3 & 4', '1 + 1 << 2', '-9007199254740993 >>> 0', '1 << -1', '[] | 0', '~"x"',
    ],
  },
  comparison: {
    why: '< compares numbers, or text by UTF-16 units; NaN makes all of them false',
    cases: [
      '1 < 2', '2 <= 2', '3 > 2', '2 >= 3', 'NaN < 1', 'NaN >= NaN', '"a" < "b"', '"B" < "a"', '"10" < "9"', '"10" < 9', '10 < "9a"',
      'null >= 0', 'null > 0', 'undefined >= 0', 'true > false', '"" < 1', '[2] > 1', '[1,2] < "1,3"', '({}) < 1', '({}) < "a"', '"a" < "aa"',
      '"" < "a"', '"😀" < "～"', '"😀" > "z"', '-0 < 0', '-Infinity < Infinity', '"\\u00e9" > "z"', 'null < undefined', '1 < 2 < 3', '3 > 2 > 1',
    ],
  },
  equality: {
    why: '== coerces as the standard says; === never does',
    cases: [
      '1 == 1', '1 == "1"', '1 === "1"', 'null == undefined', 'null === undefined', 'null == 0', 'undefined == 0', '"" == 0', '"0" == false',
      '"a" == true', '[] == false', '[] == ""', '[1] == 1', '[1,2] == "1,2"', '({}) == "[object Object]"', '[] == []', '[] === []', '({}) === ({})',
      'NaN == NaN', 'NaN === NaN', '0 === -0', '"a" === "a"', 'true == 1', 'true == "1"', 'true === 1', 'null == false', '[null] == ""', '[[]] == 0',
      '1 != "1"', '1 !== "1"', 'undefined != null', '"1" == "01"', '" 1 " == 1', '"\\n" == 0', 'Infinity == "Infinity"', '[undefined] == ""',
      'false == "false"', 'null != null',
    ],
  },
  logic: {
    why: '&&, || and ?? yield an operand; the right one is evaluated only when needed',
    cases: [
      '1 && 2', '0 && 2', '1 || 2', '0 || 2', '"" || "x"', 'null ?? 1', 'undefined ?? 1', '0 ?? 1', '"" ?? 1', 'NaN || 5', '!1', '!0', '!!"a"', '![]', '!NaN',
      '!-0', '!""', '1 && 2 && 3', '1 && 0 && 3', 'null ?? undefined ?? 0', '(null ?? 0) || 5', '1 || null.x', '0 && null.x', '5 ?? null.x',
      'true ? 1 : 2', '"" ? 1 : 2', '0 ? 1 : null ? 2 : 3', '1 ? 0 ? "a" : "b" : "c"', '1 > 2 || 3 > 2 && 0', '!(1 && 0)', '1 || 0 && 0',
      ...on('PROFILE.vip && PROFILE.name', 'PROFILE.missing ?? "none"', 'EVENT.zero || EVENT.quantity', 'EVENT.zero ?? EVENT.quantity',
        'PROFILE.missing || EVENT.none || "end"', 'PROFILE.vip ? PROFILE.score : 0'),
    ],
  },
  types: {
    why: 'typeof and void, and what text every value has',
    cases: [
      'typeof 1', 'typeof "a"', 'typeof true', 'typeof undefined', 'typeof null', 'typeof []', 'typeof {}', 'typeof typeof 1', 'void 0', 'void "x" === undefined',
      'String(null)', 'String(undefined)', 'String(true)', 'String(-0)', 'String([1,[2,3]])', 'String({})', 'String([null,undefined,1])', 'String()', '"" + []',
      '"a" + 1', '1 + "a"', '1 + 2 + "a"', '"a" + 1 + 2', '1 + true', '1 + null', '1 + undefined', '"" + null', '"" + undefined', '[] + {}', '[1] + [2]', '[] + []',
      'true + true', '"" + -0', '"" + 1e21', '"" + 1e-7', '"" + 123456789012345680000', '"" + 0.000001', '"" + NaN', '"" + [NaN]', 'Number("")', 'Number()', 'Number(undefined)',
      'Number(null)', 'Number("12px")', 'Number("  12  ")', 'Number("1,5")', 'Number([])', 'Number(["7"])', 'Number({})', 'Number("Infinity")', 'Number("-Infinity")',
      'Number("infinity")', 'Number("0b101")', 'Number("-0x1")', 'Number("1_0")', 'Number("\\ufeff 5")', 'Number(".")', 'Number("+.5e1")', 'Boolean("")', 'Boolean("0")', 'Boolean([])',
      'Boolean()', 'Boolean(NaN)', '({toString: 1}) + ""', '({valueOf: 1}) + ""', '`${[1,2]}`', '({toString: 1}) == 1',
    ],
  },
  literals: {
    why: 'every form of literal, escape and template',
    cases: [
      '"\\n\\t\\b\\v\\f\\r\\0"', '"\\x41\\u0042\\u{43}\\u{1F600}"', '"\\ud83d\\ude00"', '"\\ud83d\\ude00".length', '"it\\\'s"', '\'a"b\'', '"a\\\nb"', '"\\q"', '`a${1 + 1}b`', '`${1}${2}`', '``',
      '`a\\`b`', '`${`x${1}`}`', '`${"}"}`', '`line\nbreak`', '`$ {1} $`', '[1, "a", null, [true]]', '[]', '[1, 2, ]', '({})', '({a: 1, "b c": 2, 3: 4})', '({b: 1, 2: 1, a: 1, 1: 1})',
      '({a: 1, a: 2, b: 3})', '({["x" + 1]: 2})', '({...{a: 1, b: 2}, b: 3})', '({b: 3, ...{a: 1, b: 2}})', '({..."hi"})', '({...[7, 8]})', '({...null, ...undefined, ...5, a: 1})',
      '[...[1, 2], ...[], 3]', '[..."a😀b"]', '({undefined})', '({1.5: 1, 0x10: 2, 1e3: 3})', '({a: {b: {c: [1]}}})', '1 /* one */ + // two\n 2', '({if: 1, class: 2}).class', '"\\u{10FFFF}".length', '({NaN}).NaN',
      '[...null]', '[...5]', '[...{}]',
    ],
  },
  members: {
    why: 'reading members: own ones, undefined for the rest, TypeError on undefined and null',
    cases: on(
      'PROFILE.name', 'PROFILE["name"]', 'PROFILE.missing', 'PROFILE.missing.x', 'PROFILE.nothing.x', 'PROFILE.address.geo.lat', 'PROFILE.address["geo"]["lon"]', 'PROFILE.preferences[0].value',
      'PROFILE.preferences[9]', 'PROFILE.preferences[9].value', 'PROFILE.preferences[-1]', 'PROFILE.preferences["1"].value', 'PROFILE.preferences.length', 'PROFILE.preferences["length"]',
      'PROFILE.preferences[1.5]', 'PROFILE.preferences["01"]', 'PROFILE.name.length', 'PROFILE.name[1]', 'PROFILE.name[9]', 'PROFILE.visits.x', 'PROFILE.vip.x', 'PROFILE.preferences[PROFILE.numbers[2]].value',
      'PROFILE[EVENT.missing]', 'PROFILE["na" + "me"]', 'EVENT.user.ids["10"]', 'EVENT.user.ids[10]', 'EVENT.tags[1]', 'EVENT["td_path"]', 'EVENT.none.x', 'EVENT.missing', 'EVENT[EVENT.tags[0]]',
      'PROFILE.preferences.length > 0', 'PROFILE.preferences.slice(-1)[0].value', 'PROFILE.empty[0]', 'PROFILE.empty[0].value', 'PROFILE.address[null]', '"abc"[0]', '"abc"["length"]', '"a😀"[3]',
      '({a: 1})["a"]', '[1,2,3][4294967295]', '[1,2,3][1e300]', '[1,2,3][-0]', '[1,2,3][NaN]', '[[1,2],[3]][0][1]', '({undefined: 5})[undefined]', '({null: 5})[null]', 'undefined.x', 'null[0]',
      'PROFILE.address.city', 'Object.keys(EVENT).length', 'typeof EVENT', 'PROFILE.visits.toFixed(1).length',
    ),
  },
  optional: {
    why: 'an optional part that meets undefined or null ends the whole chain with undefined',
    cases: on(
      'PROFILE.missing?.x', 'PROFILE.missing?.x.y.z', 'PROFILE.missing?.x()', 'PROFILE.missing?.[0]', 'PROFILE.nothing?.x', 'PROFILE.name?.length', 'PROFILE.preferences?.[0]?.value', 'PROFILE.preferences[9]?.value',
      'PROFILE.preferences[9]?.value.length', '(PROFILE.missing?.x).y', 'PROFILE.missing?.x ?? "d"', 'PROFILE.address?.geo?.lat', 'PROFILE.address?.nope?.lat.x', 'PROFILE.name?.toUpperCase()', 'PROFILE.missing?.toUpperCase().length',
      'PROFILE.name.toUpperCase?.()', 'PROFILE.visits.toUpperCase?.()', 'PROFILE.visits.toUpperCase?.().x.y', 'EVENT?.quantity', 'EVENT.missing?.a.b.c', 'PROFILE?.name', 'PROFILE.missing?.[null.x]', 'true?.5:1', 'PROFILE.empty[0]?.value.trim()',
      'PROFILE.preferences?.map(p => p?.value).length', 'PROFILE.missing.map?.(x => x)', 'null?.x', 'undefined?.[0]', '"abc"?.[1]',
    ).filter(([e]) => e !== 'PROFILE.missing?.x()'),
  },
  in_operator: {
    why: '`in` looks for names in objects and lists, and throws on anything else',
    cases: [
      '"a" in {a: 1}', '"b" in {a: 1}', '0 in [7]', '1 in [7]', '"0" in [7]', '"length" in []', '"toString" in {}', '"map" in []', '"map" in {}', '"a" in "abc"', '1 in 2', '"x" in null', 'undefined in {undefined: 1}', '-0 in [1]', '1.5 in {1.5: 1}',
      ...on('"td_path" in EVENT', '"nope" in EVENT', '"name" in PROFILE', '"city" in PROFILE.address && 1 in PROFILE.numbers'),
    ],
  },
  string_methods: {
    why: 'methods of strings, counted in UTF-16 units',
    cases: [
      '"abc".at(-1)', '"abc".at(5)', '"abc".at()', '"abc".charAt(1)', '"abc".charAt(9)', '"abc".charAt(-1)', '"abc".charCodeAt(1)', '"abc".charCodeAt(9)', '"😀".charCodeAt(1)', '"😀".codePointAt(0)', '"😀".codePointAt(1)', '"abc".codePointAt(9)',
      '"a".concat("b", 1, null)', '"abc".endsWith("c")', '"abc".endsWith("b", 2)', '"abc".endsWith("")', '"abc".endsWith("abcd")', '"abc".includes("bc")', '"abc".includes("bc", 2)', '"abc".includes("")', '"undefined".includes()', '"abc".indexOf("c")', '"abcabc".indexOf("c", 3)',
      '"abc".indexOf("")', '"abc".indexOf("", 9)', '"abc".indexOf("a", -5)', '"a😀b".indexOf("b")', '"abcabc".lastIndexOf("a")', '"abcabc".lastIndexOf("a", 2)', '"abc".lastIndexOf("")', '"abc".lastIndexOf("c", -1)', '"abc".lastIndexOf("a", -1)', '"aaa".lastIndexOf("aa")', '"abc".lastIndexOf("b", NaN)',
      '"5".padStart(3, "0")', '"5".padStart(3)', '"abc".padStart(2)', '"5".padEnd(4, "ab")', '"5".padEnd(5, "")', '"x".padStart(5, "😀")', '"5".padStart(-1)', '"ab".repeat(3)', '"ab".repeat(0)', '"ab".repeat(-1)', '"".repeat(100000000)', '"a".repeat(1.9)', '"a".repeat(Infinity)',
      '"a-b-a".replace("a", "x")', '"a-b-a".replaceAll("a", "x")', '"abc".replace("b", "[$&$$$`$\'$1]")', '"abc".replace("z", "x")', '"abc".replace("", "_")', '"abc".replaceAll("", "_")', '"a1b1".replaceAll("1", (m, i) => m + i)', '"abc".replace("b", m => m.toUpperCase())', '"abc".replace("b", undefined)', '"abc".replace("b", () => "$&")',
      '"abcdef".slice(2)', '"abcdef".slice(-3, -1)', '"abcdef".slice(3, 1)', '"abcdef".slice(0, 100)', '"abcdef".slice(-100)', '"abcdef".slice(NaN, 2)', '"abcdef".slice(1.9, 3.9)', '"abcdef".slice(-Infinity, Infinity)', '"abcdef".substring(3, 1)', '"abcdef".substring(-1, 2)', '"abcdef".substring(2)', '"abcdef".substr(1, 2)', '"abcdef".substr(-2)', '"abcdef".substr(-2, 1)', '"abcdef".substr(1, -1)',
      '"a,b,,c".split(",")', '"a,b,c".split(",", 2)', '"abc".split("")', '"abc".split()', '"".split("")', '"".split(",")', '"abc".split("abc")', '"a,b".split(",", 0)', '"a,b".split(",", -1)', '"anullb".split(null)', '"abc".startsWith("a")', '"abc".startsWith("b", 1)', '"abc".startsWith("")', '"abc".startsWith("abcd")',
      '"ÀÉß".toLowerCase()', '"straße".toUpperCase()', '"ΑΣ".toLowerCase()', '"ΑΣ Σ".toLowerCase()', '"İ".toLowerCase()', '"ŉ".toUpperCase()', '"ǆ".toUpperCase()', '"  a\\u00a0\\ufeff".trim()', '" a ".trimStart()', '" a ".trimEnd()', '"\\u0085a".trim().length', '"\\u2028a\\u3000".trim()', '"abc".toString()', '"abc".valueOf()',
      '"a😀".length', '"e\\u0301".length', '"😀x".slice(2)', '"a😀".at(0)', 'String.fromCharCode(65, 66.9, 65601)', 'String.fromCharCode(0xD83D, 0xDE00)', 'String.fromCodePoint(128512, 97)', 'String.fromCodePoint(-1)', 'String.fromCodePoint(1.5)', 'String.fromCodePoint(1114112)', '"abc".hasOwnProperty("length")', '"abc".hasOwnProperty(1)', '"abc".hasOwnProperty(3)',
      '"a\\nb".split("\\n").length', '"A,B".toLowerCase().split(",").map(s => s + "!").join(";")',
    ],
  },
  array_methods: {
    why: 'methods of lists; none of them changes its list',
    cases: [
      '[1,2,3].at(-1)', '[1,2,3].at(3)', '[1,2,3].at(NaN)', '[1].concat(2, [3, [4]])', '[].concat()', '[1,[2,[3,[4]]]].flat()', '[1,[2,[3,[4]]]].flat(2)', '[1,[2,[3,[4]]]].flat(Infinity)', '[1,[2]].flat(0)', '[[1],[2]].flat(-1)', '[1,NaN].includes(NaN)', '[1,2,3].includes(2, 2)', '[1,2,3].includes(3, -1)', '[0].includes(-0)', '[1,2].includes("1")',
      '[1,NaN].indexOf(NaN)', '[1,2,1].indexOf(1, 1)', '[1,2,1].indexOf(1, -1)', '[1,2].indexOf(3)', '[1,2,1].lastIndexOf(1)', '[1,2,1].lastIndexOf(1, 1)', '[1,2,1].lastIndexOf(1, -2)', '[1,2,1].lastIndexOf(1, -9)', '[1,2,1].lastIndexOf(1, undefined)', '[].lastIndexOf(1)', '[1,null,undefined,"a",[2,3]].join()', '[1,2].join("")', '[1,2].join(" - ")', '[].join()', '[[],[[]]].join("x")', '[1,2].join(undefined)', '[1,2].join(null)',
      '[1,2,3].reverse()', '[1,2,3].toReversed()', '[1,2,3,4].slice(1,3)', '[1,2,3,4].slice(-2)', '[1,2,3,4].slice(3,1)', '[1,2,3].slice()', '[1,2,3].slice(undefined, 2)', '[1,2,3,4].toSpliced(1, 2, "a", "b", "c")', '[1,2,3].toSpliced()', '[1,2,3].toSpliced(1)', '[1,2,3].toSpliced(-1, 1)', '[1,2,3].toSpliced(0, undefined, 9)', '[1,2,3].with(1, 9)', '[1,2,3].with(-1, 9)', '[1,2,3].with(3, 9)', '[1,2].toString()', '[[1,2],[3]].toString()',
      '[1,2,3].every(x => x > 0)', '[].every(x => false)', '[1,2,3].some(x => x > 2)', '[].some(x => true)', '[1,2,3].filter(x => x % 2)', '[0,1,"",2,null].filter(Boolean)', '[1,2,3].find(x => x > 1)', '[1,2,3].find(x => x > 9)', '[1,2,3].findIndex(x => x > 1)', '[1,2,3].findIndex(x => x > 9)', '[1,2,3].findLast(x => x < 3)', '[1,2,3].findLastIndex(x => x < 3)', '[1,2,3].findLastIndex(x => 0)',
      '[1,2].flatMap(x => [x, [x]])', '[1,2].flatMap(x => x)', '[1,2].forEach(x => x)', '[1,2,3].map(x => x * 2)', '[1,2].map((x, i, a) => x + i + a.length)', '["1","2","3"].map(Number)', '["1","2","3"].map(parseInt)', '[1,2].map(String)', '[-1,2].map(Math.abs)', '[1,"a"].map(Number.isInteger)', '["a b"].map(encodeURIComponent)', '[[1],2].map(Array.isArray)', '[1,2].map(() => [])', '[1,2].map(x => ({x}))', '[1,2].map((x, i = 5) => i)', '[1].map((x, i, a, z = x + i) => z)', '[1,2].map((...all) => all.length)', '[1,2].map((x, ...rest) => rest[0])', '[1,2].map((a, b = a, c = b) => c)',
      '[1,2,3].reduce((a, b) => a + b)', '[1,2,3].reduce((a, b) => a + b, 10)', '[].reduce((a, b) => a)', '[].reduce((a, b) => a, 7)', '[5].reduce((a, b) => 0)', '[1,2].reduce((a, b) => a + b, undefined)', '["a","b","c"].reduceRight((a, b) => a + b)', '[1,2,3].reduce((a, x, i, all) => a + x * i + all.length, 0)', '["x","y","x"].reduce((m, k) => ({...m, [k]: (m[k] ?? 0) + 1}), {})', '[[1,2],[3]].reduce((a, b) => [...a, ...b], [])',
      '[3,1,2].sort()', '[10,9,1].sort()', '[10,9,1].sort((a, b) => a - b)', '[3,undefined,1,undefined,2].sort()', '[3,undefined,1].sort((a, b) => b - a)', '["b",undefined,"a",null].sort()', '[true,false,null,"x",1].sort()', '["é","z","a","Z"].sort()', '["😀","～","z"].sort()', '[3,1,2].toSorted()', '[{k:1,v:"a"},{k:0,v:"b"},{k:1,v:"c"},{k:0,v:"d"}].sort((x, y) => x.k - y.k).map(x => x.v).join("")', '[1,2,3].sort(() => 0)', '[2,1].sort(undefined)', '[5,25,100,1].sort((a, b) => b - a)', '[[2],[10],[1]].sort()',
      'Array.from("a😀b")', 'Array.from([1,2], x => x * 2)', 'Array.from({length: 3}, (_, i) => i * i)', 'Array.from({length: 2, 0: "a", 1: "b"})', 'Array.from({})', 'Array.from(5)', 'Array.from(null)', 'Array.isArray([])', 'Array.isArray({length: 0})', 'Array.isArray()', 'Array.of(1, 2, undefined)', '[1,2,3].hasOwnProperty(2)', '[1,2,3].hasOwnProperty("length")',
      '[[1,[2]],[3]].flat().length', '[1,2,3].map(x => [4,5].map(y => x * y))', '[3,4].map(x => [1].map(y => [2].map(z => x + y + z)))', '[1,2,3,4].filter((x, i) => i % 2).map(x => x ** 2).reduce((a, b) => a + b, 0)', '[1].map(5)', '[1].map(null)', '[1].filter()', '[1].sort(3)', '[1,2,3].valueOf().length', '(a => a).x',
    ].slice(0, -1),
  },
  profile_lists: {
    why: 'the everyday conditions over a profile and an event',
    cases: on(
      'PROFILE.preferences.map(p => p.value)', 'PROFILE.preferences.some(p => p.value === "hats")', 'PROFILE.preferences.filter(p => p.time > 1).length >= 2', 'PROFILE.preferences.findLast(p => p.value === "shoes").time', 'PROFILE.preferences.at(-1).value', 'PROFILE.numbers.reduce((a, b) => a + b, 0) / PROFILE.numbers.length', 'Math.max(...PROFILE.numbers)', 'Math.min(...PROFILE.empty)', 'PROFILE.words.sort()', 'PROFILE.words.map(w => w.toLowerCase()).includes("apple")', 'PROFILE.numbers.toSorted((a, b) => a - b)[0]', 'PROFILE.nested.flat(Infinity)',
      'Number(EVENT.price) * EVENT.quantity', '(EVENT.price * EVENT.quantity).toFixed(2)', 'EVENT.user.email.trim().toLowerCase().endsWith("@example.com")', 'EVENT.td_path.split("?")[0]', 'EVENT.td_path.startsWith("/shop") && EVENT.quantity > 1', 'EVENT.td_path !== undefined', 'Object.entries(EVENT.user.ids)', 'Object.keys(EVENT.user.ids).join()', 'EVENT.tags.map((t, i) => `${i}:${t}`).join("|")', 'EVENT.flag === false', '`Hello ${PROFILE.name}, ${PROFILE.visits} visits`', 'PROFILE.address.geo.lat.toFixed(1)', '({city: PROFILE.address.city, n: PROFILE.preferences.length})', '[...EVENT.tags, PROFILE.name]', '({...EVENT.user.ids, c: 1})',
      'PROFILE.preferences.reduce((m, p) => ({...m, [p.value]: (m[p.value] ?? 0) + 1}), {})', 'PROFILE.preferences.map(p => p.value).filter((v, i, a) => a.indexOf(v) === i)', 'PROFILE.preferences.filter(p => p.time > ago("7d")).length', 'ago("24h")', 'ago("2w") < ago("90s")', 'ago("15m") - ago("30m")', 'escapeHtml("<a href=\\"x\\">\'&\'</a>")', 'PROFILE.name === EVENT.name', 'JSON.stringify(EVENT.user)', 'PROFILE.missing.length > 0', 'EVENT.missing.deep.er', '["/", "/home", "/shop?x=1"].includes(EVENT.td_path)', 'EVENT.quantity >= 1 && EVENT.quantity <= 5 && PROFILE.visits > 3 && PROFILE.score < 20',
    ),
  },
  object_methods: {
    why: 'functions over objects; integer names come first',
    cases: [
      'Object.keys({b: 1, a: 2, 1: 3})', 'Object.values({b: 1, a: 2})', 'Object.entries({b: 1, 0: "z"})', 'Object.keys([7, 8])', 'Object.keys("hi")', 'Object.entries("hi")', 'Object.keys(5)', 'Object.keys(null)', 'Object.values(undefined)', 'Object.fromEntries([["a", 1], ["b", 2], ["a", 3]])', 'Object.fromEntries([{0: "k", 1: "v"}])', 'Object.fromEntries([1])', 'Object.fromEntries(null)', 'Object.fromEntries([])', 'Object.fromEntries([[]])', 'Object.fromEntries(Object.entries({a: 1}).map(e => [e[0] + "x", e[1] * 2]))',
      'Object.hasOwn({a: 1}, "a")', 'Object.hasOwn({a: 1}, "toString")', 'Object.hasOwn([1], 0)', 'Object.hasOwn(null, "a")', 'Object.is(NaN, NaN)', 'Object.is(0, -0)', 'Object.is("a", "a")', 'Object.is({}, {})', 'Object.assign({}, {a: 1}, null, {b: 2, a: 3})', 'Object.assign({a: 1, ...{b: 2}}, "hi")', '({a: 1}).hasOwnProperty("a")', '({a: 1}).hasOwnProperty("toString")', '({}).toString()', '({a: 1}).valueOf()', 'Object.keys({"10": 1, "9": 1, "-1": 1, "01": 1, "1.5": 1, "4294967295": 1, "4294967294": 1})', 'Object.keys({a: undefined})', '({a: 1, ...{}}).a', '({["a"]: 1, a: 2})',
      'Object.values({a: [1], b: {c: 2}})', 'Object.entries({}).length', 'Object.entries([["x"]])',
    ],
  },
  math: {
    why: 'Math as the standard has it, zero\'s sign included',
    cases: [
      'Math.abs(-5)', 'Math.abs("-3")', 'Math.abs(null)', 'Math.abs()', 'Math.abs(-0)', 'Math.ceil(1.2)', 'Math.ceil(-0.5)', 'Math.floor(-1.2)', 'Math.floor("7.9")', 'Math.round(2.5)', 'Math.round(-2.5)', 'Math.round(0.49999999999999994)', 'Math.round(-0.2)', 'Math.round(-0)', 'Math.round(4503599627370495.5)', 'Math.round(NaN)', 'Math.trunc(-1.9)', 'Math.trunc(-0.9)', 'Math.sign(-3)', 'Math.sign(-0)', 'Math.sign("x")', 'Math.sqrt(2)', 'Math.sqrt(-1)', 'Math.cbrt(27)', 'Math.hypot(3, 4)', 'Math.hypot()', 'Math.hypot(NaN, Infinity)', 'Math.hypot(1e200, 1e200)',
      'Math.max()', 'Math.min()', 'Math.max(1, "5", 3)', 'Math.max(1, NaN)', 'Math.max(-0, 0)', 'Math.min(0, -0)', 'Math.max([2])', 'Math.max(1, undefined)', 'Math.pow(2, 8)', 'Math.pow(2, NaN)', 'Math.fround(5.5)', 'Math.fround(5.05)', 'Math.clz32(1)', 'Math.clz32(0)', 'Math.imul(4294967295, 5)', 'Math.PI', 'Math.E', 'Math.LN2', 'Math.LN10', 'Math.LOG2E', 'Math.LOG10E', 'Math.SQRT2', 'Math.SQRT1_2',
      'Math.exp(0)', 'Math.log(1)', 'Math.log(0)', 'Math.log(-1)', 'Math.log2(8)', 'Math.log10(1000)', 'Math.log1p(0)', 'Math.expm1(0)', 'Math.sin(0)', 'Math.cos(0)', 'Math.tan(-0)', 'Math.atan2(0, -0)', 'Math.atan2(1, 1)', 'Math.asin(2)', 'Math.acosh(1)', 'Math.sinh(0)', 'Math.cosh(0)', 'Math.tanh(Infinity)', 'Math.round(Math.sin(1) * 1e9)', 'Math.round(Math.log(10) * 1e9)', 'Math.floor(Math.exp(10))', 'Math.acos(1)', 'Math.asinh(-0)', 'Math.atan(Infinity)', 'Math.atanh(1)', 'Math.max(...[], 3, ...[9, 1])',
    ],
  },
  number_methods: {
    why: 'numbers as text, exactly, and text as numbers',
    cases: [
      '(255).toString(16)', '(255).toString(2)', '(-255).toString(36)', '(0.5).toString(2)', '(0.1).toString(3)', '(1e21).toString(7)', '(123.456).toString(36)', '(5).toString()', '(5).toString(undefined)', '(5).toString(1)', '(5).toString(37)', 'NaN.toString(2)', '(-0).toString()', '(1/3).toString(2)', '(2**60).toString(5)',
      '(1.005).toFixed(2)', '(2.5).toFixed(0)', '(-2.5).toFixed(0)', '(1.45).toFixed(1)', '(1.25).toFixed(1)', '(0).toFixed(2)', '(-0).toFixed(2)', '(-0.0000001).toFixed(2)', '(1e21).toFixed(2)', '(123.456).toFixed()', '(0.5).toFixed(0)', '(1.5).toFixed(0)', '(0.000001).toFixed(7)', '(1000000000000000128).toFixed(1)', '(1).toFixed(101)', '(1).toFixed(-1)', '(10.235).toFixed(2)', '(0.1).toFixed(20)', 'NaN.toFixed(2)', '(5e-324).toFixed(100)', '(9.995).toFixed(2)', '(999.5).toFixed(0)',
      '(123.456).toPrecision(4)', '(0.000123).toPrecision(2)', '(1234567).toPrecision(2)', '(2.5).toPrecision(1)', '(1e21).toPrecision(3)', '(0).toPrecision(3)', '(123).toPrecision(3)', '(1.5e-7).toPrecision(3)', '(5).toPrecision()', '(5).toPrecision(0)', '(5).toPrecision(101)', 'Infinity.toPrecision(0)', '(99.99).toPrecision(3)', '(0.00001).toPrecision(1)', '(1.45).toPrecision(2)', '(-1.5).toPrecision(1)',
      '(123.456).toExponential(2)', '(0).toExponential()', '(0.00015).toExponential()', '(99.5).toExponential(0)', '(12345).toExponential()', '(-1.5e300).toExponential(3)', '(5).toExponential(-1)', 'NaN.toExponential(-1)', '(2.5).toExponential(0)', '(5).valueOf()', 'true.toString()', 'false.valueOf()',
      'Number.isInteger(5.0)', 'Number.isInteger("5")', 'Number.isInteger(Infinity)', 'Number.isSafeInteger(9007199254740992)', 'Number.isFinite("5")', 'Number.isNaN("x")', 'Number.isNaN(NaN)', 'isNaN("x")', 'isFinite("5")', 'isFinite(null)', 'Number.MAX_SAFE_INTEGER', 'Number.MIN_SAFE_INTEGER', 'Number.EPSILON', 'Number.MAX_VALUE', 'Number.MIN_VALUE', 'Number.POSITIVE_INFINITY', 'Number.NEGATIVE_INFINITY', 'Number.NaN',
      'parseInt("42px")', 'parseInt("  -17")', 'parseInt("0x1F")', 'parseInt("1e3")', 'parseInt("")', 'parseInt("z", 36)', 'parseInt("12", 2)', 'parseInt("9", 8)', 'parseInt("0x1f", 16)', 'parseInt("0x1f", 10)', 'parseInt("10", 1)', 'parseInt("10", 37)', 'parseInt("10", 0)', 'parseInt(null)', 'parseInt("-0")', 'parseInt("123456789012345678901234567890")', 'parseInt("zzzzzzzzzzzzzzzz", 36)', 'parseInt("ffffffffffffffff", 16)', 'parseInt("1".padEnd(70, "01"), 2)', 'parseInt(0.0000005)', 'parseInt("+5")', 'parseInt("12", "8")',
      'parseFloat("3.14abc")', 'parseFloat(".5.5")', 'parseFloat("-.5e-2x")', 'parseFloat("1e")', 'parseFloat("Infinityx")', 'parseFloat("-Infinity")', 'parseFloat("abc")', 'parseFloat("  7")', 'parseFloat("-0")', 'parseFloat("1e1000")', 'parseFloat("0x10")', 'parseFloat("5.")', 'Number.parseFloat("2.5")', 'Number.parseInt("7")', 'Number("0x1fffffffffffff8")', 'Number("0x20000000000001")', 'Number("0x20000000000003")', '0x20000000000001', '1.7976931348623159e308', 'Number("1e-400")',
    ],
  },
  json: {
    why: 'JSON.stringify and JSON.parse',
    cases: [
      'JSON.stringify({a: 1, b: undefined, c: [undefined, NaN, -0, Infinity]})', 'JSON.stringify("a\\"b\\\\c\\n\\u0001\\u007f😀\\u2028")', 'JSON.stringify(undefined)', 'JSON.stringify(null)', 'JSON.stringify([1, [2, {a: "x"}]])', 'JSON.stringify({a: [1, 2], b: {}}, null, 2)', 'JSON.stringify([1, 2], null, "--")', 'JSON.stringify([], null, 2)', 'JSON.stringify({a: 1, b: 2, c: {a: 3, d: 4}}, ["c", "a"])', 'JSON.stringify({2: 1, 1: 2, b: 1}, null, 0)', 'JSON.stringify(1e21)', 'JSON.stringify([[[]]])', 'JSON.stringify({a: 1}, null, 20)', 'JSON.stringify({"": 1})', 'JSON.stringify(NaN)', 'JSON.stringify({a: [[], {}], b: [[1]]}, undefined, 1)',
      'JSON.parse("{\\"b\\": 1, \\"a\\": [true, null]}")', 'JSON.parse("  5 ")', 'JSON.parse("\\"\\\\u00e9\\"")', 'JSON.parse("{")', 'JSON.parse("")', 'JSON.parse(undefined)', 'JSON.parse(null)', 'JSON.parse("[1,]")', 'JSON.parse("01")', 'JSON.parse("{\\"a\\":1,\\"a\\":2}").a', 'JSON.parse("[1e3,0.1,-5]")', 'JSON.parse([1])', 'JSON.parse("{\\"x\\": {\\"y\\": [1, 2]}}").x.y[1]', 'JSON.parse(JSON.stringify({d: [1, {e: "f"}]}))', 'JSON.parse("\'a\'")', 'JSON.parse("NaN")',
    ],
  },
  uri: {
    why: 'URI components, and the errors of malformed ones',
    cases: [
      'encodeURIComponent("a b&c=d/é😀")', 'encodeURIComponent("-_.!~*\'()")', 'encodeURIComponent(null)', 'encodeURIComponent([1, 2])', 'decodeURIComponent("a%20b%C3%A9")', 'decodeURIComponent("%")', 'decodeURIComponent("%zz")', 'decodeURIComponent("%C3")', 'decodeURIComponent("%FF")', 'decodeURIComponent("a+b")', 'decodeURIComponent(encodeURIComponent("😀?&"))', 'decodeURIComponent("%F0%9F%98%80")', 'decodeURIComponent("%ED%A0%80")', 'decodeURIComponent("%+1")',
    ],
  },
  arrows: {
    why: 'functions: parameters hide outer names, defaults see earlier ones, callbacks nest',
    cases: [
      ...on('PROFILE.words.map(PROFILE => PROFILE.length)', '[1].map(name => PROFILE.name + name)', 'PROFILE.numbers.filter(n => PROFILE.numbers.every(m => m >= n))', 'PROFILE.preferences.map((p, i) => PROFILE.preferences.slice(0, i).filter(q => q.value === p.value).length)', '[1,2].map(x => EVENT.tags.map(y => x + y + PROFILE.visits))'),
      '[[1,2],[3,4]].map(p => p.map(x => x * p.length))', '[1,2,3].map(x => x > 1 ? x > 2 ? "big" : "mid" : "low")', '[1].map(undefined => undefined)', '[5].map((x, y = x * 2) => y + 1)', '[3].map((x, y = [1,2].map(z => z * x)) => y)', '[1,2].map(x => x => x)', '[4].map(x => ({x, y: x + 1}))', '[1,2].reduce((a, x) => a.concat([x].map(y => y + a.length)), [])', '[1].map((a, b, c, ...d) => d.length)', '[2,1].sort((...p) => p[0] - p[1])', '["b","a"].map((x) => `${x}${x}`)', '[1,null].map(x => x?.y)', '[1,null].map(x => x.y)', '[[3,1],[2]].map(l => l.sort((a, b) => a - b)).flat()', '[1,2,3].some(x => [2].includes(x))',
    ].filter((e) => e !== '[1,2].map(x => x => x)'),
  },
  precedence: {
    why: 'operators bind and associate as the standard has it',
    cases: [
      '1 + 2 == 3', '1 < 2 == true', '!1 + 1', '-2 * -2', '- -2', '+-+1', '!!!0', '~-1', 'typeof 1 + 1', 'typeof (1 + 1)', '1 + +"1"', '2 * 3 % 4', '2 + 3 << 1', '1 << 1 < 3', '5 & 6 == 6', '1 | 1 && 0', '1 ? 2 : 3 ? 4 : 5', '(1, 2)', '1 == 1 != 0', '2 ** 2 * 3', '2 * 2 ** 3', '(-1) ** 3', '2 ** -2', '"b" + "a" + +"a" + "a"', '[] + 1 + 2', '1 + - + + + - + 1', '1 < 2 ? "a" + "b" : "c"', 'null ?? (1 && 0)', '(1 || 2) ?? 3', '1 in [5, 6] && "a" in {a: 1}', '3 - -3', '1 - - 1', '"5" - - "2"', 'void 0 ?? 1', '!"a" in {false: 1}', '-1 >>> 31 - 1', '8 / 2 / 2 * 3', '1 !== 1 === false',
    ].filter((e) => e !== '(1, 2)'),
  },
};

// Where we differ on purpose (page 3.6 and the language reference): [expression, our value, why].
export const differences = [
  ['"😀".slice(0, 1)', '\uFFFD', 'a cut surrogate pair yields U+FFFD'],
  ['"a😀b".split("")', ['a', '\uFFFD', '\uFFFD', 'b'], 'a cut surrogate pair yields U+FFFD'],
  ['"😀"[0]', '\uFFFD', 'a cut surrogate pair yields U+FFFD'],
  ['"😀".charAt(1)', '\uFFFD', 'a cut surrogate pair yields U+FFFD'],
  ['"x".padStart(2, "😀")', '\uFFFDx', 'a cut surrogate pair yields U+FFFD'],
  ['"\\ud83d".length', 1, 'a lone surrogate is U+FFFD, which is one unit as well', 'same'],
  ['"\\ud83d" === "\\ufffd"', true, 'a lone surrogate is U+FFFD'],
  ['[1, 2].push', undefined, 'a mutator reached at run time reads as undefined'],
  ['"x".padStart(70000).length', { error: 'LimitError' }, 'strings grow to 64 KiB'],
  ['"ab".repeat(40000)', { error: 'LimitError' }, 'strings grow to 64 KiB'],
  ['Array.from({length: 10001}).length', { error: 'LimitError' }, 'lists grow to 10,000 elements'],
  ['JSON.parse("\\"\\\\ud800\\"")', '\uFFFD', 'half a surrogate pair is U+FFFD'],
  ['Array.from({length: 10000}, (_, i) => i).map(i => Array.from({length: 100}, (_, j) => i * j).length).length', { error: 'FuelError' }, 'an expression has 100,000 units of fuel'],
  ['Array.from({length: 1000}).reduce(a => [a], 0).length', { error: 'LimitError' }, 'values nest at most 64 levels'],
];
