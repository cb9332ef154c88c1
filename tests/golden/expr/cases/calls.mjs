// Golden cases: methods and functions with arguments at the edges. One case is a method over a list of arguments.

const AT = '[undefined, null, NaN, -Infinity, -4294967297, -4, -3, -1.9, -1, -0.5, -0, 0, 0.5, 1, 1.9, 2, 3, 4, 9007199254740993, 1e300, Infinity, "1", "x", "", true, [], [1], [1, 2], {}]';
const SOME = '[-Infinity, -5, -1, 0, 1, 2, 9, Infinity, NaN, undefined]';
const TEXTS = '["", "a", "b", "ab", "abc", "abca", "c", "z", " ", "\\ufffd", 1, null, undefined, true, [], ["a"], {}]';

const text = (call) => `${AT}.map(i => "abc".${call})`;
const list = (call, of = '[3, 1, 2]') => `${AT}.map(i => ${of}.${call})`;
const grid = (of, call) => `${SOME}.map(i => ${SOME}.map(j => ${of}.${call}))`;

const WORDS = '["pear", "Apple", "fig", "apple", "", "\\u00e9", "zebra", "10", "9", "\\uff5e", "\\ud83d\\ude00"]';
const MIXED = '[3, "10", 9, undefined, null, true, [2], {}, "a", NaN, -0, 1.5, "B"]';
const ROWS = '[{k: 1, v: "a"}, {k: 0, v: "b"}, {k: 1, v: "c"}, {k: 0, v: "d"}, {k: 2, v: "e"}, {k: 1, v: "f"}]';

