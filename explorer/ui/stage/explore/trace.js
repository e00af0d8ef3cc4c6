/** A run as the page holds it: steps, exact fields, and the pictures, fetched when looked at and kept. */

import { pack } from '../colour.js';
import { decode, fetchBlob, fetchFile } from '../files.js';

const DECODED_BYTES = 48 * 2 ** 20; // of one-byte maps; the compressed pictures stay besides

/** What has the properties of the run that it is made of.
 * @type {new (run: Page.Run) => Page.Run}
 */
const OfRun = /** @type {any} */ (class {
  constructor(run) {
    Object.assign(this, run);
  }
});

export class Trace extends OfRun {
  /**
   * @param {Page.Run} run
   * @param {(file: string) => string} resolve file name -> address
   * @param {Page.Selection} selection what it is looked at as: other pages may look at it under another one
   */
  constructor(run, resolve, selection) {
    super(run);
    this.selection = selection;
    this.resolve = resolve;
    this.index = new Map(run.steps.map((step, i) => [step.name, i]));
    /** @type {Map<string, Promise<Blob>>} */
    this.blobs = new Map();
    /** @type {Map<string, Page.Codes>} */
    this.decoded = new Map(); // by file, least recently used first
    this.bytes = 0;
    this.margin = marginOf(run);
    this.largest = Math.max(...run.axes.map(({ jump }) => jump));
    for (const { maps } of run.steps) if (maps.labels) maps.colours = pack(run.classes.map(({ colour }) => colour));
  }

  /** @param {string} file @param {(file: string) => string} resolve @param {Page.Selection} selection */
  static async load(file, resolve, selection) {
    const answer = await fetchFile(resolve(file));
    return new Trace({ ...(await answer.json()), file }, resolve, selection);
  }

  /** The step of a name; undefined if there is none.
   * @param {string} name
   */
  step(name) {
    return this.steps[this.index.get(name) ?? -1];
  }

  /** The map's codes if they are at hand, without waiting.
   * @param {Page.Step} step
   */
  ready(step) {
    const found = this.decoded.get(step.maps.file);
    if (found) {
      this.decoded.delete(step.maps.file);
      this.decoded.set(step.maps.file, found);
    }
    return found;
  }

  /** The map's codes. Rejects when the server does not answer.
   * @param {Page.Step} step
   * @returns {Promise<Page.Codes>}
   */
  async map(step) {
    return this.ready(step) ?? this.#decode(step.maps.file);
  }

  /** @param {Page.Step} [step] */
  prefetch(step) {
    if (step && !this.decoded.has(step.maps.file)) this.#decode(step.maps.file).catch(() => {});
  }

  /** @param {string} file @returns {Promise<Blob>} */
  blob(file) {
    const known = this.blobs.get(file);
    if (known) return known;
    const coming = fetchBlob(this.resolve(file));
    coming.catch(() => this.blobs.delete(file)); // a failed fetch may be tried again
    this.blobs.set(file, coming);
    return coming;
  }

