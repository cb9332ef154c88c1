// Golden cases: dates, in UTC and in time zones with every kind of change. The names that Node writes after the
// offset are Intl's, and cut off here.

const PARTS = ['FullYear', 'Month', 'Date', 'Day', 'Hours', 'Minutes', 'Seconds', 'Milliseconds'];
const TIMES = '[0, -1, 1e12, 1700000000000, 1711846799999, 1711846800000, 1729990800000, 1709164800000, -62135596800000, 253402300800000, 8.64e15, -8.64e15, 86399999, NaN]';
const TEXTS = [
  '2024', '2024-02', '2024-02-29', '2023-02-29', '2024-13-01', '2024-00-01', '2024-01-32', '2024-01-00', '2024-02-29T10:20', '2024-02-29T10:20:30', '2024-02-29T10:20:30.4', '2024-02-29T10:20:30.45', '2024-02-29T10:20:30.456', '2024-02-29T10:20:30.4567', '2024-02-29T10:20:30.123456789Z', '2024-02-29T10:20Z', '2024-02-29T10:20:30Z', '2024-02-29T10:20:30.456Z', '2024-02-29T10:20:30+02:00', '2024-02-29T10:20:30.5-05:30', '2024-02-29T24:00:00Z', '2024-02-29T24:00:01Z', '2024-02-29T23:60:00Z', '2024-02-29T23:59:60Z', '2024-02T10:20Z', '2024T10:20Z', '+002024-01-01', '-000001-01-01T00:00:00Z', '+275760-09-13T00:00:00.000Z', '+275760-09-13T00:00:00.001Z', '-271821-04-20T00:00:00.000Z', '-271821-04-19T23:59:59.999Z', '0000-01-01', '0099-01-01', '1969-12-31T23:59:59.999Z', '2024-02-29T10:20:30-00:00', '2024-02-29T10:20:30+23:59',
];
const NONE = ['', 'x', 'NaN', 'tomorrow', '2024-02-29T', 'T10:20', '2024-02-29T25:00Z', '2024-02-29T10:61Z'];
const quoted = (texts) => `[${texts.map((text) => JSON.stringify(text)).join(', ')}]`;

const local = [
  ...PARTS.map((part) => `${TIMES}.map(t => new Date(t).get${part}())`),
  `${TIMES}.map(t => new Date(t).getTimezoneOffset())`, `${TIMES}.map(t => String(new Date(t)).slice(0, 33))`, `${TIMES}.map(t => new Date(t).toDateString())`, `${TIMES}.map(t => new Date(t).toTimeString().slice(0, 17))`,
  `${quoted(TEXTS)}.map(t => Date.parse(t))`, `${quoted(TEXTS)}.map(t => new Date(t))`,
  ...['2024, 0, 1', '2024, 1, 29, 12, 30, 15, 500', '2024, 2, 31, 1, 30', '2024, 2, 31, 2, 30', '2024, 2, 31, 3, 0', '2024, 9, 27, 1, 30', '2024, 9, 27, 2, 30', '2024, 9, 27, 3, 0', '2024, 2, 10, 2, 30', '2024, 10, 3, 1, 30', '2018, 10, 4, 0, 0', '2024, 3, 7, 1, 45', '2024, 9, 6, 2, 15', '2011, 11, 30, 12', '2011, 11, 29, 23, 59', '1900, 0, 1', '1883, 10, 18, 12', '1970, 0, 1', '2050, 6, 1', '2100, 6, 1', '99, 0', '0, 0', '100, 0', '-1, 0', '2024, 12', '2024, -1', '2024, 0, 0', '2024, 0, 32', '2024, 0, 1, 24', '2024, 0, 1, -1', '2024, 0, 1, 0, 0, 0, -1', '275760, 8, 13', '275760, 8, 14', '-271821, 3, 20', '2024.9, 0.9, 1.9', '"2024", "1"', '2024, undefined', '2024, null', '2024, NaN', 'NaN, 0', '2024, 0, 1, 0, 0, 0, 0, 99', 'Infinity, 0', '99.9, 0'].map((parts) => `new Date(${parts})`),
  'new Date(2024, 0, 31, 12).getTime() - Date.UTC(2024, 0, 31, 12)', 'new Date("2024-06-15").getTime() - new Date("2024-06-15T00:00").getTime()', 'new Date().getHours()', 'new Date(Date.now()).getDate()', 'new Date(2024, 5, 15).toISOString()', 'new Date(new Date(2024, 2, 31, 12)).getHours()', '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(m => new Date(2024, m, 15, 12).getTimezoneOffset())', '[1900, 1920, 1945, 1960, 1980, 2000, 2020, 2037, 2038, 2060].map(y => new Date(y, 6, 1).getTimezoneOffset())', '[1900, 1920, 1945, 1960, 1980, 2000, 2020, 2037, 2038, 2060].map(y => new Date(y, 0, 1).getTime())', '[0, 1, 2, 3, 4].map(h => new Date(2024, 2, 31, h, 30).getTime())', '[0, 1, 2, 3, 4].map(h => new Date(2024, 9, 27, h, 30).getTime())', '[0, 1, 2, 3, 4].map(h => new Date(2024, 10, 3, h, 30).getTime())', '[0, 1, 2, 3, 4].map(h => new Date(2024, 2, 10, h, 30).getTime())', 'new Date(2024, 0, 1) < new Date(2024, 0, 2)',
];
const zone = (timeZone) => ({ why: `local fields in ${timeZone}: every change of its clocks`, time_zone: timeZone, cases: local });

