/** The probabilities of all classes at every pixel: fetched when first asked for, one run at a time. */

import { decode } from '../files.js';
import { tileOf } from './tile.js';

export class Probabilities {
  /** @type {Uint16Array} of the sheet's pixels, in `steps`; null until they have come */ codes;

  /** `sheet` {file, tile, columns, reduction, steps} as in the run's JSON. */
  constructor(trace) {
    this.trace = trace;
    this.sheet = trace.probabilities;
    this.width = 0; // of the sheet, once it has come
    this.classes = trace.classes.length;
  }

  /** Fetch them; the same promise for everyone who waits. Rejects when the server does not answer. */
  load() {
    this.coming ??= this.#load().catch((error) => {
      this.coming = null; // may be tried again
      throw error;
    });
    return this.coming;
  }

  async #load() {
    const { data, width, height } = await decode(await this.trace.blob(this.sheet.file));
    const codes = new Uint16Array(width * height);
    for (let i = 0, j = 0; i < codes.length; i++, j += 4) codes[i] = 256 * data[j] + data[j + 1];
    this.width = width;
    this.codes = codes;
  }

  /** Where class `index` of pixel (row, column) of the sheet's tiles lies among the codes. */
  #place(index, y, x) {
    const { top, left } = tileOf(this.sheet, index);
    return (top + y) * this.width + left + x;
  }

  /** [{index, share}] of a pixel of the resized image, the most probable class first. */
  at(row, column) {
    const [y, x] = [row, column].map((v) => Math.floor(v / this.sheet.reduction));
    const found = Array.from({ length: this.classes }, (_, index) => ({
      index,
      share: this.codes[this.#place(index, y, x)] / this.sheet.steps,
    }));
    return found.sort((a, b) => b.share - a.share || a.index - b.index);
  }

  /** A number 0 to 1 for every pixel of a tile: {width, height, values}. `of` gets the shares of all classes there. */
  #map(of) {
    const [height, width] = this.sheet.tile;
    const values = new Float32Array(height * width);
    const here = new Float32Array(this.classes);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        for (let index = 0; index < this.classes; index++)
          here[index] = this.codes[this.#place(index, y, x)] / this.sheet.steps;
        values[i] = of(here);
      }
    }
    return { width, height, values };
  }

  /** Probability of a class, or of the most probable one (null). */
  confidence(index) {
    return this.#map((shares) => (index === null ? shares.reduce((a, b) => Math.max(a, b), 0) : shares[index]));
  }

  /** Entropy over the classes, as a share of the largest there can be. */
  entropy() {
    return this.#map((shares) => entropyOf(shares));
  }
}

/** Entropy of probabilities, from 0 (sure) to 1 (all classes alike).
 * @param {ArrayLike<number> & Iterable<number>} shares
 */
export function entropyOf(shares) {
  let sum = 0;
  for (const p of shares) if (p > 0) sum -= p * Math.log(p);
  return shares.length > 1 ? sum / Math.log(shares.length) : 0;
}
