// Golden cases: every operator over every pair of kinds of value. One case is an operator and its left operand;
// its value is the list of results over all right operands.

const VALUES = [
  'undefined', 'null', 'true', 'false', '0', '-0', '1', '-1.5', 'NaN', 'Infinity', '""', '" "', '"0"', '"1"',
  '"12"', '"0x10"', '"abc"', '"true"', '[]', '[0]', '[12]', '[1, 2]', '["abc"]', '[null]', '[[]]', '{}', '{a: 1}',
];
const INSTANCES = ['new Date(0)', 'new Date(NaN)', 'new Set([1])', '/a/g', '[].map', 'Math.max'];
const OPERATORS = [
  '+', '-', '*', '/', '%', '**', '<<', '>>', '>>>', '&', '|', '^', '<', '<=', '>', '>=', '==', '!=', '===', '!==',
  '&&', '||', '??',
];
const FRONT = ['+', '-', '~', '!', 'typeof ', 'void ', '!!', '- -', '~~', 'typeof -'];
const CALLED = [
  'String', 'Number', 'Boolean', 'isNaN', 'isFinite', 'parseInt', 'parseFloat', 'Number.isInteger', 'Number.isNaN',
  'Number.isFinite', 'Array.isArray', 'JSON.stringify', 'encodeURIComponent', 'Math.abs', 'Math.round', 'Math.sign',
  'Object.keys', 'Object.values', 'Object.entries', 'Array.from',
];

const each = (values, of) => `[${values.map((value) => of(value)).join(', ')}]`;
const left = (value) => (value.startsWith('-') ? `(${value})` : value.startsWith('{') ? `(${value})` : value);

/** The results of one operator and one left operand; a pair that throws has a case of its own. */
function pairs(lefts, rights) {
  return OPERATORS.flatMap((operator) => lefts.map((one) => each(rights, (other) => `${left(one)} ${operator} ${left(other)}`)));
}

const tried = (source) => `[1].map(() => ${source})[0]`;
const throwing = (values, functions) =>
  functions.flatMap((name) => values.map((value) => `${name}(${value})`));

export const suites = {
  coercion_pairs: {
    why: 'an operator over every pair of kinds: the list of results over all right operands',
    cases: pairs(VALUES, VALUES).concat(
      FRONT.map((operator) => each(VALUES, (value) => `${operator}${left(value)}`)),
    ),
  },
  coercion_calls: {
    why: 'a function over every kind of value',
    cases: CALLED.map((name) => {
      const throws = name.startsWith('Object.') || name === 'Array.from';
      return each(throws ? VALUES.slice(2) : VALUES, (value) => `${name}(${value})`);
    }).concat(throwing(['undefined', 'null'], ['Object.keys', 'Object.values', 'Object.entries', 'Object.fromEntries', 'Array.from'])),
  },
  coercion_places: {
    why: 'places that coerce: names, indices, templates, joins, conditions',
    cases: [
      each(VALUES, (value) => `\`\${${value}}\``),
      each(VALUES, (value) => `[${value}].join()`),
      each(VALUES, (value) => `(${value} ? 1 : 0)`),
      each(VALUES, (value) => `({[${value}]: 1})`),
      each(VALUES, (value) => `[1, 2, 3][${value}]`),
      each(VALUES, (value) => `"abc"[${value}]`),
      each(VALUES, (value) => `({"": 1, 0: 2, 12: 3, undefined: 4, "1,2": 5, "[object Object]": 6, null: 7})[${value}]`),
      each(VALUES, (value) => `${left(value)} in [1, 2]`),
      each(VALUES, (value) => `[1, 2, 3].at(${value})`),
      each(VALUES, (value) => `"abc".includes(${value})`),
      each(VALUES, (value) => `"abc".concat(${value})`),
      each(VALUES, (value) => `[1, 2].concat(${value})`),
      each(VALUES, (value) => `[3, 1, 2].slice(${value})`),
      each(VALUES, (value) => `[3, 1, 2].includes(${value})`),
      each(VALUES, (value) => `[3, 1, 2].indexOf(${value})`),
      each(VALUES, (value) => `[[1, [2]]].flat(${value})`),
      each(VALUES, (value) => `[1, 2].join(${value})`),
      each(VALUES, (value) => `Object.is(${value}, ${value})`),
      each(VALUES, (value) => `typeof (${value})?.length`),
      each(VALUES, (value) => `(${value})?.a`),
      each(VALUES, (value) => `({...${value}})`),
      each(VALUES, (value) => `Math.max(${value}, 0)`),
      each(VALUES, (value) => `Math.min(${value})`),
      each(VALUES, (value) => `parseInt("11", ${value})`),
      each(VALUES.slice(10), (value) => `JSON.stringify({a: [1]}, null, ${value})`),
      ...VALUES.slice(0, 10).map((value) => `[...${value}]`),
      ...['25', '26'].map((at) => `[...${VALUES[at]}]`),
      ...['undefined', 'null', 'true', '1', '""', '"abc"'].map((value) => `"a" in ${value}`),
      ...VALUES.slice(0, 2).map((value) => `${value}.a`),
      ...VALUES.slice(0, 2).map((value) => `${value}[0]`),
      ...VALUES.map((value) => tried(`[1].map(${value})`)),
    ],
  },
  coercion_instances: {
    why: 'an operator over dates, sets, regular expressions and functions beside every kind',
    cases: pairs(INSTANCES, [...VALUES, ...INSTANCES])
      .concat(OPERATORS.flatMap((operator) => INSTANCES.map((other) => each(VALUES, (one) => `${left(one)} ${operator} ${other}`))))
      .concat(FRONT.map((operator) => each(INSTANCES, (value) => `${operator}${value}`)))
      .concat(['String', 'Number', 'Boolean', 'JSON.stringify', 'Object.keys', 'Array.isArray'].map((name) => each(INSTANCES, (value) => `${name}(${value})`)))
      .concat([
        each(INSTANCES, (value) => `\`\${${value}}\``), each(INSTANCES, (value) => `({[${value}]: 1})`),
        each(INSTANCES, (value) => `({...${value}})`), each(INSTANCES, (value) => `[${value}].join()`),
        each(INSTANCES, (value) => `${value}?.a`), each(INSTANCES, (value) => `"abc".includes(String(${value}))`),
        '[...new Set([3, 1, 3])]', '[...new Date(0)]', '[.../a/]', '[...[].map]', '"a" in new Date(0)', '"size" in new Set()',
      ]),
  },
};
