/** The step of one run that answers to a step of another: where one goes on when the network has changed. Pure; no page. */

import { pathOf } from './graph.js';

const ROLES = { upconv: 'up', bilinear: 'up', add: 'join', concat: 'join', maxpool: 'pool', avgpool: 'pool' };

/** What a step does for its network; a score layer is no convolution among others, whatever it is called. */
function roleOf({ op, name }) {
  return op === 'conv' && name.startsWith('score') ? 'score' : (ROLES[op] ?? op);
}

/**
 * Index in `next` of the step that answers to the one called `name` in `old`: of the same name, else of the same role.
 * Of several that at the nearest resolution, on the same path, nearest in the order. A step whose role the other network
 * lacks is answered by what answers to its input. Undefined where nothing does.
 */
export function counterpart(old, next, name) {
  const same = next.index.get(name);
  const at = old.index.get(name);
  if (same !== undefined || at === undefined) return same;
  const step = old.steps[at];
  const far = next.steps.flatMap((other, i) => (roleOf(other) === roleOf(step) ? [[i, distance(old, at, next, i)]] : []));
  if (!far.length) return step.inputs.length ? counterpart(old, next, step.inputs[0]) : undefined;
  return far.reduce((best, one) => (isLess(one[1], best[1]) ? one : best))[0];
}

/** How far two steps are from each other, the weightiest first: octaves of the jump, paths, shares of the way through. */
function distance(old, at, next, i) {
  const [a, b] = [[old, at], [next, i]].map(([trace, k]) => ({
    level: Math.log2(trace.grid(trace.steps[k]).jump),
    path: pathOf(trace, k),
    way: k / (trace.steps.length - 1),
  }));
  return [Math.abs(a.level - b.level), Number(a.path !== b.path), Math.abs(a.way - b.way)];
}

function isLess(a, b) {
  const k = a.findIndex((value, i) => value !== b[i]);
  return k >= 0 && a[k] < b[k];
}
