/** A brush on the image of the run: paint, erase, one pixel, shift. What comes of it is an image of one's own. */

import { find, on, pen } from '../dom.js';
import { radios } from '../bar.js';
import { roles } from '../colour.js';

/** Where a mirrored line of n units is looked at for its unit i, which may lie beyond it.
 * @param {number} i @param {number} n
 */
export function mirroredAt(i, n) {
  if (n === 1) return 0;
  const at = ((i % (2 * n - 2)) + 2 * n - 2) % (2 * n - 2);
  return at < n ? at : 2 * n - 2 - at;
}

/** Pixels moved by rows and columns; what comes in from beyond the edge is the image mirrored, as networks get it.
 * @param {{width: number, height: number, data: Uint8ClampedArray}} image @param {number} down @param {number} right
 */
export function shifted({ width, height, data }, down, right) {
  const made = new Uint8ClampedArray(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 4 * (mirroredAt(y - down, height) * width + mirroredAt(x - right, width));
      made.set(data.subarray(from, from + 4), 4 * (y * width + x));
    }
  }
  return made;
}

export class Brush {
  constructor(root) {
    this.canvas = find(root, '.fx-brush');
    this.colour = find(root, '.fx-brush-colour');
    this.size = find(root, '.fx-brush-size');
    this.colour.value = roles.wrong;
    this.kind = 'paint';
    this.changed = false;
    this.choose = radios(find(root, '.fx-brush-kind'), 'brush', (kind) => {
      this.kind = kind;
      this.choose(kind);
    }, this.kind);
    on(find(root, '.fx-brush-again'), 'click', () => this.load(this.image));
    let last = null;
    on(this.canvas, 'pointerdown', (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      last = this.#at(event);
      this.#begin(last);
    });
    on(this.canvas, 'pointermove', (event) => {
      if (!last) return;
      const now = this.#at(event);
      if (this.kind === 'shift') this.#shift(now, last);
      else this.#stroke(last, now);
      if (this.kind !== 'shift') last = now;
    });
    on(this.canvas, ['pointerup', 'pointercancel'], () => (last = null));
    on(this.canvas, 'keydown', (event) => this.#key(event));
  }

  /** Begin anew with an image. */
  load(image) {
    this.image = image;
    const { canvas } = this;
    Object.assign(canvas, { width: image.naturalWidth, height: image.naturalHeight });
    pen(canvas).drawImage(image, 0, 0);
    this.changed = false;
  }

  /** The changed image as a file, or null where nothing was changed. */
  async file(name) {
    if (!this.changed) return null;
    const blob = await new Promise((done) => this.canvas.toBlob(done, 'image/png'));
    return blob && new File([blob], name, { type: 'image/png' });
  }

  #at({ clientX, clientY }) {
    const { left, top, width } = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / width;
    return [(clientX - left) * scale, (clientY - top) * scale];
  }

  #begin(at) {
    const { canvas } = this;
    this.before = pen(canvas).getImageData(0, 0, canvas.width, canvas.height);
    if (this.kind !== 'shift') this.#stroke(at, at);
  }

  #stroke(from, to) {
    const context = pen(this.canvas);
    this.changed = true;
    if (this.kind === 'impulse') {
      context.fillStyle = roles.light;
      context.fillRect(Math.floor(to[0]), Math.floor(to[1]), 1, 1);
      return;
    }
    context.strokeStyle = this.kind === 'erase' ? roles.zero : this.colour.value;
    Object.assign(context, { lineWidth: Number(this.size.value), lineCap: 'round' });
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(to[0] + 0.01, to[1]);
    context.stroke();
  }

  #shift(now, first) {
    this.#move(Math.round(now[1] - first[1]), Math.round(now[0] - first[0]));
  }

  #move(down, right) {
    const { width, height } = this.canvas;
    pen(this.canvas).putImageData(new ImageData(shifted(this.before, down, right), width, height), 0, 0);
    this.changed = true;
  }

  /** The arrow keys shift by a pixel. */
  #key(event) {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!by || this.kind !== 'shift') return;
    event.preventDefault();
    event.stopPropagation();
    const { canvas } = this;
    this.before = pen(canvas).getImageData(0, 0, canvas.width, canvas.height);
    this.#move(by[0], by[1]);
  }
}
