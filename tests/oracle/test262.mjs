// test262, as far as it lies in our grammar: assert.sameValue and assert.throws of a checkout.
//
//   node tests/oracle/test262.mjs CHECKOUT ORACLE
//
// The expressions are cut out with Node's own parser (text up to the first bracket at which it
// parses), names of `var`, `let` and `const` are replaced by what they were initialised with,
// functions that only return become arrow functions, and ORACLE (the binary of tests/oracle)
// evaluates what comes out. An assertion counts when our compiler takes all of it, and when Node
// finds it true of the same texts. The counts and every failure with its file and line are printed.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { evaluate, settle } from './evaluate.mjs';

const BUILT_INS = [
  'Array', 'Boolean', 'Date', 'Infinity', 'JSON', 'Math', 'NaN', 'Number', 'Object', 'RegExp',
  'Set', 'String', 'decodeURIComponent', 'encodeURIComponent', 'isFinite', 'isNaN', 'parseFloat',
  'parseInt', 'undefined', 'ArrayIteratorPrototype', 'SetIteratorPrototype',
  'RegExpStringIteratorPrototype', 'StringIteratorPrototype',
];
const CLASSES = ['TypeError', 'RangeError', 'SyntaxError', 'URIError', 'ReferenceError'];
const CALL = /\bassert\.(sameValue|throws)\(/g;
const DECLARATION = /(?:^|[;{}\n])\s*(?:var|let|const)\s+(?=[\w$]+\s*=)/g;
const FUNCTION = /\bfunction\s*[\w$]*\s*\(([^()]*)\)\s*\{\s*return\b([^{}]*?);?\s*\}/g;
const THROWN = /^(?:function\s*\w*\s*\(\)|\(\)\s*=>)\s*\{\s*(?:return\b)?([\s\S]*?);?\s*\}$/;

function* filesOf(folder) {
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* filesOf(path);
    else if (name.endsWith('.js') && !name.includes('_FIXTURE')) yield path;
  }
}

function parses(text) {
  try {
    new Function(text);
    return true;
  } catch {
    return false;
  }
}

const isExpression = (text) => parses(`return (${text}\n);`) && parses(`[${text}\n];`);

