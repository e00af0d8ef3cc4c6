/**
 * The papers' own figures, laid out from a run's graph: U-Net Fig. 1 (Ronneberger et al. 2015) where skips are stacked,
 * FCN Fig. 3 (Long et al. 2015) where scores are summed. Pure; no page.
 *
 * @typedef {object} Box
 * @property {Page.Step} step
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 * @property {'contracting' | 'skip' | 'expansive'} path
 * @property {number} [grid] side of one unit of a map that is drawn as a grid
 * @property {number[]} [kept] share [top, left, height, width] that a crop keeps of the map
 * @property {number} [pasted] share of its channels that were copied over
 * @property {boolean} [thin] a layer between two grids
 *
 * @typedef {object} Arrow the operation that leads from box to box, and the step that does it
 * @property {'conv' | 'conv1' | 'copy' | 'pool' | 'up'} kind
 * @property {Page.Step} step
 * @property {number[]} points
 * @property {number} [factor] of up-sampling
 *
 * @typedef {{width: number, height: number, boxes: Box[], arrows: Arrow[]}} Figure
 */

import { operation, stacks } from '../operations.js';
import { pathOf } from './graph.js';

const COLUMN = 76; // distance of neighbouring boxes
const LEFT = 34;
const TOP = 34;
const TALLEST = 122;
const ROW_GAP = 60; // room for the size below a box, an arrow, and the channels above the next
const ABOVE = 17; // of the channels over a box
const BELOW = 18; // of the size under it
const GRID = 104; // longer side of a grid
const UNDER = 84; // a grid: its name and size, and an arrow to the next
const WALL = 7; // thickness of a convolution between grids

/** The figure that the paper of this run's network draws.
 * @param {Page.Trace} trace
 * @returns {Figure}
 */
export function figure(trace) {
  return (stacks(trace) ? new UNetFigure(trace) : new FcnFigure(trace)).drawn();
}

/** What both figures have in common: boxes by the names of their steps, and what leads to them. */
class Plan {
  /** @param {Page.Trace} trace */
  constructor(trace) {
    this.trace = trace;
    /** @type {Arrow[]} */
    this.arrows = [];
    /** @type {Map<string, Box>} */
    this.at = new Map();
  }

  /** @param {Page.Step} step @param {Omit<Box, 'step' | 'path'>} place */
  box(step, place) {
    const box = { step, path: pathOf(this.trace, step), ...place };
    this.at.set(step.name, box);
    return box;
  }

  get boxes() {
    return [...this.at.values()];
  }

  /** The boxes that a step reads, each with the steps between, which are drawn as an arrow. */
  sources(step) {
    return step.reads.map((name) => {
      const passed = [];
      let at = this.trace.step(name);
      for (; at && !this.at.has(at.name); at = this.trace.step(at.reads[0])) passed.unshift(at);
      const [crop, up] = [passed.find(({ settings }) => 'offset' in settings), passed.find(isUp)];
      return { from: this.at.get(at?.name), crop, up };
    }).filter(({ from }) => from);
  }

  /** Share [top, left, height, width] of a map that a crop keeps. */
  kept(crop) {
    const [, height, width] = this.trace.step(crop.reads[0]).shape;
    const { offset } = crop.settings;
    return [offset / height, offset / width, crop.shape[1] / height, crop.shape[2] / width];
  }
}

class UNetFigure extends Plan {
  drawn() {
    const { steps } = this.trace;
    const boxed = steps.filter((step) => operation(step).box);
    const most = Math.max(...steps.map(({ shape }) => shape[0]));
    const tall = Math.max(...steps.map(({ shape }) => shape[1]));
    const high = ({ shape }) => Math.max(14, TALLEST * (shape[1] / tall) ** 0.62);
    const rows = [];
    for (const step of boxed) rows[step.level] = Math.max(rows[step.level] ?? 0, high(step));
    const middle = rows.map((h, i) => TOP + rows.slice(0, i).reduce((sum, r) => sum + r + ROW_GAP, 0) + h / 2);
    let column = 0;
    for (const step of boxed) {
      if (operation(step).arrow === 'conv') column += 1;
      const height = high(step);
      const width = 6 + 38 * Math.sqrt(step.shape[0] / most);
      const sources = this.sources(step);
      const box = this.box(step, { x: LEFT + column * COLUMN, y: middle[step.level] - height / 2, width, height });
      for (const source of sources) this.#arrow(box, source);
    }
    const bottom = middle[middle.length - 1] + rows[rows.length - 1] / 2;
    return { width: LEFT + (column + 1) * COLUMN, height: bottom + 24, boxes: this.boxes, arrows: this.arrows };
  }

