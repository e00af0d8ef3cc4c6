/** A step's arithmetic in words: the numbers of this step put into the sentence for its operation. */

import { apart, operation } from '../operations.js';

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

/** Short facts under the step's name: [label key, value, explanation key].
 * @param {Page.Trace} trace
 * @param {Page.Step} step
 * @param {Page.Words} words
 */
export function chips(trace, step, words) {
  const grid = trace.grid(step);
  const field = step.field.length ? step.field.map((f) => words.number(f)).join(words.t('chip.or')) : '–';
  const out = [['chip.shape', shapeText(step), 'chip.shape.help']];
  if (grid) {
    out.push(['chip.jump', words.number(grid.jump, 6), 'chip.jump.help']);
    out.push(['chip.field', field, 'chip.field.help']);
    out.push(['chip.start', words.number(grid.start, 6), 'chip.start.help']);
  }
  if (step.parameters) out.push(['chip.parameters', words.number(step.parameters), 'chip.parameters.help']);
  if (step.macs) out.push(['chip.macs', words.count(step.macs), 'chip.macs.help']);
  if (step.ms !== null) out.push(['chip.ms', `${words.number(step.ms, 3)} ms`, 'chip.ms.help']);
  return out;
}

/** Height, width and channels of a step, in the one way sizes are written.
 * @param {Page.Step} step
 */
export function shapeText(step) {
  const [c, h, w] = step.shape;
  return `${h} × ${w} × ${c}`;
}
