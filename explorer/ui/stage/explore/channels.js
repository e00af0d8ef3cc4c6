/** Which channel of one step's map answers to a channel of another's: through steps that keep channels apart. Pure. */

import { operation } from '../operations.js';

/**
 * The channel of step `to` that answers to `channel` of step `from`; null where none does, because a convolution that
 * lies between them mixes all channels. Crops, poolings, rectifiers and sums keep a channel's number; in a
 * concatenation it is counted behind the channels of the maps before its own.
 * @param {Page.Trace} trace @param {string} from @param {number} channel @param {string} to names of steps
 * @returns {number | null}
 */
export function channelAt(trace, from, channel, to) {
  const known = new Map([[from, channel]]);
  const open = [from];
  while (open.length && !known.has(to)) {
    const name = open.shift() ?? '';
    for (const [other, its] of neighbours(trace, name, known.get(name) ?? 0)) {
      if (known.has(other)) continue;
      known.set(other, its);
      open.push(other);
    }
  }
  return known.get(to) ?? null;
}

/** The maps that a step reads a channel from, and those that read it: [name, channel]. */
function neighbours(trace, name, channel) {
  const step = trace.step(name);
  const back = shifts(trace, step).map(([source, first]) => [source, channel - first]);
  const readers = trace.steps.filter((reader) => reader.reads.includes(name));
  const on = readers.flatMap((reader) =>
    shifts(trace, reader).flatMap(([source, first]) => (source === name ? [[reader.name, channel + first]] : []))
  );
  return [...back, ...on].filter(([other, its]) => its >= 0 && its < trace.step(other).shape[0]);
}

/** [name, first]: the maps whose channels a step keeps apart, and which of its own the first of each becomes. */
function shifts(trace, step) {
  const how = operation(step).reads;
  if (how === 'own') return step.reads.map((name) => [name, 0]);
  return how === 'stacked' ? halves(trace, step).map(({ name, first }) => [name, first]) : [];
}

/** The maps that a concatenation stacks: {name, first, count} in channels of its own. Nothing for other steps.
 * @param {Page.Trace} trace @param {Page.Step} step
 * @returns {{name: string, first: number, count: number}[]}
 */
export function halves(trace, step) {
  if (operation(step).reads !== 'stacked') return [];
  let first = 0;
  return step.reads.map((name) => {
    const count = trace.step(name).shape[0];
    first += count;
    return { name, first: first - count, count };
  });
}
