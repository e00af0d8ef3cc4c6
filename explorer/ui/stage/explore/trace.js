/** A run as the page holds it: steps, exact fields, and the pictures, fetched when looked at and kept. */

import { decode, fetchFile } from '../files.js';

const DECODED_BYTES = 48 * 2 ** 20; // of one-byte maps; the compressed pictures stay besides

export class Trace {
  constructor(data, resolve) {
    Object.assign(this, data);
    this.resolve = resolve; // file name -> address
    this.index = new Map(this.steps.map((step, i) => [step.name, i]));
    this.blobs = new Map(); // file -> Promise<Blob>
    this.decoded = new Map(); // file -> {pixels, width, height}, least recently used first
    this.bytes = 0;
    this.margin = marginOf(this);
    this.scores = scoresOf(this);
  }

  static async load(file, resolve) {
    return new Trace({ ...(await (await fetchFile(resolve(file))).json()), file }, resolve);
  }

  step(name) {
    return this.steps[this.index.get(name)];
  }

  /** The map's codes if they are at hand, without waiting. */
  ready(step) {
    const found = this.decoded.get(step.maps.file);
    if (found) {
      this.decoded.delete(step.maps.file);
      this.decoded.set(step.maps.file, found);
    }
    return found;
  }

  async map(step) {
    return this.ready(step) ?? this.#decode(step.maps.file);
  }

  prefetch(step) {
    if (step && !this.decoded.has(step.maps.file)) this.#decode(step.maps.file).catch(() => {});
  }

  blob(file) {
    if (!this.blobs.has(file)) {
      const coming = fetchFile(this.resolve(file)).then((answer) => answer.blob());
      coming.catch(() => this.blobs.delete(file)); // a failed fetch may be tried again
      this.blobs.set(file, coming);
    }
    return this.blobs.get(file);
  }

  async #decode(file) {
    const { data, width, height } = await decode(await this.blob(file));
    const pixels = new Uint8Array(width * height);
    for (let i = 0, j = 0; i < pixels.length; i++, j += 4) pixels[i] = data[j];
    const found = { pixels, width, height };
    if (!this.decoded.has(file)) {
      this.decoded.set(file, found);
      this.bytes += pixels.length;
      for (const [name, old] of this.decoded) {
        if (this.bytes <= DECODED_BYTES || name === file) break;
        this.decoded.delete(name);
        this.bytes -= old.pixels.length;
      }
    }
    return found;
  }

  /** The input pixels that unit (row, column) of a step depends on: half-open [top, left, bottom, right], or null. */
  field(step, row, column) {
    const rows = this.axes[step.rows];
    const cols = this.axes[step.cols];
    if (rows.lo[row] > rows.hi[row] || cols.lo[column] > cols.hi[column]) return null;
    return [rows.lo[row], cols.lo[column], rows.hi[row] + 1, cols.hi[column] + 1];
  }

  /** The field of a unit [top, left, bottom, right] in input pixels, not clipped: what lies outside is padding. */
  wholeField(step, row, column) {
    const { reach } = step;
    this.largest ??= Math.max(...this.axes.map(({ jump }) => jump));
    const span = (unit) => {
      const [lo, hi] = reach[unit % reach.length];
      const shift = Math.floor(unit / reach.length) * this.largest;
      return [lo + shift, hi + 1 + shift];
    };
    const [[top, bottom], [left, right]] = [span(row), span(column)];
    return [top, left, bottom, right];
  }

  /** The most, in input pixels, by which the centres of the whole fields of two steps' equal units differ. */
  centresApart(a, b) {
    const centre = (step, unit) => this.wholeField(step, unit, unit).reduce((sum, edge) => sum + edge, 0) / 4;
    const units = Array.from({ length: Math.max(a.reach.length, b.reach.length) }, (_, unit) => unit);
    return Math.max(...units.map((unit) => Math.abs(centre(a, unit) - centre(b, unit))));
  }

  /** Share of a unit's whole field that lies in the padding, 0 to 1. */
  paddingShare(step, row, column) {
    const area = ([top, left, bottom, right]) => (bottom - top) * (right - left);
    const seen = this.field(step, row, column);
    return seen ? 1 - area(seen) / area(this.wholeField(step, row, column)) : 1;
  }

  /**
   * The two units that meet where maps are joined: at an addition or concatenation the unit of either branch, at a crop
   * the unit that is kept and the reference's. {own, other}: step and field of each; null elsewhere, or where the unit
   * is cut off.
   */
  meeting(step, drawn, { row, column }) {
    const joined = step.op === 'add' || step.op === 'concat';
    if (!joined && step.op !== 'crop') return null;
    const [first, second] = step.inputs.map((name) => this.step(name));
    const cut = step.op === 'crop' && drawn === first ? step.settings.offset : 0;
    const [y, x] = [row - cut, column - cut];
    if (y < 0 || x < 0 || y >= step.shape[1] || x >= step.shape[2]) return null;
    const own = joined ? first : step;
    return {
      own: { step: own, field: this.field(own, y, x) },
      other: { step: second, field: this.field(second, y, x) },
      apart: [this.axes[own.rows].start - this.axes[second.rows].start, this.axes[own.cols].start - this.axes[second.cols].start],
    };
  }

  /** Edges [top, left, bottom, right], in input pixels, of the area whose places a map's units stand for. */
  cells(step) {
    const [rows, cols] = [this.axes[step.rows], this.axes[step.cols]];
    const edge = ({ jump, start }, unit) => start + jump * (unit - 0.5) + 0.5;
    return [edge(rows, 0), edge(cols, 0), edge(rows, step.shape[1]), edge(cols, step.shape[2])];
  }

  /** The input place [row, column] that a unit stands for, and the unit of a step that stands nearest to a place. */
  placeOf(step, { row, column }) {
    const at = ({ jump, start }, unit) => start + jump * unit;
    return [at(this.axes[step.rows], row), at(this.axes[step.cols], column)];
  }

  unitNear(step, [y, x]) {
    const near = ({ jump, start }, place, n) => Math.max(0, Math.min(n - 1, Math.round((place - start) / jump)));
    return { row: near(this.axes[step.rows], y, step.shape[1]), column: near(this.axes[step.cols], x, step.shape[2]) };
  }

  grid(step) {
    return this.axes[step.rows];
  }

  /** The crop that concerns a step: its own, or the one that cuts this map, or the one whose result is merged here. */
  cropAt(step) {
    const own = this.crops.find((c) => c.step === step.name);
    return own ?? this.crops.find((c) => c.source === step.name || step.inputs.includes(c.step)) ?? null;
  }
}

/** Names of the steps whose channels are the classes: from the last one back to the layers that score them. */
function scoresOf({ steps }) {
  const found = new Set([steps.at(-1).name]);
  for (const step of [...steps].reverse()) {
    if (!found.has(step.name) || !['crop', 'add', 'bilinear', 'scale'].includes(step.op)) continue;
    for (const name of step.op === 'crop' ? step.inputs.slice(0, 1) : step.inputs) found.add(name);
  }
  return found;
}

/** The zeros around the input that a first convolution adds beyond what keeps its size: {step, pixels, box} or null. */
function marginOf({ steps, frames: { network: [height, width] } }) {
  const first = steps.find(({ op, settings }) => op === 'conv' && 2 * settings.padding[0] >= settings.kernel[0]);
  if (!first || first.inputs[0] !== steps[0].name) return null;
  const [pixels] = first.settings.padding;
  return { step: first.name, pixels, box: [-pixels, -pixels, height + pixels, width + pixels] };
}