  async #decode(file) {
    const { data, width, height } = await decode(await this.blob(file));
    const pixels = new Uint8Array(width * height);
    for (let i = 0, j = 0; i < pixels.length; i++, j += 4) pixels[i] = data[j];
    const found = { pixels, width, height };
    if (this.decoded.has(file)) return found;
    this.decoded.set(file, found);
    this.bytes += pixels.length;
    for (const [name, old] of this.decoded) {
      if (this.bytes <= DECODED_BYTES || name === file) break;
      this.decoded.delete(name);
      this.bytes -= old.pixels.length;
    }
    return found;
  }

  /** A step's axes [along rows, along columns]; null behind an operation that is not known.
   * @param {Page.Step} step
   * @returns {[Page.Axis, Page.Axis] | null}
   */
  both({ rows, cols }) {
    return rows === null || cols === null ? null : [this.axes[rows], this.axes[cols]];
  }

  /** The axis along rows, which tells jump and start; null where none is known.
   * @param {Page.Step} step
   */
  grid(step) {
    return this.both(step)?.[0] ?? null;
  }

  /** The input pixels that unit (row, column) of a step depends on; null where it sees none, or that is not known.
   * @param {Page.Step} step @param {number} row @param {number} column
   * @returns {Page.Box | null}
   */
  field(step, row, column) {
    const [rows, cols] = this.both(step) ?? [];
    if (!rows || !cols) return null;
    if (rows.lo[row] > rows.hi[row] || cols.lo[column] > cols.hi[column]) return null;
    return [rows.lo[row], cols.lo[column], rows.hi[row] + 1, cols.hi[column] + 1];
  }

  /** The field of a unit, not clipped: what lies outside the input is padding. Null where none is known.
   * @param {Page.Step} step @param {number} row @param {number} column
   * @returns {Page.Box | null}
   */
  wholeField(step, row, column) {
    const { reach } = step;
    if (!reach.length) return null;
    const { largest } = this;
    /** @param {number} unit @returns {[number, number]} */
    const span = (unit) => {
      const [lo, hi] = reach[unit % reach.length];
      const shift = Math.floor(unit / reach.length) * largest;
      return [lo + shift, hi + 1 + shift];
    };
    const [[top, bottom], [left, right]] = [span(row), span(column)];
    return [top, left, bottom, right];
  }

  /** The most, in input pixels, by which the centres of the whole fields of two steps' equal units differ.
   * @param {Page.Step} a @param {Page.Step} b
   */
  centresApart(a, b) {
    const centre = (step, unit) => (this.wholeField(step, unit, unit) ?? [0]).reduce((sum, edge) => sum + edge, 0) / 4;
    const units = Array.from({ length: Math.max(a.reach.length, b.reach.length) }, (_, unit) => unit);
    return Math.max(...units.map((unit) => Math.abs(centre(a, unit) - centre(b, unit))));
  }

  /** Share of a unit's whole field that lies in the padding, 0 to 1; 0 where it is not known.
   * @param {Page.Step} step @param {number} row @param {number} column
   */
  paddingShare(step, row, column) {
    const area = ([top, left, bottom, right]) => (bottom - top) * (right - left);
    const [seen, whole] = [this.field(step, row, column), this.wholeField(step, row, column)];
    if (!whole) return 0;
    return seen ? 1 - area(seen) / area(whole) : 1;
  }

  /**
   * The field of the other unit where two meet: at a sum or concatenation that of the second branch, at a crop that of
   * the reference. Null elsewhere, or where the unit is cut off.
   * @param {Page.Step} step @param {Page.Step} drawn @param {Page.Unit} unit
   */
  partnerField(step, drawn, { row, column }) {
    const crop = this.crops.find((one) => one.step === step.name);
    const other = crop ? crop.reference : step.reads[1];
    if (!other) return null;
    const cut = crop && drawn.name === crop.source ? crop.offset : 0;
    const [y, x] = [row - cut, column - cut];
    if (y < 0 || x < 0 || y >= step.shape[1] || x >= step.shape[2]) return null;
    return this.field(this.step(other), y, x);
  }

  /** The area whose places a map's units stand for; all of the input where that is not known.
   * @param {Page.Step} step
   * @returns {Page.Box}
   */
  cells(step) {
    const [rows, cols] = this.both(step) ?? [];
    if (!rows || !cols) return [0, 0, ...this.frames.network];
    const edge = ({ jump, start }, unit) => start + jump * (unit - 0.5) + 0.5;
    return [edge(rows, 0), edge(cols, 0), edge(rows, step.shape[1]), edge(cols, step.shape[2])];
  }

  /** The input place [row, column] that a unit stands for; null where that is not known.
   * @param {Page.Step} step @param {Page.Unit} unit
   */
  placeOf(step, { row, column }) {
    const axes = this.both(step);
    return axes && [axes[0].start + axes[0].jump * row, axes[1].start + axes[1].jump * column];
  }

  /** The unit of a step that stands nearest to a place; where that is not known the one in the middle.
   * @param {Page.Step} step @param {number[]} place
   */
  unitNear(step, [y, x]) {
    const [, height, width] = step.shape;
    const axes = this.both(step);
    if (!axes) return { row: height >> 1, column: width >> 1 };
    const near = ({ jump, start }, place, n) => Math.max(0, Math.min(n - 1, Math.round((place - start) / jump)));
    return { row: near(axes[0], y, height), column: near(axes[1], x, width) };
  }

  /** The unit of a step at a place of the input; null where the place lies outside its map, or nothing is known of it.
   * @param {Page.Step} step @param {number[]} place
   */
  unitAt(step, place) {
    const axes = this.both(step);
    const [row, column] = axes ? axes.map(({ jump, start }, i) => Math.round((place[i] - start) / jump)) : [-1, -1];
    const [, height, width] = step.shape;
    return row >= 0 && column >= 0 && row < height && column < width ? { row, column } : null;
  }

  /** The crop that concerns a step: its own, or the one that cuts this map, or the one whose result is joined here.
   * @param {Page.Step} step
   */
  cropAt(step) {
    const own = this.crops.find((c) => c.step === step.name);
    const joined = (name) => step.reads.length > 1 && step.reads.includes(name);
    return own ?? this.crops.find((c) => c.source === step.name || joined(c.step)) ?? null;
  }
}

/** The zeros around the input that the first layer adds beyond what keeps its size; null if it adds none.
 * @param {Page.Run} run
 */
function marginOf({ steps, frames: { network: [height, width] } }) {
  const first = steps.find(({ reads, settings }) => reads[0] === steps[0].name && settings.kernel);
  if (!first || 2 * first.settings.padding[0] < first.settings.kernel[0]) return null;
  const [pixels] = first.settings.padding;
  return { step: first.name, pixels, box: [-pixels, -pixels, height + pixels, width + pixels] };
}
