/** Which units of the maps before it a unit reads: the windows of one operation. Pure; no page. */

import { operation } from '../operations.js';
import { halves } from './channels.js';

/**
 * [{name, rows, cols, channel}] for unit {channel, row, column} of a step, one per map that it reads values from:
 * half-open units [first, last), which may lie outside the map, in its padding. `channel` is the one read, or null
 * where all are. Nothing where the operation is not known.
 * @param {Page.Trace} trace
 * @param {Page.Step} step
 * @param {Page.Unit} unit
 * @returns {{name: string, rows: [number, number], cols: [number, number], channel: number | null}[]}
 */
export function reads(trace, step, { channel, row, column }) {
  const how = operation(step).reads;
  if (!how) return [];
  if (how === 'stacked') return channel === null ? [] : ofStacked(trace, step, channel, row, column);
  const own = how === 'all' ? null : channel;
  return step.reads.map((name) => ({ name, rows: span(step, 0, row), cols: span(step, 1, column), channel: own }));
}

/** Half-open units of a window that lie on a map of `size`; [0, 0] if all of it is padding.
 * @param {[number, number]} window
 * @param {number} size
 */
export function clip([first, last], size) {
  const [low, high] = [Math.max(0, first), Math.min(size, last)];
  return low < high ? [low, high] : [0, 0];
}

/** Of a concatenation a channel is that of one of its inputs.
 * @returns {{name: string, rows: [number, number], cols: [number, number], channel: number | null}[]}
 */
function ofStacked(trace, step, channel, row, column) {
  const half = halves(trace, step).find(({ first, count }) => channel < first + count);
  if (!half) throw new RangeError(`channel ${channel} of ${step.shape[0]}`);
  return [{ name: half.name, rows: [row, row + 1], cols: [column, column + 1], channel: channel - half.first }];
}

/** @param {Page.Step} step @param {0 | 1} axis @param {number} index @returns {[number, number]} */
function span(step, axis, index) {
  const { settings } = step;
  if (!settings.kernel) return [index + (settings.offset ?? 0), index + (settings.offset ?? 0) + 1];
  const [kernel, stride, padding] = ['kernel', 'stride', 'padding'].map((name) => settings[name][axis]);
  const extent = (kernel - 1) * (settings.dilation?.[axis] ?? 1) + 1;
  if (!operation(step).spreads) return [index * stride - padding, index * stride - padding + extent];
  return [Math.ceil((index + padding - extent + 1) / stride), Math.floor((index + padding) / stride) + 1];
}
