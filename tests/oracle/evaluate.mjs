// What JavaScript says: Node evaluates one expression as the expression language means it.
//
// The golden suite's `generate.mjs` and the differential fuzzer's `node.mjs` both ask here, so that
// there is one meaning. What page 3 fixes is fixed here too: the clock, the names beside the
// built-ins, `sort` and `reverse` returning new lists, and `Date.parse` of ISO 8601
// forms alone (and of what dates themselves write).

const RealDate = Date;
const UNITS_MS = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const ISO_FORM = new RegExp(
  '^(\\d{4}|[+-]\\d{6})(-\\d\\d(-\\d\\d)?)?' +
    '(T\\d\\d:\\d\\d(:\\d\\d([.,]\\d+)?)?(Z|[+-]\\d\\d:\\d\\d)?)?$',
);
// What `toString` and `toUTCString` write must be read again (ECMA-262 21.4.3.2); V8 fails to where
// the year is below 100.
const OWN_FORM = new RegExp(
  '^\\w{3},? (?:(\\w{3}) (\\d\\d)|(\\d\\d) (\\w{3})) (-?\\d{4,6}) ' +
    '(\\d\\d):(\\d\\d):(\\d\\d) GMT(?:([+-])(\\d\\d)(\\d\\d)(?: \\(.*\\))?)?$',
);
const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';
const TEXT_UNITS_MAX = 1 << 22;
const LIST_ITEMS_MAX = 1 << 20;

const state = { nowMs: 1700000000000, otherDates: 0, zoneNames: 0 };

/** Thrown where Node would spend minutes or gigabytes on what our limits end at once. */
class Huge extends Error {}

function parseDate(text) {
  if (ISO_FORM.test(text)) return RealDate.parse(text);
  const own = OWN_FORM.exec(text);
  if (own) return parseOwn(own);
  state.otherDates += 1;
  return NaN;
}

function parseOwn([, before, date, dateBefore, month, year, hour, minute, second, ...offset]) {
  const time = new RealDate(0);
  time.setUTCFullYear(year, MONTHS.indexOf(before ?? month) / 3, date ?? dateBefore);
  time.setUTCHours(hour, minute, second);
  const [sign = '+', hours = 0, minutes = 0] = offset;
  return time.getTime() - Number(`${sign}1`) * (hours * 60 + Number(minutes)) * 6e4;
}

const fixed = {
  now: () => state.nowMs,
  parse: (text) => parseDate(`${text}`),
};

const FixedDate = new Proxy(RealDate, {
  apply: () => new RealDate(state.nowMs).toString(),
  construct(target, list) {
    if (list.length === 0) return new RealDate(state.nowMs);
    if (list.length > 1 || list[0] instanceof RealDate) return new RealDate(...list);
    let value = list[0];
    if (typeof value === 'object' && value !== null) {
      value = value[Symbol.toPrimitive]?.('default') ?? `${primitive(value)}`;
    }
    return new RealDate(typeof value === 'string' ? parseDate(value) : value);
  },
  set: () => false,
  defineProperty: () => false,
  get(target, name) {
    return Object.hasOwn(fixed, name) ? fixed[name] : Reflect.get(target, name);
  },
});

/** ToPrimitive without a hint, for what has no Symbol.toPrimitive of its own. */
function primitive(value) {
  for (const name of ['valueOf', 'toString']) {
    const result = typeof value[name] === 'function' ? value[name]() : value;
    if (result === null || typeof result !== 'object') return result;
  }
  throw new TypeError('Cannot convert object to primitive value');
}

const originals = new WeakMap();
const sourceOf = Function.prototype.toString;

/** Replaces a method by one that first looks at what it is asked for. */
function guard(owner, name, look) {
  const original = owner[name];
  const guarded = function (...list) {
    return look.call(this, original, list);
  };
  originals.set(guarded, original);
  Object.defineProperty(guarded, 'length', { value: original.length });
  Object.defineProperty(guarded, 'name', { value: name });
  Object.defineProperty(owner, name, {
    value: guarded, enumerable: false, writable: true, configurable: true,
  });
}

/** Makes the built-ins what page 3 says, and safe to call with any number. */
export function settle() {
  globalThis.Date = FixedDate;
  originals.set(FixedDate, RealDate);
  for (const name of ['now', 'parse']) originals.set(fixed[name], RealDate[name]);
  guard(Function.prototype, 'toString', function () {
    return sourceOf.call(originals.get(this) ?? this);
  });
  for (const name of ['sort', 'reverse']) {
    guard(Array.prototype, name, function (original, list) {
      return original.apply(Array.isArray(this) ? this.slice() : this, list);
    });
  }
  for (const name of ['toString', 'toTimeString']) {
    guard(RealDate.prototype, name, function (original, list) {
      state.zoneNames += 1;
      return original.apply(this, list);
    });
  }
  const text = (longest) =>
    function (original, list) {
      if (this !== null && this !== undefined && longest(`${this}`, list) > TEXT_UNITS_MAX) {
        throw new Huge();
      }
      return original.apply(this, list);
    };
  // What the method will make of the number; what throws there throws there.
  const number = (value) => {
    try {
      return Number(value);
    } catch {
      return 0;
    }
  };
  const finite = (value) => (number(value) < 2 ** 29 ? number(value) : 0);
  guard(String.prototype, 'repeat', text((self, [count]) => self.length * finite(count)));
  guard(String.prototype, 'padStart', text((self, [length]) => finite(length)));
  guard(String.prototype, 'padEnd', text((self, [length]) => finite(length)));
  // Between 0 and 1 V8 breaks lines without indenting them; ToIntegerOrInfinity gives 0.
  guard(JSON, 'stringify', function (original, [value, replacer, space, ...more]) {
    const small = typeof space === 'number' && space > 0 && space < 1;
    return original.call(this, value, replacer, small ? 0 : space, ...more);
  });
  guard(Array, 'from', function (original, list) {
    const from = list[0];
    const length = from !== null && typeof from === 'object' ? number(from.length) : 0;
    const iterates = Symbol.iterator in Object(from ?? 0);
    if (!iterates && length > LIST_ITEMS_MAX && length < 2 ** 32) throw new Huge();
    return original.apply(this, list);
  });
}

