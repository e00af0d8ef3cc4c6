/** Which units of the maps before it a unit reads: the windows of one operation. Pure; no page. */

import { valueInputs } from './graph.js';

/**
 * [{name, rows, cols, channel}] for unit {channel, row, column} of a step, one per map that it reads values from:
 * half-open units [first, last), which may lie outside the map, in its padding. `channel` is the one read, or null
 * where all are.
 */
export function reads(trace, step, { channel, row, column }) {
  const names = valueInputs(step);
  if (step.op === 'concat') return channel === null ? [] : [ofStacked(trace, names, channel, row, column)];
  return names.map((name) => ({
    name,
    rows: span(step, 0, row),
    cols: span(step, 1, column),
    channel: step.op === 'conv' || step.op === 'upconv' ? null : channel,
  }));
}

/** Half-open units of a window that lie on a map of `size`; [0, 0] if all of it is padding. */
export function clip([first, last], size) {
  const [low, high] = [Math.max(0, first), Math.min(size, last)];
  return low < high ? [low, high] : [0, 0];
}

/** Channels of a concatenation are those of its inputs, one after the other. */
function ofStacked(trace, names, channel, row, column) {
  let first = 0;
  for (const name of names) {
    const own = channel - first;
    first += trace.step(name).shape[0];
    if (channel < first) return { name, rows: [row, row + 1], cols: [column, column + 1], channel: own };
  }
  throw new RangeError(`channel ${channel} of ${first}`);
}

function span({ op, settings }, axis, index) {
  if (op === 'crop') return [index + settings.offset, index + settings.offset + 1];
  if (!settings.kernel) return [index, index + 1];
  const [kernel, stride, padding] = ['kernel', 'stride', 'padding'].map((name) => settings[name][axis]);
  const dilation = settings.dilation?.[axis] ?? 1;
  const spread = op === 'upconv' || op === 'bilinear';
  const low = spread ? Math.ceil((index + padding - (kernel - 1) * dilation) / stride) : index * stride - padding;
  const high = spread ? Math.floor((index + padding) / stride) : low + (kernel - 1) * dilation;
  return [low, high + 1];
}