  /** What leads to a box from another one. */
  #arrow(box, { from, crop, up }) {
    const { step } = box;
    const down = [centre(from), from.y + from.height + BELOW, centre(box), box.y - ABOVE];
    const across = [from.x + from.width, mid(box), box.x, mid(box)];
    if (up) {
      const points = [centre(from), from.y - ABOVE, centre(box), box.y + box.height + BELOW];
      this.arrows.push({ kind: 'up', step: up, points });
    } else if (operation(step).reads === 'stacked') {
      if (crop) from.kept = this.kept(crop);
      box.pasted = (crop ?? from.step).shape[0] / step.shape[0];
      const points = [from.x + from.width, mid(from), box.x, mid(box)];
      this.arrows.push({ kind: 'copy', step: crop ?? step, points });
    } else if (operation(step).arrow === 'pool') this.arrows.push({ kind: 'pool', step, points: down });
    else this.arrows.push({ kind: step.settings.kernel?.[0] === 1 ? 'conv1' : 'conv', step, points: across });
  }
}

/** Row 0 is the trunk; every fusion has a row of its own below it, as the paper stacks its predictions. */
class FcnFigure extends Plan {
  constructor(trace) {
    super(trace);
    const [, tall, wide] = trace.steps[0].shape;
    this.fit = GRID / Math.max(tall, wide);
    this.size = { width: wide * this.fit, height: tall * this.fit };
    this.last = trace.steps.findLast(({ scores }) => scores);
  }

  drawn() {
    const finish = this.#trunk() + 26; // predictions stand in columns behind the trunk
    let row = 0;
    for (const step of this.trace.steps) {
      if (!this.#isPrediction(step)) continue;
      if (step.reads.length > 1) row += 1;
      const sources = this.sources(step);
      const from = sources[0]?.from;
      if (step.role === 'skip' && from?.grid) this.#below(step, from, row + 1); // in the row of its fusion
      else this.#prediction(step, sources, finish + (step === this.last ? this.size.width + 60 : 0), row);
    }
    const { boxes, arrows, size } = this;
    return { width: finish + 2 * size.width + 60 + LEFT, height: this.#top(row) + size.height + 30, boxes, arrows };
  }

  /** The layers that make features, one beside the other; where the last one ends. */
  #trunk() {
    let x = LEFT;
    for (const step of this.trace.steps) {
      if (step.scores || !(operation(step).box || isUp(step))) continue;
      if (operation(step).arrow === 'conv') {
        this.box(step, { x, y: TOP, width: WALL, height: this.size.height, thin: true });
        x += WALL + 5;
      } else {
        if (x > LEFT) x += 5;
        this.#grid(step, x, 0);
        x += this.size.width + 10;
      }
    }
    return x;
  }

  /** Class scores that are made here, joined here, or the network's output; crops and up-sampling are arrows. */
  #isPrediction(step) {
    return step.scores && (step === this.last || step.reads.length > 1 || operation(step).arrow === 'conv');
  }

  #top(row) {
    return TOP + row * (this.size.height + UNDER);
  }

  #grid(step, x, row) {
    const jump = this.trace.grid(step)?.jump ?? this.trace.steps[0].shape[1] / step.shape[1];
    return this.box(step, { x, y: this.#top(row), ...this.size, grid: Math.max(1.6, jump * this.fit) });
  }

  /** A score layer below the pooled map that it reads. */
  #below(step, from, row) {
    this.arrows.push({ kind: 'conv1', step, points: downwards(from, this.#grid(step, from.x, row)) });
  }

  #prediction(step, sources, x, row) {
    const own = 'offset' in step.settings ? step : undefined;
    const box = this.#grid(step, x, row);
    for (const { from, crop = own, up = isUp(step) ? step : undefined } of sources) {
      const points = from.y < box.y - 1 ? downwards(from, box) : [from.x + from.width, mid(from), box.x, mid(box)];
      // with same convolutions the up-sampled map is cropped, not the skip
      const kind = up ? 'up' : crop || step.reads.length > 1 ? 'copy' : 'conv1';
      this.arrows.push({ kind, step: up ?? crop ?? step, points, ...(up ? { factor: up.settings.stride[0] } : {}) });
      if (crop && !up) from.kept = this.kept(crop);
    }
  }
}

const isUp = (step) => operation(step).part === 'up';
const centre = ({ x, width }) => x + width / 2;
const mid = ({ y, height }) => y + height / 2;
const downwards = (from, to) => [centre(from), from.y + from.height + 2 * BELOW - 4, centre(to), to.y - ABOVE];