export const suites = {
  date: {
    why: 'dates in UTC: construction, fields, texts, coercion, the bounds of time',
    cases: [
      ...local,
      ...PARTS.map((part) => `${TIMES}.map(t => new Date(t).getUTC${part}())`),
      `${TIMES}.map(t => String(new Date(t)))`, `${TIMES}.map(t => new Date(t).toTimeString())`, '`${new Date(0)}`', 'new Date(0) + ""',
      `${TIMES}.map(t => new Date(t).toUTCString())`, `${TIMES}.map(t => new Date(t).toJSON())`, `${TIMES}.map(t => new Date(t).getTime())`, `${TIMES}.map(t => new Date(t).valueOf())`, `${TIMES}.filter(t => t === t).map(t => new Date(t).toISOString())`, `${quoted(NONE)}.map(t => Date.parse(t))`, `${quoted(NONE)}.map(t => new Date(t))`, 'new Date(NaN).toISOString()', 'new Date("x").toJSON()', 'String(new Date(NaN))', 'new Date(NaN).toUTCString()', 'JSON.stringify({d: new Date(0)})', 'JSON.stringify([new Date(NaN)])', 'new Date(8.64e15 + 1)', 'new Date(-8.64e15 - 1)', 'new Date(1.9)', 'new Date(-1.9)', 'new Date(undefined)', 'new Date(null)', 'new Date(true)', 'new Date("5").getTime() !== 5', 'new Date([5]).getTime() === 5', 'new Date({})', 'new Date([])', 'new Date(new Date(7))', 'new Date()', 'new Date().getTime() === Date.now()', 'Date.now()', 'typeof new Date()', 'typeof Date.now()', 'Date.now() - 864e5', 'new Date(0) - new Date(1)', 'new Date(5) + 1', '1 + new Date(5)', 'new Date(5) * 2', '+new Date(5)', '-new Date(5)', 'new Date(5) > 4', 'new Date(5) == 5', 'new Date(5) === new Date(5)', 'new Date(5) <= new Date(5)', 'new Date(0) == String(new Date(0))', 'new Date(0) == new Date(0)', '!new Date(NaN)', '`${new Date(NaN)}`', 'Object.keys(new Date())', '({...new Date(0)})', 'new Date(0).nothing', '[new Date(2), new Date(1)].sort((a, b) => a - b).map(d => d.getTime())', '[new Date(2), new Date(10)].sort().map(Number)', '[new Date(1), new Date(2)].map(d => d.getTime())', 'Math.max(new Date(3), new Date(7))', '[...new Set([new Date(1), new Date(1)])].length', 'Number(new Date(9))', 'Number.isNaN(new Date(NaN).getTime())', 'isNaN(new Date("x"))', 'new Date(EVENT.time * 1000)', 'new Date(PROFILE.seen).getFullYear()',
      ...['2024', '2024, 1', '2024, 1, 29', '2024, 1, 29, 1, 2, 3, 4', '99, 0', '99.9, 0', '0', '-1, 0', '2024, 13', '2024, 0, 0', '275760, 8, 13', '275760, 8, 13, 0, 0, 0, 1', '', 'NaN', '2024, NaN', '"2024", "5"', '2024, undefined', 'null', '2024.9, 1.9', '2024, 0, 1, 25, 61, 61, 1001', 'Infinity', '1e300', '2024, 1e10'].map((parts) => `Date.UTC(${parts})`),
      'Date.parse()', 'Date.parse(null)', 'Date.parse(0).toString() !== "0"', 'Date.parse(new Date(1500).toISOString())', 'new Date(2024, 1, 29).toISOString().slice(0, 10)', 'Math.floor((new Date("2024-12-24") - new Date("2024-06-15")) / 864e5)', 'new Date("2024-03-15").getDay() % 6 === 0', '["2024-01-31", "2023-12-25"].map(t => new Date(t).getUTCMonth() + 1)', 'new Date("2024-02-30").getTime()', 'new Date("2024-04-31T12:00Z").getTime()', 'new Date("2024-02-29T10:20:30,5Z").getTime()', 'new Date("2024-2-9").getTime() === 0', 'new Date("+2024-01-01").getTime() === 0', 'new Date("-000000-01-01T00:00:00Z").getTime()', 'new Date("2024-01-01T10:20:30+24:00").getTime()', 'new Date("2024-01-01T10:20:30+02").getTime() === 0', 'new Date("2024-01-01T10Z").getTime() === 0', 'new Date("2024-01-01t10:20z").getTime() === 0', 'new Date("2024-01-01 10:20Z").getTime() === 0', 'new Date(" 2024-01-01").getTime() === 0',
    ],
  },
  date_berlin: zone('Europe/Berlin'),
  date_new_york: zone('America/New_York'),
  date_lord_howe: zone('Australia/Lord_Howe'),
  date_kolkata: zone('Asia/Kolkata'),
  date_apia: zone('Pacific/Apia'),
  date_sao_paulo: zone('America/Sao_Paulo'),
};
