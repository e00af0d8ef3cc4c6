/** A cursor for those without a pointer: units of the maps, pixels of the picture, channels; all by keys. */

import { find, on } from '../dom.js';
import { busyElsewhere, keyOf } from '../keys.js';

const STEP = { w: [-1, 0], a: [0, -1], s: [1, 0], d: [0, 1] };
const FAR = 8; // units at once, with the shift key

export class Cursor {
  constructor(root, { look, output }) {
    this.root = root;
    this.look = look;
    this.output = output;
    on(document, 'keydown', (event) => this.#key(event));
  }

  #key(event) {
    const { activeElement: active } = document;
    if (busyElsewhere(event)) return;
    const key = keyOf(event);
    const { look } = this;
    if (!look.drawn) return;
    if (Object.hasOwn(STEP, key)) this.#move(STEP[key], event.shiftKey ? FAR : 1, active);
    else if (key === ',' || key === '.') this.#channel(key === '.' ? 1 : -1);
    else if (key === 'c') look.pick(look.maps.channel === null ? this.#unit().channel : null);
    else if (key === 'p') look.pin(this.#unit().channel);
    else if (key === 'Enter' && active?.tagName !== 'BUTTON') this.#hold();
    else return;
    event.preventDefault();
  }

  /** The unit at the cursor; at first the one in the middle of the first channel shown. */
  #unit() {
    const { maps, drawn, held } = this.look;
    const [, height, width] = drawn.shape;
    const unit = maps.hover ?? held.unit ?? { channel: null, row: height >> 1, column: width >> 1 };
    return { ...unit, channel: unit.channel ?? maps.channelAt(0) };
  }

  /** Hold the unit at the cursor; or let go of it, and leave the cursor there. */
  #hold() {
    const unit = this.#unit();
    const held = Boolean(this.look.anchor);
    this.look.hold(held ? null : unit);
    if (held) this.look.point(unit);
  }

  #move([down, across], far, active) {
    if (active === this.output.picture.canvas) return this.#movePixel(down * far, across * far);
    const { channel, row, column } = this.#unit();
    const [, height, width] = this.look.drawn.shape;
    const started = Boolean(this.look.maps.hover ?? this.look.held.unit);
    const go = (at, by, n) => Math.max(0, Math.min(n - 1, started ? at + by * far : at));
    this.#to({ channel, row: go(row, down, height), column: go(column, across, width) });
  }

  #channel(by) {
    const { maps, drawn } = this.look;
    const unit = this.#unit();
    const order = maps.order ?? [...Array(drawn.shape[0]).keys()];
    const k = Math.max(0, Math.min(order.length - 1, order.indexOf(unit.channel) + by));
    const next = { ...unit, channel: order[k] };
    if (maps.channel !== null) this.look.pick(next.channel);
    maps.reveal(next.channel);
    this.#to(next);
  }

  #to(unit) {
    const { look } = this;
    look.maps.canvas.focus({ preventScroll: true }); // so that Enter holds the unit, whatever was clicked before
    look.maps.reveal(unit.channel);
    if (look.held.unit) {
      look.maps.hover = null;
      look.hold(unit);
    } else look.point(unit);
    this.#say(find(this.root, '.fx-unit').textContent);
  }

  #movePixel(down, across) {
    const { output } = this;
    const { width, height } = output.picture.labels;
    const middle = { row: (height >> 1) - down, column: (width >> 1) - across };
    const at = output.pixel && !output.pixel.border ? output.pixel : middle;
    const clamp = (v, n) => Math.max(0, Math.min(n - 1, v));
    output.picture.markPixel(clamp(at.row + down, height), clamp(at.column + across, width));
    this.#say(find(this.root, '.fx-under').textContent);
  }

  /** What a screen reader speaks. */
  #say(text) {
    find(this.root, '.fx-said').textContent = text;
  }
}
