/**
 * The papers' own figures, laid out from a run's graph: U-Net Fig. 1 (Ronneberger et al. 2015) and FCN Fig. 3 (Long et
 * al. 2015). Pure; no page.
 *
 * A figure is {width, height, boxes, arrows}. A box is {step, x, y, width, height, role} and, where it applies:
 *   grid    side of one unit of a map that is drawn as a grid
 *   kept    share [top, left, height, width] that a crop keeps of the map
 *   pasted  share of its channels that were copied over
 *   thin    true for a layer between two grids
 * An arrow is {kind, step, points}: the operation that leads from box to box, and the step that does it.
 */

import { pathOf } from './graph.js';

const COLUMN = 76; // distance of neighbouring boxes
const LEFT = 34;
const TOP = 34;
const TALLEST = 122;
const ROW_GAP = 60; // room for the size below a box, an arrow, and the channels above the next
const ABOVE = 17; // of the channels over a box
const BELOW = 18; // of the size under it
const GRID = 104; // longer side of a grid
const WALL = 7; // thickness of a convolution between grids

/** The figure that the paper of this run's network draws. */
export function figure(trace) {
  return trace.steps.some(({ op }) => op === 'concat') ? unetFigure(trace) : fcnFigure(trace);
}

/** Names of the steps whose maps a figure draws; what lies between (rectifiers, crops, up-sampling) is an arrow. */
function sourceOf(trace, name, passed = []) {
  const step = trace.step(name);
  if (!['relu', 'dropout', 'identity', 'scale', 'crop', 'upconv', 'bilinear'].includes(step.op)) return { name, passed };
  return sourceOf(trace, step.inputs[0], [step, ...passed]);
}

function unetFigure(trace) {
  const boxes = [];
  const arrows = [];
  const at = new Map();
  const tall = Math.max(...trace.steps.map(({ shape }) => shape[1]));
  const most = Math.max(...trace.steps.map(({ shape }) => shape[0]));
  const level = (step) => Math.round(Math.log2(trace.grid(step).jump));
  const high = (step) => Math.max(14, TALLEST * (step.shape[1] / tall) ** 0.62);
  const drawn = trace.steps.filter(({ op }) => ['input', 'conv', 'maxpool', 'concat'].includes(op));
  const rows = [];
  for (const step of drawn) rows[level(step)] = Math.max(rows[level(step)] ?? 0, high(step));
  const middle = rows.map((h, i) => TOP + rows.slice(0, i).reduce((sum, r) => sum + r + ROW_GAP, 0) + h / 2);
  let column = 0;
  for (const step of drawn) {
    const sources = step.inputs.map((name) => sourceOf(trace, name));
    if (step.op === 'conv') column += 1;
    const height = high(step);
    const width = 6 + 38 * Math.sqrt(step.shape[0] / most);
    const box = { step, x: LEFT + column * COLUMN, y: middle[level(step)] - height / 2, width, height, role: roleOf(trace, step) };
    for (const { name, passed } of sources) {
      const from = at.get(name);
      const crop = passed.find(({ op }) => op === 'crop');
      const up = passed.find(({ op }) => op === 'upconv');
      if (up) arrows.push({ kind: 'up', step: up, points: [centre(from), from.y - ABOVE, centre(box), box.y + height + BELOW] });
      else if (step.op === 'concat') {
        if (crop) from.kept = keptOf(trace, crop);
        box.pasted = (crop ?? trace.step(name)).shape[0] / step.shape[0];
        arrows.push({ kind: 'copy', step: crop ?? step, points: [from.x + from.width, mid(from), box.x, mid(box)] });
      } else if (step.op === 'maxpool') arrows.push({ kind: 'pool', step, points: [centre(from), from.y + from.height + BELOW, centre(box), box.y - ABOVE] });
      else arrows.push({ kind: step.settings.kernel[0] === 1 ? 'conv1' : 'conv', step, points: [from.x + from.width, mid(box), box.x, mid(box)] });
    }
    boxes.push(box);
    at.set(step.name, box);
  }
  const bottom = middle.at(-1) + rows.at(-1) / 2;
  return { width: LEFT + (column + 1) * COLUMN, height: bottom + 24, boxes, arrows };
}

