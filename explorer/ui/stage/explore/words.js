/** A step's arithmetic in words: the numbers of this step put into the sentence for its operation. */

import { apart, operation, operationName } from '../operations.js';
import { pathOf } from './graph.js';

/** What a step does, with its numbers. Of an operation that is not known, what its map is like.
 * @param {Page.Trace} trace
 * @param {Page.Step} step
 * @param {Page.Words} words
 */
export function sentence(trace, step, words) {
  const [channels, height, width] = step.shape;
  const from = step.inputs.length ? trace.step(step.inputs[0]) : step;
  const s = step.settings;
  const key = words.has(`words.${step.op}`) ? `words.${step.op}` : 'words.unknown';
  const whole = s.offset === 0 && step.shape.every((n, axis) => n === from.shape[axis]);
  return words.t(whole ? 'words.crop.nothing' : key, {
    name: step.name, height, width, channels,
    source: from.name, from: from.shape[1], fromWidth: from.shape[2], in: from.shape[0],
    kernel: s.kernel?.[0], stride: s.stride?.[0], factor: s.factor,
    parameters: step.parameters, macs: words.count(step.macs), apart: apart(step, words),
    ...step.numbers,
    ...operation(step).says?.({ step, trace, words }),
  });
}

/** Short facts beside the step's name, those that matter most first: [label key, value, explanation key].
 * @param {Page.Trace} trace
 * @param {Page.Step} step
 * @param {Page.Words} words
 */
export function chips(trace, step, words) {
  const grid = trace.grid(step);
  const field = step.field.length ? step.field.map((f) => words.number(f)).join(words.t('chip.or')) : '–';
  const facts = {
    shape: shapeText(step),
    jump: grid && words.number(grid.jump, 6),
    field: grid && field,
    start: grid && words.number(grid.start, 6),
    parameters: step.parameters && words.number(step.parameters),
    macs: step.macs && words.count(step.macs),
    ms: step.ms === null ? '' : `${words.number(step.ms, 3)} ms`,
  };
  return Object.entries(facts).filter(([, value]) => value)
    .map(([name, value]) => [`chip.${name}`, value, `chip.${name}.help`]);
}

/** Height, width and channels of a step, in the one way sizes are written.
 * @param {Page.Step} step
 */
export function shapeText(step) {
  const [c, h, w] = step.shape;
  return `${h} × ${w} × ${c}`;
}

/** What a step's name stands for: its level of resolution, its path, and which of its kind it is there.
 * @param {Page.Trace} trace @param {Page.Step} step @param {Page.Words} words
 */
export function nameText(trace, step, words) {
  const path = pathOf(trace, step);
  const alike = trace.steps.filter((s) => s.op === step.op && s.level === step.level && pathOf(trace, s) === path);
  const at = { level: step.level, path: words.t(`path.${path}`), operation: operationName(step, words) };
  if (alike.length === 1) return words.t('name.explained', at);
  return words.t('name.explained.of', { ...at, number: alike.indexOf(step) + 1, count: alike.length });
}
