// Golden cases: numbers as text in every radix and precision, and text as numbers.

const NUMBERS = [
  '0', '-0', '1', '-1', '0.5', '-0.1', '0.1 + 0.2', '1 / 3', '255', '-255.5', '123.456', '1e21', '1e-7', '123456789012345680000',
  '5e-324', '1.7976931348623157e308', '2 ** 53', '2 ** 31', '99.995', '1.005', '0.000001', '1e300', 'NaN', 'Infinity', '-Infinity',
];
const FIXED = ['0', '-0', '0.5', '1.5', '2.5', '-2.5', '1.005', '1.45', '8.345', '99.995', '0.000001', '-1e-10', '123456.789', '1e20', '1e21', '5e-324', 'NaN', '-Infinity'];
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const list = (values) => `[${values.join(', ')}]`;
const TEXTS = [
  '""', '" "', '"0"', '"-0"', '"+0"', '"007"', '"1."', '".1"', '"."', '"-.5e-2"', '"1e3"', '"1E+3"', '"1e"', '"e1"', '"0x1F"', '"0X1f"',
  '"-0x1"', '"0b11"', '"0o17"', '"0b2"', '"017"', '"1_0"', '"1n"', '"Infinity"', '"-Infinity"', '"+Infinity"', '"infinity"', '"NaN"',
  '"1,5"', '"12px"', '"\\u00a012\\ufeff"', '"\\u180e1"', '"\\t1\\n"', '"1e1000"', '"-1e1000"', '"1e-1000"', '"--1"', '"+-1"', '"1 2"',
  '"9007199254740993"', '"0.1e-6"', '"123456789012345678901234567890"', '"\\u0661"', '"4.35"', '"0.30000000000000004"',
];

