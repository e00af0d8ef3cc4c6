/** The trace's graph as it is drawn: levels of resolution, two columns, blocks of layers, skips. Pure; no page. */

const JOINED = new Set(['relu', 'dropout', 'batchnorm', 'identity', 'scale']);

/** Contracting until the lowest resolution, expansive behind the first up-sampling, skip for what is cut and scored. */
export function pathOf(trace, i) {
  const step = trace.steps[i];
  const up = trace.steps.findIndex((s) => s.op === 'upconv' || s.op === 'bilinear');
  if (i < up || up < 0) return 'contracting';
  const feeds = (s) => s.op === 'crop' || s.op === 'scale' || /^score_pool/.test(s.name);
  const ofExpansive = step.op === 'crop' && trace.step(step.inputs[0]).op === 'bilinear'; // "same": the other one is cut
  return feeds(step) && !ofExpansive ? 'skip' : 'expansive';
}

/** What a step reads values from; a crop's reference gives only its size. */
export function valueInputs(step) {
  return step.op === 'crop' ? step.inputs.slice(0, 1) : step.inputs;
}

/**
 * Nodes {steps, first, last, path, level, column, row} and edges {from, to, skip} between nodes, by index.
 *
 * A level is a resolution: log2 of the jump. Column 0 goes down, column 1 comes up again, so that what has one
 * resolution stands at one height and a skip runs across. `row` counts from the top; `rows` is their number.
 * `blocks` joins each layer with the rectifiers behind it and consecutive convolutions of one level.
 */
export function layout(trace, blocks) {
  const nodes = [];
  const nodeOf = new Map();
  trace.steps.forEach((step, i) => {
    const path = pathOf(trace, i);
    const level = Math.round(Math.log2(trace.grid(step).jump));
    const before = nodes.at(-1);
    const source = valueInputs(step)[0];
    const follows = before && source === trace.steps[before.last].name && before.level === level && before.path === path;
    const joins = blocks && follows && (JOINED.has(step.op) || (step.op === 'conv' && before.op === 'conv' && !step.name.startsWith('score')));
    if (joins) {
      before.steps.push(i);
      before.last = i;
    } else nodes.push({ steps: [i], first: i, last: i, op: step.op, path, level, column: path === 'contracting' ? 0 : 1 });
    nodeOf.set(step.name, nodes.length - 1);
  });
  const levels = Math.max(...nodes.map((n) => n.level)) + 1;
  let row = 0;
  const bands = [];
  for (let level = 0; level < levels; level++) {
    const [down, up] = [0, 1].map((column) => nodes.filter((n) => n.level === level && n.column === column));
    const tall = Math.max(down.length, up.length);
    down.forEach((n, k) => (n.row = row + tall - down.length + k));
    up.forEach((n, k) => (n.row = row + tall - 1 - k));
    bands.push({ level, row, rows: tall });
    row += tall;
  }
  const edges = nodes.flatMap((node, to) =>
    node.steps.flatMap((i) =>
      valueInputs(trace.steps[i])
        .map((name) => nodeOf.get(name))
        .filter((from) => from !== to)
        .map((from) => ({ from, to, skip: isSkip(nodes, from, to) }))
    )
  );
  return { nodes, edges, bands, rows: row, nodeOf };
}

/** An edge that leaves the path: from one column to the other at one height, past other nodes. */
function isSkip(nodes, from, to) {
  return nodes[from].column === 0 && nodes[to].column === 1 && to - from > 1;
}

/** Name of a block: its only layer, or what its layers' names share and how many they are. */
export function nodeName(trace, node) {
  const names = node.steps.map((i) => trace.steps[i]).filter((s) => !JOINED.has(s.op)).map((s) => s.name);
  if (names.length <= 1) return names[0] ?? trace.steps[node.first].name;
  let shared = names[0];
  while (!names.every((name) => name.startsWith(shared))) shared = shared.slice(0, -1);
  shared = shared.replace(/_$/, '');
  return shared.length > 1 ? `${shared} ×${names.length}` : `${names[0]} … ${names.at(-1)}`;
}
