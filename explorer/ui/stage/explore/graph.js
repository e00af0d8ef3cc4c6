/** The trace's graph as it is drawn: levels of resolution, two columns, blocks of layers, skips. Pure; no page. */

import { operation } from '../operations.js';

/** On which path a step lies; class scores on that of the map they are made of.
 * @param {Page.Trace} trace
 * @param {Page.Step} step
 * @returns {'contracting' | 'skip' | 'expansive'}
 */
export function pathOf(trace, step) {
  if (step.role === 'score' && step.reads.length) return pathOf(trace, trace.step(step.reads[0]));
  if (step.role === 'fusion') return 'expansive';
  return step.role === 'skip' || step.role === 'expansive' ? step.role : 'contracting';
}

/**
 * Nodes {steps, first, last, path, level, column, row} and edges {from, to, skip} between nodes, by index.
 *
 * Column 0 goes down, column 1 comes up again, so that what has one resolution stands at one height and a skip runs
 * across. `row` counts from the top; `rows` is their number; a band is one level, with the jump of its maps.
 * `blocks` joins each layer with the rectifiers behind it and consecutive convolutions of one level.
 * @param {Page.Trace} trace
 * @param {boolean} blocks
 */
export function layout(trace, blocks) {
  const nodes = [];
  const nodeOf = new Map();
  trace.steps.forEach((step, i) => {
    const path = pathOf(trace, step);
    const before = nodes[nodes.length - 1];
    if (blocks && before && joins(trace, step, before, path)) {
      before.steps.push(i);
      before.last = i;
    } else {
      nodes.push({
        steps: [i], first: i, last: i, path, level: step.level, column: path === 'contracting' ? 0 : 1, row: 0,
      });
    }
    nodeOf.set(step.name, nodes.length - 1);
  });
  const bands = rowsOf(trace, nodes);
  const edges = nodes.flatMap((node, to) =>
    node.steps.flatMap((i) =>
      trace.steps[i].reads.map((name) => nodeOf.get(name)).filter((from) => from !== to)
        .map((from) => ({ from, to, skip: isSkip(nodes, from, to) }))
    )
  );
  return { nodes, edges, bands, rows: bands.reduce((sum, { rows }) => sum + rows, 0), nodeOf };
}

/** Whether a step is drawn as part of the node before it. */
function joins(trace, step, node, path) {
  const [first, last] = [trace.steps[node.first], trace.steps[node.last]];
  if (step.reads[0] !== last.name || step.level !== node.level || path !== node.path) return false;
  const how = operation(step).joins;
  return how === 'layer' || (how === 'alike' && first.op === step.op && step.role !== 'score');
}

/** Give every node its row, level by level from the top; the bands that they make. */
function rowsOf(trace, nodes) {
  const bands = [];
  let row = 0;
  const levels = Math.max(...nodes.map((n) => n.level)) + 1;
  for (let level = 0; level < levels; level++) {
    const here = nodes.filter((n) => n.level === level);
    const [down, up] = [0, 1].map((column) => here.filter((n) => n.column === column));
    const tall = Math.max(down.length, up.length);
    down.forEach((n, k) => (n.row = row + tall - down.length + k));
    up.forEach((n, k) => (n.row = row + tall - 1 - k));
    bands.push({ level, row, rows: tall, jump: trace.grid(trace.steps[here[0].first])?.jump ?? 2 ** level });
    row += tall;
  }
  return bands;
}

/** An edge that leaves the path: from one column to the other at one height, past other nodes. */
function isSkip(nodes, from, to) {
  return nodes[from].column === 0 && nodes[to].column === 1 && to - from > 1;
}

/** Name of a block: its only layer, or what its layers' names share and how many they are.
 * @param {Page.Trace} trace
 * @param {{steps: number[], first: number}} node
 */
export function nodeName(trace, node) {
  const layers = node.steps.map((i) => trace.steps[i]).filter((step) => operation(step).joins !== 'layer');
  const names = layers.map(({ name }) => name);
  if (names.length <= 1) return names[0] ?? trace.steps[node.first].name;
  let shared = names[0];
  while (!names.every((name) => name.startsWith(shared))) shared = shared.slice(0, -1);
  shared = shared.replace(/_$/, '');
  return shared.length > 1 ? `${shared} ×${names.length}` : `${names[0]} … ${names[names.length - 1]}`;
}