export const suites = {
  number_texts: {
    why: 'the shortest text that reads back as the same number, and its forms in every radix and precision',
    cases: [
      ...range(2, 36).map((radix) => `${list(NUMBERS)}.map(n => n.toString(${radix}))`),
      ...[...range(0, 22), 50, 100].map((digits) => `${list(FIXED)}.map(n => n.toFixed(${digits}))`),
      ...[...range(1, 22), 50, 100].map((digits) => `${list(FIXED)}.map(n => n.toPrecision(${digits}))`),
      ...[...range(0, 21), 50, 100].map((digits) => `${list(FIXED)}.map(n => n.toExponential(${digits}))`),
      `${list(FIXED)}.map(n => n.toExponential())`, `${list(FIXED)}.map(n => n.toPrecision())`, `${list(FIXED)}.map(n => n.toFixed())`,
      ...['"2"', 'null', 'undefined', 'NaN', '1.9', '[3]', '-0.9', '"x"'].map((digits) => `(1.2345).toFixed(${digits})`),
      ...['"2"', 'undefined', '1.9', '[3]', '100.9', 'NaN', '101', 'null', '"x"'].map((digits) => `(1.2345).toPrecision(${digits})`),
      ...['"16"', 'undefined', '2.9', '[3]', 'NaN', '1', '37', 'null', '"x"', '36.9'].map((radix) => `(255.5).toString(${radix})`),
      ...['"2"', 'undefined', '1.9', '101', '-1', 'NaN', 'null'].map((digits) => `(1.2345).toExponential(${digits})`),
      `${list(NUMBERS)}.map(n => String(n))`, `${list(NUMBERS)}.map(n => JSON.stringify(n))`, `${list(range(-30, 30).map((e) => `1.5e${e}`))}.map(String)`,
      `${list(range(-30, 30).map((e) => `123456789e${e}`))}.join()`, `${list(range(0, 60).map((e) => `2 ** ${e} + 1`))}.join()`, `${list(range(1, 60).map((e) => `1 / 2 ** ${e}`))}.join()`,
      `${list(range(1, 40).map((n) => `${n} / 7`))}.join()`, `${list(range(1, 40).map((n) => `${n} / 10`))}.join()`, `${list(range(300, 330).map((e) => `1.1e-${e}`))}.join()`,
      `${list(range(290, 310).map((e) => `9.9e${e}`))}.join()`,
    ],
  },
  text_numbers: {
    why: 'text as a number: Number, parseFloat and parseInt each read their own way',
    cases: [
      `${list(TEXTS)}.map(Number)`, `${list(TEXTS)}.map(parseFloat)`, `${list(TEXTS)}.map(t => parseInt(t))`, `${list(TEXTS)}.map(t => +t)`,
      `${list(TEXTS)}.map(t => t == 0)`, `${list(TEXTS)}.map(t => t * 1)`, `${list(TEXTS)}.map(isNaN)`, `${list(TEXTS)}.map(t => Number.isInteger(Number(t)))`,
      ...range(2, 36).map((radix) => `["11", "z", "7f", "-101", "0x11", "${radix - 1}", "1e3", ""].map(t => parseInt(t, ${radix}))`),
      ...range(2, 36).map((radix) => `[0, 1, 35, 255, 4294967295, 9007199254740991].map(n => parseInt(n.toString(${radix}), ${radix}))`),
      ...['0', '1', '37', '-1', 'NaN', 'undefined', 'null', '"16"', '16.9', '4294967298', 'Infinity', '[16]', '{}', 'true'].map((radix) => `parseInt("0x1f", ${radix})`),
    ],
  },
  number_bounds: {
    why: 'arithmetic at the edges of doubles and of 32 bits',
    cases: [
      ...['+', '-', '*', '/', '%', '**', '&', '|', '^', '<<', '>>', '>>>'].flatMap((operator) =>
        ['0', '-0', 'NaN', 'Infinity', '-Infinity', '5e-324', '1.7976931348623157e308', '2147483648', '4294967295', '-2147483649', '9007199254740993'].map((one) =>
          list(['0', '-0', '1', '-1', '0.5', '2', 'Infinity', '-Infinity', 'NaN', '31', '32', '33', '5e-324', '1e308'].map((other) => `(${one}) ${operator} (${other})`)))),
      ...['Math.abs', 'Math.ceil', 'Math.floor', 'Math.round', 'Math.trunc', 'Math.sign', 'Math.sqrt', 'Math.fround', 'Math.clz32', 'Number.isInteger', 'Number.isSafeInteger']
        .map((name) => `[-0, 0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 0.49999999999999994, 4503599627370495.5, 4503599627370497.5, -4503599627370495.5, 1e300, 5e-324, 9007199254740991, 9007199254740992, 2147483648, 4294967296, NaN, Infinity, -Infinity].map(n => ${name}(n))`),
      ...['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'exp', 'expm1', 'log', 'log2', 'log10', 'log1p', 'cbrt']
        .map((name) => `[-0, 0, NaN, Infinity, -Infinity, -1, 1].map(n => Number(Math.${name}(n).toPrecision(14)))`),
      ...['0', '-0', '1', '-1', 'Infinity', '-Infinity', 'NaN'].map((one) => `[0, -0, 1, -1, Infinity, -Infinity, NaN].map(n => Number(Math.atan2(${one}, n).toPrecision(14)))`),
      ...['0', '-0', '1', '-8', 'Infinity', '-Infinity', 'NaN'].map((one) => `[0, -0, 1, -1, 3, -3, 2, Infinity, -Infinity, NaN].map(n => Math.pow(${one}, n))`),
      '[[], [NaN, Infinity], [-Infinity], [3, 4], [1e200, 1e200], ["3", "4"], [0, -0], [NaN]].map(l => Math.hypot(...l))',
      '[[], [NaN, 1], [1, NaN], [0, -0], [-0, 0], ["5", 3], [null], [undefined], [[7]], [true, false]].map(l => Math.max(...l))',
      '[[], [NaN, 1], [1, NaN], [0, -0], [-0, 0], ["5", 3], [null], [undefined], [[7]], [true, false]].map(l => Math.min(...l))',
      '[[1, 2], [4294967295, 5], [0.5, 3], [-1, 8], ["7", "6"], [NaN, 1], [2147483648, 2]].map(l => Math.imul(...l))',
    ],
  },
};
