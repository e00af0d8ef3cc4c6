/** What a lesson's values are now: of the run, the unit that is held, or what the lab has answered. Pure; no page. */

import { tell } from '../labs/telling.js';

/**
 * @typedef {object} Found
 * @property {number | string | null} raw a share of 1 where it is shown in per cent
 * @property {string} text
 * @property {boolean} [share]
 */

/**
 * What there is to measure in.
 * @typedef {object} Sources
 * @property {Page.Trace | null} trace of the run that is shown
 * @property {any} held the answer about the unit that is held: {step, field, pieces}
 * @property {{facts: Record<string, any[]>, tables: Record<string, any>} | null} lab what it has answered
 * @property {Page.Words} words
 */

/** A value, or null as long as it is not known.
 * @param {Page.LessonValue} value @param {Sources} sources
 * @returns {Found | null}
 */
export function measured(value, sources) {
  const own = one(value, sources);
  if (!value.other || !own) return own;
  const other = one(value.other, sources);
  if (!other || typeof own.raw !== 'number' || typeof other.raw !== 'number') return null;
  const points = own.share && other.share && (value.then === '-' || value.then === '+') ? 100 : 1;
  const made = points * OPERATIONS[value.then](own.raw, other.raw);
  return { raw: made, text: sources.words.number(made, 3) };
}

/** @type {Record<string, (a: number, b: number) => number>} */
const OPERATIONS = { '/': (a, b) => a / b, '*': (a, b) => a * b, '-': (a, b) => a - b, '+': (a, b) => a + b };

/** @returns {Found | null} */
function one(value, sources) {
  const found = SOURCES[value.source](value, sources);
  return found && found.raw !== undefined ? /** @type {Found} */ (found) : null;
}

/** @type {Record<string, (value: Page.LessonValue, sources: Sources) => any>} */
const SOURCES = {
  step: ({ parts: [name, what] }, { trace, words }) => trace && ofStep(trace, name, what, words),
  run: ({ parts: [what] }, { trace, words }) => trace && ofRun(trace, what, words),
  unit: ({ parts: [what] }, { held, words }) => held && ofUnit(held, what, words),
  fact: ({ parts: [key, name], where }, { lab, words }) => lab && ofFact(lab.facts, key, name, where, words),
  table: ({ parts: [slot, row, column] }, { lab, words }) => lab && ofTable(lab.tables[slot], row, column, words),
};

const number = (value, words, digits = 4) => ({ raw: value, text: words.number(value, digits) });
const count = (value, words) => ({ raw: value, text: words.count(value) });
const share = (value, words) => ({ raw: value, text: words.percent(value), share: true });

/** @param {Page.Trace} trace @param {string} name @param {string} what @param {Page.Words} words */
function ofStep(trace, name, what, words) {
  const step = trace.step(name);
  if (!step) return null;
  const [channels, height, width] = step.shape;
  const grid = trace.grid(step);
  const sizes = { height, width, channels, values: channels * height * width };
  if (what === 'values') return count(sizes.values, words);
  if (what in sizes) return number(sizes[what], words);
  if (what === 'jump' || what === 'start') return grid && number(grid[what], words);
  if (what === 'field') return number(step.field[0], words);
  if (what === 'misaligned') return number(step.misaligned[0], words);
  if (what === 'parameters' || what === 'macs') return count(step[what], words);
  if (what === 'ms') return step.ms === null ? null : number(step.ms, words, 2);
  if (what === 'level') return number(step.level, words);
  const stat = step.stats?.[what] ?? null;
  return stat === null ? null : what === 'zeros' ? share(stat, words) : number(stat, words, 3);
}

/** @param {Page.Trace} trace @param {string} what @param {Page.Words} words */
function ofRun(trace, what, words) {
  const most = trace.shares.indexOf(Math.max(...trace.shares));
  if (what === 'class') return { raw: trace.classes[most].id, text: words.of(trace.classes[most].name) };
  if (what === 'share') return share(trace.shares[most], words);
  if (what === 'steps') return number(trace.steps.length, words);
  if (what === 'seconds') return number(trace.steps.reduce((sum, { ms }) => sum + (ms ?? 0), 0) / 1000, words, 2);
  if (what === 'height' || what === 'width') return number(trace.frames.network[what === 'width' ? 1 : 0], words);
  return count(trace[what], words);
}

/** @param {any} held @param {string} what @param {Page.Words} words */
function ofUnit({ field, pieces: { arithmetic, field: effective } }, what, words) {
  if (what === 'field') return field && number(field[2] - field[0], words);
  if (what === 'most' || what === 'half') {
    return effective?.[what] === undefined ? null : number(effective[what], words);
  }
  const key = what === 'terms' ? 'count' : what;
  return arithmetic?.[key] === undefined || arithmetic[key] === null ? null : number(arithmetic[key], words);
}

/** @param {Record<string, any[]>} facts @param {string} key @param {string} name @param {string[][]} where */
function ofFact(facts, key, name, where, words) {
  for (const [said, params] of Object.values(facts).flat()) {
    if (said !== key || where.some(([other, wanted]) => String(raw(params[other])) !== wanted)) continue;
    return piece(params[name], words);
  }
  return null;
}

/** A cell: the row by its first one or its number, the column by the last word of its head's key. */
function ofTable(table, row, column, words) {
  if (!table) return null;
  const at = table.head.findIndex(([key]) => key.split('.').at(-1) === column);
  const line = /^\d+$/.test(row) ? table.rows[Number(row)] : table.rows.find(({ cells }) => nameOf(cells[0]) === row);
  return line && at >= 0 ? piece(line.cells[at], words) : null;
}

const nameOf = (cell) => (Array.isArray(cell) ? cell[0].split('.').at(-1) : String(cell));

/** A piece of what a lab tells, as number and text. */
function piece(told, words) {
  return { raw: raw(told), text: tell(words, told), share: Object(told).percent !== undefined };
}

/** @returns {number | string | null | undefined} */
function raw(told) {
  if (Array.isArray(told)) {
    const inside = Object.values(told[1] ?? {});
    return inside.length === 1 ? raw(inside[0]) : told[0].split('.').at(-1);
  }
  return told && typeof told === 'object' ? /** @type {any} */ (Object.values(told)[0]) : told;
}