const GLOBALS = [
  'Array', 'Boolean', 'Date', 'JSON', 'Math', 'Number', 'Object', 'RegExp', 'Set', 'String',
  'Function', 'Promise', 'Map', 'Symbol', 'Error', 'Proxy', 'Reflect', 'parseInt', 'parseFloat',
  'isNaN', 'isFinite', 'encodeURIComponent', 'decodeURIComponent', 'globalThis',
];

/** Keeps a program that assigns from changing what the next one sees. */
export function protect() {
  for (const name of GLOBALS) {
    const value = globalThis[name];
    Object.defineProperty(globalThis, name, { writable: false, configurable: false });
    if (name === 'globalThis') continue;
    const owners = name === 'Date' ? [RealDate.prototype] : [value, value.prototype];
    owners.filter((owner) => owner instanceof Object).forEach(Object.freeze);
  }
  const iterators = [[].values(), new Set().values(), ''[Symbol.iterator](), ''.matchAll(/a/g)];
  iterators.map(Object.getPrototypeOf).forEach(Object.freeze);
}

/** The event's processing time, for `Date` and `ago`. */
export function setNow(nowMs) {
  state.nowMs = nowMs;
}

/** What happened since the last call: texts that `Date.parse` met and that are not ISO 8601, and
 * names of time zones that were written. */
export function takeCounts() {
  const { otherDates, zoneNames } = state;
  Object.assign(state, { otherDates: 0, zoneNames: 0 });
  return { other_dates: otherDates, zone_names: zoneNames };
}

const ago = (text) => state.nowMs - Number(text.slice(0, -1)) * UNITS_MS[text.at(-1)];
const escapeHtml = (text) =>
  text === undefined || text === null ? text : `${text}`.replace(/[&<>"']/g, (c) => ENTITIES[c]);

/**
 * A value as JSON in which what JSON cannot say is an object whose first name is "$":
 * {"$": "undefined"}, "NaN", "Infinity", "-Infinity", "-0", "hole", "function", "iterator", and
 * {"$": "Date", "ms"}, {"$": "RegExp", "text"}, {"$": "Set", "items"}, and for lists with names,
 * as `match` gives them, {"$": "list", "items", "names"}.
 */
export function encode(value) {
  if (value === undefined) return { $: 'undefined' };
  if (typeof value === 'number') {
    if (Number.isFinite(value) && !Object.is(value, -0)) return value;
    return { $: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (typeof value === 'function') return { $: 'function' };
  if (Array.isArray(value)) return encodeList(value);
  if (value === null || typeof value !== 'object') return value;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag === 'Date') return { $: 'Date', ms: encode(RealDate.prototype.getTime.call(value)) };
  if (tag === 'RegExp') return { $: 'RegExp', text: `${value}` };
  if (tag === 'Set') return { $: 'Set', items: [...value].map(encode) };
  if (tag.endsWith('Iterator')) return { $: 'iterator' };
  return encodeNames(Object.entries(value));
}

const encodeNames = (entries) =>
  Object.fromEntries(entries.map(([name, entry]) => [name, encode(entry)]));

function encodeList(list) {
  const items = Array.from(list, (item, at) => (at in list ? encode(item) : { $: 'hole' }));
  const named = Object.entries(list).filter(([name]) => !(name < list.length));
  return named.length ? { $: 'list', items, names: encodeNames(named) } : items;
}

const PARAMETERS = ['PROFILE', 'EVENT', 'ago', 'escapeHtml'];

/** What the expression gives: {value: encoded} or {error: class}; a program that does not parse
 * has {error: 'SyntaxError', early: true}. */
export function evaluate(expression, profile, event) {
  let run;
  try {
    run = new Function(...PARAMETERS, `"use strict"; return (${expression}\n);`);
  } catch (error) {
    return { error: error.constructor.name, early: true };
  }
  try {
    return { value: encode(run(profile, event, ago, escapeHtml)) };
  } catch (error) {
    return { error: error.constructor.name };
  }
}

/** Whether the text is one expression, and not `1) + (2`. */
export function isOneExpression(expression) {
  try {
    new Function(`"use strict"; [${expression}\n];`);
    return true;
  } catch {
    return false;
  }
}
