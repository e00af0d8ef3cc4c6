/** An image with something laid over it, to zoom and to move; viewers that share a `View` do it together. */

import { on, pen, resize } from './dom.js';
import { css, line, roles } from './colour.js';

const MOST = 40; // times as large as fitted in
const STANDING_IN = 2; // times as large as it is, at most, is a small picture that stands for another
const STEP = 1.25; // of a key or a button

/** What part of an image is looked at: its middle (shares of the image) and how many times it is enlarged. */
export class View {
  /** @type {number} of the middle, a share of the image's width */ x;
  /** @type {number} */ y;
  /** @type {number} */ zoom;

  constructor() {
    this.viewers = new Set();
    this.pointer = null; // {x, y}: shares of the image
    this.fit();
  }

  fit() {
    Object.assign(this, { x: 0.5, y: 0.5, zoom: 1 });
    this.changed();
  }

  changed() {
    for (const viewer of this.viewers) viewer.soon();
  }

  /** Enlarge by a factor while the place {x, y} stays where it is. */
  scale(factor, { x, y } = this) {
    const zoom = Math.min(MOST, Math.max(1, this.zoom * factor));
    const share = 1 - this.zoom / zoom;
    this.x += (x - this.x) * share;
    this.y += (y - this.y) * share;
    this.zoom = zoom;
    this.#inside();
  }

  move(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#inside();
  }

  #inside() {
    const half = 0.5 / this.zoom;
    for (const axis of ['x', 'y']) this[axis] = Math.min(1 - half, Math.max(half, this[axis]));
    this.changed();
  }

  point(place) {
    this.pointer = place;
    this.changed();
  }
}

export class Viewer {
  /** `paint(context, place)` draws marks; `place` makes a screen box of one in pixels of the image. */
  constructor(canvas, view, { size = () => [1, 1], paint = (..._drawing) => {}, onPixel = (_pixel) => {} } = {}) {
    this.canvas = canvas;
    this.view = view;
    this.size = size;
    this.paint = paint;
    this.onPixel = onPixel;
    this.context = pen(canvas);
    this.image = null; // what is seen, any bitmap
    this.small = false; // it stands for a larger one: its pixels are not the image's
    this.layers = []; // {canvas, opacity, from, to}: laid over it, between two shares of the screen's width
    view.viewers.add(this);
    this.touches = new Map();
    on(canvas, 'pointerdown', (event) => this.#down(event));
    on(canvas, 'pointermove', (event) => this.#moved(event));
    on(canvas, ['pointerup', 'pointercancel'], ({ pointerId }) => this.touches.delete(pointerId));
    on(canvas, ['pointerleave', 'blur'], () => this.#point(null));
    on(canvas, 'wheel', (event) => this.#wheel(event), { passive: false });
    on(canvas, 'dblclick', () => view.fit());
    on(canvas, 'keydown', (event) => this.#key(event));
    new ResizeObserver(() => this.soon()).observe(canvas);
  }

  drop() {
    this.view.viewers.delete(this);
  }

  /** Draw before the next frame, once however often it is asked for. */
  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  /** Where the image lies on the canvas: [x, y, width, height] in CSS pixels. */
  #box() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const [rows, cols] = this.size();
    const most = this.small ? STANDING_IN : Infinity;
    const fit = Math.min(width / cols, height / rows, most) * this.view.zoom;
    const [w, h] = [cols * fit, rows * fit];
    return [width / 2 - this.view.x * w, height / 2 - this.view.y * h, w, h];
  }

  draw() {
    const { canvas, context: c, image } = this;
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = canvas;
    canvas.style.touchAction = this.view.zoom > 1 ? 'none' : 'pan-y'; // fitted in, a finger scrolls the page
    if (!clientWidth) return;
    resize(canvas, Math.round(clientWidth * ratio), Math.round(clientHeight * ratio));
    if (!image) return;
    const box = this.#box().map((v) => v * ratio);
    const [rows, cols] = this.size();
    c.imageSmoothingEnabled = this.small || box[2] < 2.5 * image.width; // enlarged pixels stay squares
    c.drawImage(image, ...box);
    c.imageSmoothingEnabled = false;
    for (const { canvas: layer, opacity, from = 0, to = 1 } of this.layers) {
      c.save();
      c.beginPath();
      c.rect(from * canvas.width, 0, (to - from) * canvas.width, canvas.height);
      c.clip();
      c.globalAlpha = opacity;
      c.drawImage(layer, ...box);
      c.restore();
    }
    /** @param {number[]} box */
    const place = ([top, left, bottom, right]) => [
      box[0] + (left / cols) * box[2], box[1] + (top / rows) * box[3],
      ((right - left) / cols) * box[2], ((bottom - top) / rows) * box[3],
    ];
    this.paint(c, place, ratio);
    if (this.view.pointer) this.#cross(box, ratio);
  }

  /** @param {number[]} box @param {number} ratio */
  #cross([x, y, w, h], ratio) {
    const { context: c, view: { pointer } } = this;
    const at = (dx, dy) => [x + pointer.x * w + dx * ratio, y + pointer.y * h + dy * ratio];
    for (const [style, width] of [[css('dark', 0.8), 3], [roles.light, 1]]) {
      c.strokeStyle = style;
      c.lineWidth = width * ratio;
      c.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) line(c, at(4 * dx, 4 * dy), at(12 * dx, 12 * dy));
      c.stroke();
    }
  }

  /** The place under a pointer event in shares of the image; null outside of it. */
  #at({ clientX, clientY }) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const [x, y, w, h] = this.#box();
    const place = { x: (clientX - left - x) / w, y: (clientY - top - y) / h };
    return place.x >= 0 && place.x < 1 && place.y >= 0 && place.y < 1 ? place : null;
  }

  #point(place) {
    const [rows, cols] = this.size();
    this.view.point(place);
    this.onPixel(place && { row: Math.floor(place.y * rows), column: Math.floor(place.x * cols) });
  }

