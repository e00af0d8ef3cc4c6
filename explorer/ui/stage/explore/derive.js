/** Where a number in a network comes from: one line per step that changes it, back to the image. Pure; no page. */

import { operation, sizeText } from '../operations.js';

/**
 * [{step, formula}] for axis 1 (height) or 2 (width) of a step's map, the step itself first and the image last. A crop
 * has the size of its reference; where that is the image, what was cropped is derived.
 * @param {Page.Trace} trace
 * @param {Page.Step} step
 * @param {1 | 2} axis
 * @param {Page.Words} words
 */
export function derivation(trace, step, axis, words) {
  const lines = [];
  const [image] = trace.steps;
  for (let at = step; at; ) {
    const size = at.size?.[axis - 1];
    if (size?.code !== 'kept') lines.push({ step: at, formula: size ? line(size, words) : String(at.shape[axis]) });
    const ofReference = size?.code === 'crop' && size.values.reference !== image.name;
    at = trace.step(ofReference ? String(size.values.reference) : at.reads[0]);
  }
  return lines;
}

/** A line: what is the size of something else says so, the rest is arithmetic.
 * @param {Page.Formula} formula
 * @param {Page.Words} words
 */
function line(formula, words) {
  const text = sizeText(formula, words);
  return formula.code === 'input' || formula.code === 'same' ? text : `${formula.values.size} = ${text}`;
}

/** Where a map's number of channels comes from, in one line.
 * @param {Page.Trace} trace
 * @param {Page.Step} step
 * @param {Page.Words} words
 * @returns {string}
 */
export function channelsOf(trace, step, words) {
  const { channels } = operation(step);
  if (!channels && step.reads.length) return channelsOf(trace, trace.step(step.reads[0]), words);
  const [first, second] = step.reads.map((name) => trace.step(name));
  const numbers = { in: first?.shape[0], a: first?.shape[0], b: second?.shape[0] };
  const values = { channels: step.shape[0], step: step.name, source: first?.name, other: second?.name, ...numbers };
  return channels ? words.t(channels, values) : String(step.shape[0]);
}
