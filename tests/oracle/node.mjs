// The other side of the differential fuzzer: answers batches of programs, a JSON line each.
//
// A batch is {now_ms, time_zone, worlds: [[profile, event] as JSON text], programs: [[world,
// source, damaged]]}; the answer is a list of texts: `v` and the canonical value, `e` and the class
// of the error, `s` for what does not parse, `p` for what parses only inside other parentheses, `h`
// for what is too large for Node.

import { createInterface } from 'node:readline';
import { evaluate, isOneExpression, protect, setNow, settle, takeCounts } from './evaluate.mjs';

function freeze(value) {
  if (value !== null && typeof value === 'object') {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}

function answer(source, damaged, [profile, event]) {
  const outcome = evaluate(source, profile, event);
  if (outcome.early) return 's';
  if (damaged && !isOneExpression(source)) return 'p';
  if (outcome.error === 'Huge') return 'h';
  return outcome.error ? `e${outcome.error}` : `v${JSON.stringify(outcome.value)}`;
}

function answerAll({ now_ms: nowMs, time_zone: timeZone, worlds, programs }) {
  if (process.env.TZ !== timeZone) process.env.TZ = timeZone;
  setNow(nowMs);
  const read = worlds.map((texts) => texts.map((text) => freeze(JSON.parse(text))));
  const answers = programs.map(([world, source, damaged]) => answer(source, damaged, read[world]));
  return { answers, ...takeCounts() };
}

settle();
protect();
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answerAll(JSON.parse(line)))}\n`);
}