/** Row 0 is the trunk; every fusion has a row of its own below it, as the paper stacks its predictions. */
function fcnFigure(trace) {
  const boxes = [];
  const arrows = [];
  const at = new Map();
  const [, tall, wide] = trace.steps[0].shape;
  const fit = GRID / Math.max(tall, wide);
  const size = { width: wide * fit, height: tall * fit };
  const last = trace.steps.at(-1).name;
  let x = LEFT;
  let row = 0;
  const top = () => TOP + row * (size.height + 84);
  const grid = (step, role = roleOf(trace, step)) => {
    const box = { step, x, y: top(), ...size, role, grid: Math.max(1.6, trace.grid(step).jump * fit) };
    boxes.push(box);
    at.set(step.name, box);
    return box;
  };
  const predictions = trace.steps.filter(({ op, name }) => op === 'bilinear' || (op === 'conv' && name.startsWith('score')));
  const trunk = trace.steps.filter((step) => ['input', 'conv', 'maxpool'].includes(step.op) && !predictions.includes(step));
  for (const step of trunk) {
    if (step.op === 'conv') {
      const box = { step, x, y: top(), width: WALL, height: size.height, role: roleOf(trace, step), thin: true };
      boxes.push(box);
      at.set(step.name, box);
      x += WALL + 5;
    } else {
      if (x > LEFT) x += 5;
      grid(step);
      x += size.width + 10;
    }
  }
  const finish = x + 26; // predictions stand in columns behind the trunk
  x = finish;
  for (const step of trace.steps) {
    if (!predictions.includes(step) && step.op !== 'add' && step.name !== last) continue;
    if (step.op === 'bilinear') continue; // an arrow
    if (step.op === 'add') row += 1;
    const sources = step.inputs.map((name) => sourceOf(trace, name));
    if (step.op === 'conv' && at.get(sources[0].name)?.grid && step.shape[1] === trace.step(sources[0].name).shape[1]) {
      // a score layer on a pool: below it, in the row of its fusion
      const from = at.get(sources[0].name);
      [x, row] = [from.x, row + 1];
      const box = grid(step);
      arrows.push({ kind: 'conv1', step, points: [centre(from), from.y + from.height + 2 * BELOW - 4, centre(box), box.y - ABOVE] });
      row -= 1;
      continue;
    }
    x = finish + (step.name === last ? size.width + 60 : 0);
    const box = grid(step);
    const [first] = sources;
    for (const { name, passed } of step.op === 'crop' ? [first] : sources) {
      const from = at.get(name);
      const crop = passed.find(({ op }) => op === 'crop') ?? (step.op === 'crop' ? step : null);
      const up = passed.find(({ op }) => op === 'bilinear');
      const below = from.y < box.y - 1;
      const points = below ? [centre(from), from.y + from.height + 2 * BELOW - 4, centre(box), box.y - ABOVE] : [from.x + from.width, mid(from), box.x, mid(box)];
      const kind = up ? 'up' : crop || step.op === 'add' ? 'copy' : 'conv1'; // with same convolutions the up-sampled map is cropped, not the skip
      arrows.push({ kind, step: up ?? crop ?? step, points });
      if (crop && !up) from.kept = keptOf(trace, crop);
    }
  }
  return { width: finish + 2 * size.width + 60 + LEFT, height: top() + size.height + 30, boxes, arrows };
}

function roleOf(trace, step) {
  return pathOf(trace, trace.index.get(step.name));
}

/** Share [top, left, height, width] of a map that a crop keeps. */
function keptOf(trace, crop) {
  const [, height, width] = trace.step(crop.inputs[0]).shape;
  const { offset } = crop.settings;
  return [offset / height, offset / width, crop.shape[1] / height, crop.shape[2] / width];
}

const centre = ({ x, width }) => x + width / 2;
const mid = ({ y, height }) => y + height / 2;