  #down(event) {
    if (!this.image) return;
    this.canvas.setPointerCapture?.(event.pointerId);
    this.touches.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.#point(this.#at(event));
  }

  #moved(event) {
    if (!this.image) return;
    const before = this.touches.get(event.pointerId);
    if (before) {
      const now = { x: event.clientX, y: event.clientY };
      const [, , w, h] = this.#box();
      const others = [...this.touches].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      if (others.length === 1) {
        const apart = (at) => Math.hypot(at.x - others[0].x, at.y - others[0].y) || 1;
        this.view.scale(
          apart(now) / apart(before),
          this.#at({ clientX: (now.x + others[0].x) / 2, clientY: (now.y + others[0].y) / 2 }) ?? undefined
        );
      } else this.view.move((before.x - now.x) / w, (before.y - now.y) / h);
      this.touches.set(event.pointerId, now);
    }
    this.#point(this.#at(event));
  }

  #wheel(event) {
    if (!this.image) return;
    event.preventDefault();
    this.view.scale(Math.exp(-event.deltaY * 0.0015), this.#at(event) ?? undefined);
  }

  /** + and - enlarge, 0 fits in, arrows move the pointer's place and what is seen with it. */
  #key(event) {
    const step = (event.shiftKey ? 0.1 : 0.01) / this.view.zoom;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      const { x, y } = this.view.pointer ?? this.view;
      const inside = (v) => Math.min(0.9999, Math.max(0, v));
      this.#point({ x: inside(x + way[0] * step), y: inside(y + way[1] * step) });
      this.#follow();
    } else if (event.key === '+' || event.key === '=') this.view.scale(STEP, this.view.pointer ?? undefined);
    else if (event.key === '-') this.view.scale(1 / STEP, this.view.pointer ?? undefined);
    else if (event.key === '0') this.view.fit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #follow() {
    const { pointer, zoom } = this.view;
    const half = 0.45 / zoom;
    const over = (at, middle) => Math.max(0, at - middle - half) + Math.min(0, at - middle + half);
    this.view.move(over(pointer.x, this.view.x), over(pointer.y, this.view.y));
  }
}