export const suites = {
  text_edges: {
    why: 'methods of strings with arguments at the edges, coerced as the standard says',
    cases: [
      ...['at(i)', 'charAt(i)', 'charCodeAt(i)', 'codePointAt(i)', 'slice(i)', 'slice(1, i)', 'substring(i)', 'substring(2, i)', 'substr(i)', 'substr(1, i)', 'indexOf("b", i)', 'indexOf("", i)', 'lastIndexOf("b", i)', 'lastIndexOf("", i)', 'includes("b", i)', 'startsWith("b", i)', 'endsWith("b", i)', 'split("", i)', 'split(i)', 'concat(i)', 'replace("b", String(i))', 'replaceAll(i, "-")', 'hasOwnProperty(i)'].map(text),
      ...['slice(i, j)', 'substring(i, j)', 'substr(i, j)'].map((call) => grid('"abcdef"', call)),
      ...['padStart(i, "xy")', 'padEnd(i, "xy")', 'padStart(i)', 'padEnd(i, "")'].map((call) => `[undefined, null, NaN, -1, 0, 2, 3, 4, 5.9, 8, "6", [7], {}].map(i => "abc".${call})`),
      ...['repeat(i)'].map((call) => `[undefined, null, NaN, -0.9, -0, 0, 1, 2.9, "3", [2], {}, true].map(i => "ab".${call})`),
      ...['includes(t)', 'startsWith(t)', 'endsWith(t)', 'indexOf(t)', 'lastIndexOf(t)', 'split(t)', 'replace(t, "-")', 'replaceAll(t, "-")', 'concat(t)', 'padEnd(6, t)'].map((call) => `${TEXTS}.map(t => "abcabc".${call})`),
      ...['""', '"$"', '"$$"', '"$&"', '"$`"', '"$\'"', '"$1"', '"$0"', '"$<a>"', '"$$&"', '"a$&b$`c$\'d"', '"$10"'].map((by) => `["abcabc".replace("b", ${by}), "abcabc".replaceAll("b", ${by}), "".replace("", ${by}), "ab".replaceAll("", ${by})]`),
      '"abcabc".replaceAll("b", (m, at, all) => [m, at, all].join("/"))', '"abcabc".replace("c", (...list) => list.length)', '"a".replace("a", () => undefined)', '"a".replace("a", () => [1, 2])', '"aaa".replaceAll("aa", "b")', '"x".replace("x", {})', '"abc".replaceAll("", (m, at) => at)',
      '["\\t\\n\\v\\f\\r \\u00a0\\u1680\\u2000\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeffx\\ufeff", "\\u200bx", "\\u180ex", "\\u0085x"].map(t => t.trim().length)', '[" a ", "\\ufeffa\\u3000", ""].map(t => [t.trimStart(), t.trimEnd()])',
      '["\\u00df", "\\u0149", "\\u01f0", "\\u0390", "\\ufb01", "\\u1e9e", "\\u0131", "\\u0130", "\\u03c2", "\\u01c5", "\\ud801\\udc28"].map(t => [t.toUpperCase(), t.toLowerCase()])', '["\\u0391\\u03a3", "\\u03a3", "\\u0391\\u03a3 ", "\\u0391\\u03a3\\u0391", "a\\u03a3.", "\\u03a3a", "a\\u03a3\\u0301", "1\\u03a3"].map(t => t.toLowerCase())',
      '"a\\ud83d\\ude00b".split("a")', '[..."a\\ud83d\\ude00b"].length', '"\\ud83d\\ude00".codePointAt(0)', '"\\ud83d\\ude00".charCodeAt(1)', '[0, 1, 2, 3].map(i => "a\\ud83d\\ude00b".codePointAt(i))', '[0, 1, 2, 3, 4].map(i => "a\\ud83d\\ude00b".charCodeAt(i))', '"a\\ud83d\\ude00b".indexOf("b")', '"a\\ud83d\\ude00b".slice(1, 3)', '"\\ud83d\\ude00\\ud83d\\ude00".lastIndexOf("\\ud83d\\ude00")', '"\\ud83d\\ude00" < "\\uff5e"',
      '[65, 0x1f600, "66", 67.9, -1, 65536 + 65, NaN, undefined, null].slice(0, 4).map(n => String.fromCharCode(n).length)', '[0, 97, 0x1f600, "98"].map(n => String.fromCodePoint(n))', ...['-1', '1.5', '0x110000', 'NaN', 'undefined', '"x"', 'Infinity'].map((n) => `String.fromCodePoint(${n})`), '[-1, 65601, NaN, undefined, "66", 67.9].map(n => String.fromCharCode(n).charCodeAt(0))', 'String.fromCharCode()', 'String.fromCodePoint()', 'String.fromCharCode(104, 105, 0x21)',
      '"abc".repeat(-1)', '"abc".repeat(Infinity)', '"".repeat(2 ** 30)', '"abc".nothing', '"abc".length.length',
    ],
  },
  list_edges: {
    why: 'methods of lists with arguments at the edges, coerced as the standard says',
    cases: [
      ...['at(i)', 'slice(i)', 'slice(1, i)', 'indexOf(1, i)', 'lastIndexOf(1, i)', 'includes(1, i)', 'join(i)', 'concat(i)', 'toSpliced(i)', 'toSpliced(1, i)', 'toSpliced(i, 1, "x")', 'includes(i)', 'indexOf(i)', 'lastIndexOf(i)', 'hasOwnProperty(i)'].map((call) => list(call)),
      ...['flat(i)'].map((call) => list(call, '[1, [2, [3, [4, [5]]]]]')),
      ...['slice(i, j)', 'toSpliced(i, j)', 'toSpliced(i, j, "x", "y")'].map((call) => grid('[1, 2, 3, 4]', call)),
      ...['-3', '-1', '0', '2', '1.9', '"1"', 'undefined', 'NaN', 'null', '[]', '3', '-4', 'Infinity', '-Infinity', '1e300', '"x"', '{}'].map((at) => `[1, 2, 3].with(${at}, 9)`),
      ...['[]', '[undefined]', '[null, undefined, [], [null]]', '[[1, [2, 3]], "a"]', '[NaN, -0, 1e21]', '[{}, true]'].flatMap((of) => [`${of}.join()`, `${of}.join("-")`, `String(${of})`, `${of}.toString()`]),
      ...[MIXED, WORDS, '[10, 9, 1, 100, -1, -10, 0.5, 1e21, 5e-7]', '[]', '[1]', '[undefined, undefined, 3]', '[[2, 1], [2], [10], []]'].flatMap((of) => [`${of}.sort()`, `${of}.toSorted()`, `${of}.sort(undefined)`, `${of}.reverse()`, `${of}.toReversed()`, `${of}.length`]),
      '[10, 9, 1, 100, -1].sort((a, b) => a - b)', '[10, 9, 1, 100, -1].sort((a, b) => b - a)', `${ROWS}.sort((x, y) => x.k - y.k).map(r => r.v).join("")`, `${ROWS}.toSorted((x, y) => y.k - x.k).map(r => r.v).join("")`, '[3, 1, 2].sort((a, b) => NaN)', '[3, 1, 2].sort(() => 0)', '[3, 1, 2].sort((a, b) => String(a - b))', '[3, 1, 2].sort((a, b) => ({}))', '[1, undefined, 0].sort((a, b) => b - a)', '[2, 1].sort(null)', '[2, 1].sort("x")', '[].sort(1)', '[2, 1].toSorted({})',
      'Array.from({length: 40}, (_, i) => i * 7 % 40).sort((a, b) => a - b)', 'Array.from({length: 40}, (_, i) => ({k: i % 3, i})).sort((a, b) => a.k - b.k).map(r => r.i).join()', 'Array.from({length: 100}, (_, i) => i * 37 % 100).sort().join()', 'Array.from({length: 30}, (_, i) => i % 2 ? undefined : i).sort().join()',
      ...['map', 'filter', 'find', 'findIndex', 'findLast', 'findLastIndex', 'some', 'every', 'flatMap', 'forEach'].flatMap((name) => [`[1, 2, 3].${name}((x, i, l) => x > 1 && i < 2 && l.length === 3)`, `[].${name}(x => x.y)`, `[1].${name}()`, `[1].${name}({})`, `[1].${name}("x")`, `[null].${name}(x => x.y)`]),
      ...['reduce', 'reduceRight'].flatMap((name) => [`["a", "b", "c"].${name}((t, x, i, l) => t + x + i + l.length)`, `["a", "b", "c"].${name}((t, x, i) => t + x + i, "")`, `[].${name}((t, x) => t)`, `[].${name}((t, x) => t, undefined)`, `[5].${name}((t, x) => 0)`, `[1, 2].${name}()`, `[1, 2].${name}(1, 2)`, `[[1], [2]].${name}((t, x) => [...t, ...x])`, `[1, 2].${name}((t, x) => t.y, null)`]),
      ...['undefined', '0', '1', '2', '-1', '3', 'Infinity', 'NaN', '"2"', 'null'].map((depth) => `[1, [2, [3, [4, []]]], []].flat(${depth})`), '[1, 2].flatMap(x => [x, [x]])', '[1, 2].flatMap(x => "ab")', '[[1], 2].flatMap(x => x)',
      '[1, 2, 3].concat(4, [5, [6]], "ab", undefined, null)', '[].concat([])', '[1].concat({length: 1, 0: 2})', '[[1]].concat([[2]])',
      ...['"abc"', '[1, 2]', '{length: 2}', '{length: "2", 0: "x"}', '{length: -1}', '{length: 1.9, 0: 1}', '{0: 1}', '5', 'true', '"\\ud83d\\ude00"', '{length: NaN}', '[[1, 2]]'].flatMap((of) => [`Array.from(${of})`, `Array.from(${of}, (x, i) => [x, i])`]), 'Array.from([1], null)', 'Array.from([1], undefined)', 'Array.from([1], 5)', 'Array.from()', 'Array.of()', 'Array.of(undefined, null, [1])', 'Array.of(7)',
      '[1, 2, 3].includes(NaN)', '[NaN].includes(NaN)', '[NaN].indexOf(NaN)', '[0].includes(-0)', '[-0].indexOf(0)', '[undefined].includes()', '[undefined].indexOf()', '[null].includes(undefined)', '[[1]].includes([1])', '["1"].includes(1)', '[1, 2, 1].lastIndexOf(1, -1)', '[1, 2, 1].lastIndexOf(1, -2)', '[1, 2, 1].lastIndexOf(1, 0)', '[1].lastIndexOf(1, undefined)', '[].lastIndexOf(1, 0)', '[].indexOf(1)', '[].includes()', '[].at(0)', '[].at()', '[].join("x")', '[].flat()', '[].concat()', '[].slice(1)', '[].toReversed()', '[].toSpliced(0, 1, 2)', '[].with(0, 1)', '[1].with()', '[].every(x => false)', '[].some(x => true)',
      '[1, 2, 3].length', '[1, 2, 3]["length"]', '[[1, 2], [3]].length', '[1, 2, 3].nothing', '[1, 2, 3]["-1"]', '[1, 2, 3]["1.0"]', '[1, 2, 3][" 1"]', '[1, 2, 3]["1e0"]', '[1][0][0]', '[[[]]][0][0].length',
    ],
  },
  object_edges: {
    why: 'functions over objects: property order, coerced names, what has no properties',
    cases: [
      ...['{b: 1, a: 2, 1: 3, 0: 4}', '{"01": 1, "1": 2, "-1": 3, "1.5": 4, "4294967294": 5, "4294967295": 6, "9007199254740993": 7}', '[7, [8]]', '"hi"', '"\\ud83d\\ude00".length', '5', 'true', '{}', '[]', '""', '{a: undefined, b: null}', '{"": 1, " ": 2}', '{a: {b: {c: 1}}}'].flatMap((of) => [`Object.keys(${of})`, `Object.values(${of})`, `Object.entries(${of})`, `({...${of}})`]),
      ...['[["a", 1], ["b", 2], ["a", 3]]', '[[1, 2], [0, 3]]', '[[null, 1], [undefined, 2], [true, 3], [[1, 2], 4], [{}, 5]]', '[["a"]]', '[[]]', '[{0: "k", 1: "v"}]', '[["b", 1], ["a", 2], ["1", 3], ["0", 4]]', '[]', '""'].map((of) => `Object.fromEntries(${of})`), ...['["ab"]', '[1]', '[null]', '[undefined]', '5', '{}', '"ab"', 'true'].map((of) => `Object.fromEntries(${of})`),
      ...['{}, {a: 1}, null, undefined, {b: 2, a: 3}', '{a: 1}, "hi", 5, true', '{}, [7, 8]', '{b: 1}, {a: 2, 1: 3}', '{}', '{a: 1}, {a: undefined}', '{}, {__x: 1}, {__x: 2}'].map((of) => `Object.assign(${of})`),
      ...['{a: 1}, "a"', '{a: 1}, "b"', '{a: undefined}, "a"', '[1], 0', '[1], "0"', '[1], 1', '[1], "length"', '"ab", 1', '"ab", 2', '"ab", "length"', '5, "a"', '{1: 2}, 1', '{null: 1}, null', '{}, "toString"', '[], "map"'].map((of) => `Object.hasOwn(${of})`), 'Object.hasOwn(null, "a")', 'Object.hasOwn(undefined, "a")', 'Object.hasOwn({undefined: 1})', 'Object.hasOwn()',
      ...['NaN, NaN', '0, -0', '-0, -0', '"a", "a"', '[], []', 'undefined, null', 'undefined', '1, "1"', 'null, null', ''].map((of) => `Object.is(${of})`),
      '({b: 1, a: 1, 1: 1, ...{c: 1, 0: 1}})', '({...{a: 1}, a: 2, ...{a: 3, b: 4}})', '({a: 1, ...{a: 2}, a: 3}).a', '({[1 + 1]: "x", ["a" + "b"]: "y", [`t${1}`]: "z"})', '({[null]: 1, [undefined]: 2, [true]: 3, [1.50]: 4, [-0]: 5, [1e21]: 6, [[1, 2]]: 7})', '({1e3: 1, 0b11: 2, .5: 3, 1_0: 4})', '({"a b": 1, \'c\': 2, if: 3, null: 4, undefined: 5, NaN: 6, Infinity: 7})', '({a: 1, "a": 2, ["a"]: 3})', '({}).a', '({}).a?.b', '({a: {}}).a.b', '({a: null}).a?.b', '({a: 1})["a"]', '({1: "x"})[1]', '({1: "x"})["1"]', '({"1.5": "x"})[1.5]', '({a: 1}).hasOwnProperty("a")', '({a: 1}).hasOwnProperty("b")', '({a: 1}).hasOwnProperty()', '[1].hasOwnProperty("length")', '[1].hasOwnProperty(0)', '"ab".hasOwnProperty(1)', '({a: 1}).toString()', '({a: 1}).valueOf()', '({toString: 1}).toString', '({length: 3}).length', '({map: 5}).map', '({a: 1}) == "[object Object]"', '({a: 1}) + 1', '`${{}}`', '({}) + []', '[{}] + ""', '+{}', '({valueOf: 5}) + 1', '({toString: null}) + ""',
    ],
  },
  json_edges: {
    why: 'JSON: what has no form, order, indentation, escapes, and texts that are none',
    cases: [
      ...['undefined', 'null', 'true', '-0', 'NaN', 'Infinity', '1e21', '1e-7', '"\\u2028\\u0000\\u001f\\u007f\\"\\\\/"', '"\\ud83d\\ude00"', '[]', '{}', '[undefined, NaN, null]', '{a: undefined, b: NaN, c: null}', '{b: 1, a: 2, 1: 3}', '[[[]], {}]', '{"\\n": {"": ""}}', '[1, [2, {a: [3]}]]'].flatMap((of) => [`JSON.stringify(${of})`, `JSON.stringify(${of}, null, 2)`]),
      ...['0', '1', '4', '10', '11', '-1', '1.9', '"\\t"', '"--"', '"0123456789ab"', '""', 'null', 'true', '[]', '{}', '"2"', 'NaN'].map((space) => `JSON.stringify({a: [1, {b: 2}], c: {}}, null, ${space})`),
      ...['["a"]', '["c", "a"]', '[]', '["a", "a"]', '[1, "1"]', '[null, undefined, true]', '[["a"]]', 'null', 'undefined', '{}', '5', '"a"'].map((names) => `JSON.stringify({a: 1, c: {a: 2, b: 3}, 1: [{a: 1}]}, ${names})`), 'JSON.stringify()', 'JSON.stringify([[]])',
      ...['null', 'true', ' [1 , 2 ] ', '{"a":{"b":[]}}', '"\\u0041\\n\\/"', '1e3', '-1.5E-2', '{"b":1,"a":2,"1":3,"b":4}', '[]', '{}', '""', '\t\n\r 1', '123456789012345678901234567890', '0.1', '{"a":1}', '"\ud83d\ude00"'].map((of) => `JSON.parse(${JSON.stringify(of)})`),
      ...['', ' ', '{', '[1,]', '{"a":1,}', '{a:1}', "'a'", '01', '1.', '.5', '+1', '0x1', 'NaN', 'undefined', 'Infinity', 'nul', 'True', '"\n"', '"\\x41"', '"\\u12"', '1 2', '[1 2]', '{"a" 1}', '// a', '\u00a01', '\ufeff1', '"', '[', ']', '-', '--1', '1e', 'tru', '{"a":}', '[,1]'].map((of) => `JSON.parse(${JSON.stringify(of)})`),
      ...['null', 'true', '5', '[1]', '["1"]', '{}', 'undefined', '[]', 'NaN', '"5"'].map((of) => `JSON.parse(${of})`), 'JSON.parse(JSON.stringify({a: [1, "x", null, {b: true}]}))', 'JSON.parse()', 'JSON.parse("[1]", null)', 'JSON.parse("[1]", 5)',
    ],
  },
  uri_edges: {
    why: 'URI components: every ASCII character, several bytes, and what is malformed',
    cases: [
      'encodeURIComponent(Array.from({length: 128}, (_, i) => String.fromCharCode(i)).join(""))', 'decodeURIComponent(encodeURIComponent(Array.from({length: 256}, (_, i) => String.fromCharCode(i)).join(""))).length', '[undefined, null, true, 1.5, [1, 2], {}, "", "\\u00e9", "\\u20ac", "\\ud83d\\ude00"].map(encodeURIComponent)',
      ...['%41', '%e2%82%ac', '%F0%9F%98%80', 'a+b', '%25', '%2541', '', '%00', '%7F', '%C2%80'].map((of) => `decodeURIComponent("${of}")`), ...['%', '%4', '%zz', '%C3', '%C3%41', '%80', '%FF', '%ED%A0%80', '%F8%80%80%80%80', '%E0%80%80', '%F4%90%80%80', '%C0%80', 'a%', '%u0041'].map((of) => `decodeURIComponent("${of}")`), 'decodeURIComponent()', 'encodeURIComponent()', 'decodeURIComponent(null)', 'decodeURIComponent([1])',
    ],
  },
};