const PIECES = new RegExp(
  [
    /(\/\*[\s\S]*?\*\/|\/\/[^\n]*)/,
    /"(?:\\.|[^"\\\n])*"/,
    /'(?:\\.|[^'\\\n])*'/,
    /`(?:\\[\s\S]|[^`\\])*`/,
  ]
    .map((piece) => piece.source)
    .join('|'),
  'g',
);

/** The source without comments, in as many lines. */
function withoutComments(source) {
  return source.replace(PIECES, (all, comment) => (comment ? all.replace(/[^\n]/g, ' ') : all));
}

/** The arguments of a call whose bracket opens before `start`, or nothing. */
function argumentsAt(source, start) {
  let end = start;
  for (let tries = 0; tries < 60; tries += 1) {
    end = source.indexOf(')', end);
    if (end < 0) return undefined;
    const inside = source.slice(start, end);
    if (parses(`f(${inside}\n);`)) return { list: split(inside), end };
    end += 1;
  }
  return undefined;
}

/** Text cut at those commas that leave expressions on both sides. */
function split(text) {
  const list = [];
  let start = 0;
  let at = text.indexOf(',');
  while (at >= 0) {
    if (isExpression(text.slice(start, at)) && parses(`f(${text.slice(at + 1)}\n);`)) {
      list.push(text.slice(start, at).trim());
      start = at + 1;
    }
    at = text.indexOf(',', at + 1);
  }
  const last = text.slice(start).trim();
  if (last) list.push(last);
  return list;
}

/** What stands after `name =` up to the end of the declarator. */
function initialiser(source, start) {
  for (const end of source.slice(start).matchAll(/[;,\n]|$/g)) {
    const text = source.slice(start, start + end.index).trim();
    const rest = source.slice(start + end.index).trimStart();
    const goesOn = end[0] === '\n' && /^[.([?:,+\-*/%&|^<>=]/.test(rest);
    if (text && !goesOn && isExpression(text)) return { text, end: start + end.index };
    if (end.index > 4000) return undefined;
  }
  return undefined;
}

/** Every declaration with an initialiser: name, text, and where. */
function declarations(source) {
  const found = [];
  for (const match of source.matchAll(DECLARATION)) {
    let at = match.index + match[0].length;
    for (;;) {
      const name = /^\s*([\w$]+)\s*=(?!=)\s*/.exec(source.slice(at));
      const value = name && initialiser(source, at + name[0].length);
      if (!value) break;
      found.push({ name: name[1], text: value.text, start: at, end: value.end });
      if (source[value.end] !== ',') break;
      at = value.end + 1;
    }
  }
  return found;
}

const uses = (name) =>
  new RegExp(`(?<![\\w$.])${name.replaceAll('$', '\\$')}(?![\\w$]|\\s*:[^:])`, 'g');

const CHANGES = new RegExp(
  '\\b(Array|Boolean|Date|JSON|Math|Number|Object|RegExp|Set|String|Function|\\w+Prototype\\w*)' +
    '(\\.prototype)?(\\.\\w+|\\[[^\\]]*\\])\\s*=(?!=)|' +
    'define(Property|Properties|Getter__|Setter__)\\(\\s*' +
    '(\\w+\\.prototype|\\w+Prototype|Array|Object)\\b',
);
const DOES = new RegExp(
  [
    /=>\s*\{|\b(function|class|yield|async)\b|\b(get|set)\s+[\w"'[]/,
    /[\w$\])]\s*(\+\+|--|[-+*/%&|^]?=(?![=>]))/,
  ]
    .map((piece) => piece.source)
    .join('|'),
);

/** The names that are only ever read by assertions and by initialisers that do nothing else. */
function readOnly(source, declared, calls) {
  const inside = [...declared.filter(({ text }) => !DOES.test(text)), ...calls];
  const names = new Map();
  for (const one of declared) {
    const again = declared.filter((other) => other.name === one.name).length > 1;
    const elsewhere = [...source.matchAll(uses(one.name))].some(
      ({ index }) => !inside.some(({ start, end }) => index >= start && index < end),
    );
    if (!again && !elsewhere) names.set(one.name, one.text);
  }
  return names;
}

const OBJECT = /^(\[|\{|\(\{|new\b|\/|function\b|\(?\w*\)?\s*=>|[A-Z]\w+\.|Object\b|Array\b)/;

/** The text with names replaced by their initialisers, and functions by arrow functions; nothing
 * where one object would become two. */
function inlined(text, names) {
  let result = text;
  const objects = new Map();
  for (let round = 0; round < 6; round += 1) {
    const before = result;
    for (const [name, value] of names) {
      result = result.replace(uses(name), () => {
        if (OBJECT.test(value)) objects.set(name, (objects.get(name) ?? 0) + 1);
        return `(${value})`;
      });
    }
    if (result === before || result.length > 8000) break;
  }
  if ([...objects.values()].some((count) => count > 1)) return undefined;
  return result.replace(FUNCTION, (all, parameters, body) =>
    /\b(this|arguments)\b/.test(body) ? all : `(${parameters}) => (${body.trim() || 'undefined'})`);
}

/** All assertions of a file, as expressions. */
function assertions(path) {
  const original = readFileSync(path, 'utf8');
  const special = /^negative:|flags: \[.*(module|raw|async)/m;
  if (special.test(original) || CHANGES.test(original)) return [];
  const source = withoutComments(original);
  const calls = [];
  for (const match of source.matchAll(CALL)) {
    const start = match.index + match[0].length;
    const found = argumentsAt(source, start);
    const line = source.slice(0, match.index).split('\n').length;
    calls.push({ kind: match[1], list: found?.list ?? [], start, end: found?.end ?? start, line });
  }
  const names = readOnly(source, declarations(source), calls);
  return calls.map(({ kind, list, line }) => {
    if (kind === 'sameValue') {
      // Together, so that an object on both sides is found.
      const together = list.length > 1 ? inlined(`[(${list[0]}\n),(${list[1]}\n)]`, names) : '';
      if (together === undefined) return { line, kind, identity: true, texts: [] };
      return { line, kind, texts: list.slice(0, 2).map((text) => inlined(text, names)) };
    }
    const body = /^\(\)\s*=>\s*[^{\s]/.test(list[1] ?? '')
      ? list[1].replace(/^\(\)\s*=>/, '')
      : THROWN.exec(list[1] ?? '')?.[1];
    const good = CLASSES.includes(list[0]) && body !== undefined && isExpression(body);
    const texts = good ? [inlined(body.trim(), names)].filter(Boolean) : [];
    return { line, kind, expected: list[0], texts };
  });
}

/** Asks the oracle: one line in, one line out. */
class Oracle {
  constructor(binary) {
    this.process = spawn(binary, ['evaluate'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async evaluate(expression) {
    this.process.stdin.write(`${JSON.stringify({ expression })}\n`);
    return JSON.parse((await this.lines.next()).value);
  }
}

const isLimit = (answer) => ['LimitError', 'FuelError'].includes(answer.error);

/** Whether the text spells half a surrogate pair, which is U+FFFD here (page 3.6.2). */
function spellsHalfPair(text) {
  const unit = (_, four, more) => (four ? `\\u${four}` : String.fromCodePoint(parseInt(more, 16)));
  const read = text.replace(/\\u(?:([\da-f]{4})|\{0*([\da-f]{1,5})\})/gi, unit);
  const half = (_, four) => String.fromCharCode(parseInt(four, 16));
  const halves = read.replace(/\\u([\da-f]{4})/gi, half);
  return !halves.isWellFormed();
}

/** passed, failed, or why it does not count. */
async function outcome(assertion, oracle) {
  if (assertion.texts.some(spellsHalfPair)) return { what: 'half a surrogate pair (3.6.2)' };
  if (assertion.texts.some((text) => /\)\s*\{/.test(text))) return { what: 'function with a body' };
  const count = assertion.kind === 'throws' ? 1 : 2;
  if (assertion.identity) return { what: 'asks for identity' };
  if (assertion.texts.length !== count) return { what: 'no expression' };
  const answers = [];
  for (const text of assertion.texts) answers.push(await oracle.evaluate(text));
  const refused = answers.find((answer) => answer.refused);
  if (refused) {
    // What our parser does not read at all is a failure: the text does parse.
    const bad = refused.refused === 'E0301' && assertion.texts.every(isExpression);
    return bad ? { what: 'failed', why: refused.message } : { what: `refused ${refused.refused}` };
  }
  if (answers.some(isLimit)) return { what: 'ended by a limit' };
  const [left, right] = answers.map((answer) => answer.value ?? answer.error);
  if (assertion.kind === 'throws') {
    const good = answers[0].error === assertion.expected;
    if (good) return { what: 'passed' };
    return { what: 'failed', why: `${left}, not ${assertion.expected}` };
  }
  const isAnObject = ({ value }) => /^[[{](?!"\$":"(undefined|NaN|-?Infinity|-0)")/.test(value);
  if (answers.every(isAnObject)) return { what: 'asks for identity' };
  const good = answers.every((answer) => answer.value !== undefined) && left === right;
  return good ? { what: 'passed' } : { what: 'failed', why: `${left}, not ${right}` };
}

/** Whether Node finds it true of the same texts: else they need what stood around them. */
function holdsInNode({ kind, expected, texts }) {
  const answers = texts.map((text) => evaluate(text, {}, {}));
  if (kind === 'throws') return !answers[0].early && answers[0].error === expected;
  const [left, right] = answers.map(({ value }) => JSON.stringify(value));
  return left !== undefined && left === right;
}

settle();
const [checkout, binary] = process.argv.slice(2);
const folders = BUILT_INS.map((name) => join(checkout, 'test/built-ins', name));
folders.push(join(checkout, 'test/language/expressions'));
const oracle = new Oracle(binary);
const counts = new Map();
const failures = [];
for (const folder of folders) {
  for (const path of filesOf(folder)) {
    for (const assertion of assertions(path)) {
      const { what: first, why } = await outcome(assertion, oracle);
      const what = first === 'failed' && !holdsInNode(assertion) ? 'needs its context' : first;
      counts.set(what, (counts.get(what) ?? 0) + 1);
      if (what === 'failed') {
        const place = `${relative(checkout, path)}:${assertion.line}`;
        failures.push(`${place}: ${assertion.texts[0]}\n    ${why}`);
      }
    }
  }
}
oracle.process.stdin.end();
console.log(failures.join('\n'));
const rows = [...counts].sort((a, b) => b[1] - a[1]);
for (const [what, count] of rows) console.log(`${count} ${what}`);
const passed = counts.get('passed') ?? 0;
const share = (passed * 100) / (passed + failures.length);
console.log(`test262: ${passed} passed, ${failures.length} failed (${share.toFixed(2)} %)`);
process.exitCode = passed >= 1500 && share >= 99 ? 0 : 1;
