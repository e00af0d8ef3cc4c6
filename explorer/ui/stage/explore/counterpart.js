/** Where one goes on when the network has changed: the step that answers to the one shown. Pure; no page. */

import { operation } from '../operations.js';
import { pathOf } from './graph.js';

/** What a step does for its network; a layer of class scores is no convolution among others. */
function partOf(step) {
  const { part, channels } = operation(step);
  return step.scores && channels === 'derive.filters' ? 'score' : (part ?? step.op);
}

/**
 * Index in `next` of the step that answers to the one called `name` in `old`: of the same name, else one that does the
 * same. Of several that at the nearest resolution, on the same path, nearest in the order. A step that does what
 * nothing does in the other network is answered by what answers to its input. Undefined where nothing does.
 * @param {Page.Trace} old
 * @param {Page.Trace} next
 * @param {string} name
 * @returns {number | undefined}
 */
export function counterpart(old, next, name) {
  const same = next.index.get(name);
  const at = old.index.get(name);
  if (same !== undefined || at === undefined) return same;
  const step = old.steps[at];
  const part = partOf(step);
  const far = next.steps.flatMap((other, i) => (partOf(other) === part ? [{ i, by: distance(old, at, next, i) }] : []));
  if (!far.length) return step.inputs.length ? counterpart(old, next, step.inputs[0]) : undefined;
  return far.reduce((best, one) => (isLess(one.by, best.by) ? one : best)).i;
}

/** How far two steps are from each other, the weightiest first: levels, paths, shares of the way through. */
function distance(old, at, next, i) {
  const [a, b] = [[old, at], [next, i]].map(([trace, k]) => ({
    level: trace.steps[k].level, path: pathOf(trace, trace.steps[k]), way: k / (trace.steps.length - 1),
  }));
  return [Math.abs(a.level - b.level), Number(a.path !== b.path), Math.abs(a.way - b.way)];
}

function isLess(a, b) {
  const k = a.findIndex((value, i) => value !== b[i]);
  return k >= 0 && a[k] < b[k];
}
