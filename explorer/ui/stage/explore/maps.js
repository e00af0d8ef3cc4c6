/** The middle pane: the channels of a step as tiles, with the crop drawn on every tile, and the unit at the pointer. */

import { copy, find, on, onPointer, pen, size } from '../dom.js';
import { fillAround, hatch, outline, roles } from '../colour.js';
import { channelCanvas, tileOf, valueOf } from './tile.js';
import { GAP, scaleBox, tileAt, tileUnder, tiling } from './tiling.js';

const LETTERS = { desk: 11, classroom: 24 }; // CSS pixels
const NAMED = 4; // times as wide as its letters are high is a tile with room for a name above it

export class Maps {
  /** @type {any} {step, crop, picture} that is drawn; null before the first */ shown;
  /** @type {any} where the tiles lie */ grid;
  /** @type {Page.Scheme} */ scheme;
  /** @type {{width: number, height: number}} of the pane */ size;
  /** @type {number | undefined} pixels to one of CSS, where that is not the screen's */ ratio;

  constructor(root, { onUnit, onHold, onChannel }) {
    this.pane = find(root, '.fx-mosaic');
    this.sheet = find(this.pane, 'div');
    this.canvas = find(this.pane, 'canvas');
    this.context = pen(this.canvas);
    this.coloured = new OffscreenCanvas(1, 1); // the mosaic in the picture's own pixels, at the canvas's top left
    this.memory = new ArrayBuffer(0); // of those pixels: new memory for each step would wait for the garbage collector
    this.still = new OffscreenCanvas(1, 1); // what is drawn, without the marks at the pointer
    this.channel = null; // one channel shown large, or null for all
    this.order = null; // channels in the order of their tiles, or null for their own
    this.full = null; // {channel, canvas}: the large channel at full resolution
    this.whole = null; // a canvas in the place of all channels: the principal components
    this.hover = null;
    this.held = null; // {channel, row, column} of the map drawn
    this.letters = LETTERS.desk;
    onPointer(this.canvas, (event) => onUnit(event && this.unitAt(event)));
    on(this.canvas, 'click', (event) => {
      const unit = this.hover ?? this.unitAt(event); // a click's place is rounded to whole pixels, a move's is not
      if (unit && unit.channel !== null) onHold(unit);
    });
    on(this.canvas, 'dblclick', (event) => {
      const unit = this.unitAt(event);
      if (unit && unit.channel !== null) onChannel(this.channel === null ? unit.channel : null);
    });
    on(this.pane, 'scroll', () => this.shown && this.redraw());
    new ResizeObserver(([{ contentRect }]) => {
      const { width, height } = contentRect;
      if (this.size?.width === width && this.size.height === height) return;
      this.size = { width, height };
      if (this.shown) this.redraw();
    }).observe(this.pane);
  }

  /**
   * Show a step's maps in a colour scheme. `crop` {top, left, height, width} in units of the map drawn, or null;
   * `names` of the channels where they are classes, or null; `halves` of a concatenation {name, first, count}.
   */
  show(step, picture, scheme, { crop, names, halves }) {
    if (this.shown?.step !== step) this.full = this.whole = null;
    this.scheme = scheme;
    this.names = names;
    this.halves = halves;
    this.shown = { step, crop, picture };
    this.#colour(step.maps, picture);
    this.redraw();
  }

  #colour(maps, { pixels, width, height }) {
    if (this.memory.byteLength < 4 * width * height) this.memory = new ArrayBuffer(4 * width * height);
    const out = new Uint32Array(this.memory, 0, width * height);
    for (let c = 0; c < maps.min.length; c++) {
      const table = this.scheme.codes(c);
      const tile = tileOf(maps, c);
      for (let y = 0; y < tile.height; y++) {
        const from = (tile.top + y) * width + tile.left;
        for (let i = from; i < from + tile.width; i++) out[i] = table[pixels[i]];
      }
    }
    const { coloured } = this;
    if (width > coloured.width) coloured.width = width;
    if (height > coloured.height) coloured.height = height;
    const image = new ImageData(new Uint8ClampedArray(this.memory, 0, 4 * width * height), width);
    pen(coloured).putImageData(image, 0, 0);
  }

  #layout() {
    const { step } = this.shown;
    const isOne = this.channel !== null || Boolean(this.whole);
    const split = !isOne && !this.order && this.halves.length > 1; // in another order the halves are mixed
    const counts = split ? this.halves.map(({ count }) => count) : [isOne ? 1 : step.shape[0]];
    const ratio = step.shape[1] / step.shape[2];
    // asked for here, the sizes would force a layout in the middle of a step; the observer tells when they change
    this.size ??= { width: this.pane.clientWidth, height: this.pane.clientHeight };
    const rooms = { strip: split ? this.#nameHeight : 0, head: this.#nameHeight };
    const named = this.names && !this.whole ? tiling(counts, ratio, this.size, rooms) : null;
    if (named && named.width >= NAMED * this.letters) return named;
    return tiling(counts, ratio, this.size, { ...rooms, head: 0 });
  }

  get #nameHeight() {
    return this.letters + 4;
  }

  /** Names in the letters of a classroom or of a desk. */
  write(isLarge) {
    this.letters = isLarge ? LETTERS.classroom : LETTERS.desk;
    if (this.shown) this.redraw();
  }

  redraw() {
    const { step, crop } = this.shown;
    const grid = this.#layout();
    const across = grid.columns * (grid.width + GAP) - GAP;
    const down = Math.min(grid.total, Math.max(this.size.height, 1));
    this.sheet.style.height = `${grid.total}px`;
    const scroll = grid.total > down ? Math.min(this.pane.scrollTop, grid.total - down) : 0;
    this.grid = { ...grid, down, scroll };
    const ratio = size(this.canvas, across, down, this.ratio);
    const c = this.context;
    c.imageSmoothingEnabled = grid.width * ratio < step.maps.tile[1]; // enlarged units stay squares
    c.imageSmoothingQuality = 'low'; // a tile is hardly reduced: the mosaic is about as large as the pane
    const over = crop && this.#cropOver(crop, step, ratio);
    for (const k of this.#inSight()) {
      const tile = this.#tile(k, ratio);
      this.#drawTile(this.channelAt(k), tile);
      if (over) c.drawImage(over, tile[0] - over.rim, tile[1] - over.rim);
    }
    this.#drawNames(across, ratio);
    this.copied = false;
    if (this.hover || this.held) this.#refresh();
  }

  /** Above tiles the names of classes, above the halves of a concatenation those of its maps: on no map itself. */
  #drawNames(across, ratio) {
    const { grid } = this;
    if (grid.head) {
      for (const k of this.#inSight()) {
        const [x, y, w] = this.#tile(k, ratio);
        this.#drawName(this.names[this.channelAt(k)], [x, y - this.#nameHeight * ratio, w], ratio);
      }
    }
    if (grid.groups.length < 2) return;
    grid.groups.forEach(({ first, count, top }, i) => {
      const y = (top - this.#nameHeight - grid.scroll) * ratio;
      this.#drawName(`${this.halves[i].name} · ${first}–${first + count - 1}`, [0, y, across * ratio], ratio, true);
    });
  }

  /** @param {number} channel @param {number[]} tile */
  #drawTile(channel, [x, y, w, h]) {
    const { top, left, height, width } = tileOf(this.shown.step.maps, channel);
    const c = this.context;
    if (this.whole) c.drawImage(this.whole, x, y, w, h);
    else if (this.channel !== null && this.full?.channel === channel) c.drawImage(this.full.canvas, x, y, w, h);
    else c.drawImage(this.coloured, left, top, width, height, x, y, w, h);
  }

  /** @param {string} name @param {number[]} place left, top, width @param {number} ratio @param {boolean} [isStrip] */
  #drawName(name, [x, y, w], ratio, isStrip = false) {
    const c = this.context;
    c.font = `600 ${this.letters * ratio}px system-ui, sans-serif`;
    c.fillStyle = roles.dark;
    c.fillRect(x, y, isStrip ? w : Math.min(w, c.measureText(name).width + 8 * ratio), this.#nameHeight * ratio);
    c.fillStyle = roles.light;
    c.fillText(name, x + 4 * ratio, y + this.letters * ratio, w - 6 * ratio);
  }

  /** Tiles that the pane shows, by number. */
  #inSight() {
    const { channels, scroll, down } = this.grid;
    const all = Array.from({ length: channels }, (_, k) => k);
    if (this.grid.total <= down) return all;
    return all.filter((k) => {
      const [, top, , height] = tileAt(this.grid, k);
      return top + height >= scroll && top - this.#nameHeight <= scroll + down;
    });
  }

  #tile(k, ratio) {
    const [x, y, w, h] = tileAt(this.grid, k);
    return [x, y - this.grid.scroll, w, h].map((v) => v * ratio);
  }

  /** The channel of the k-th tile, and the tile of a channel. */
  channelAt(k) {
    return this.channel ?? this.order?.[k] ?? k;
  }

  #tileOf(channel) {
    if (this.whole) return channel === null ? 0 : -1;
    if (this.channel !== null) return channel === this.channel ? 0 : -1;
    return this.order ? this.order.indexOf(channel) : channel;
  }

  /** Scroll until a channel's tile is in sight. */
  reveal(channel) {
    const k = this.#tileOf(channel);
    if (k < 0 || !this.grid || this.grid.total <= this.pane.clientHeight) return;
    const [, top, , height] = tileAt(this.grid, k);
    const { scrollTop, clientHeight } = this.pane;
    if (top >= scrollTop && top + height <= scrollTop + clientHeight) return;
    this.pane.scrollTop = top < scrollTop ? top : top + height - clientHeight;
    this.redraw();
  }

  /** What a crop keeps and drops, drawn once for all tiles; `rim` pixels of it lie around the tile. */
  #cropOver(crop, step, ratio) {
    const rim = Math.ceil(2 * ratio);
    const tile = [rim, rim, this.grid.width * ratio, this.grid.height * ratio];
    const canvas = new OffscreenCanvas(Math.ceil(tile[2]) + 2 * rim, Math.ceil(tile[3]) + 2 * rim);
    const c = pen(canvas);
    const box = scaleBox(tile, step.shape, crop);
    fillAround(c, tile, box, hatch(c, 'dropped', ratio, this.grid.width < 90 ? 5 : 8));
    outline(c, box, 'kept', ratio, [], tile[2] > 60 * ratio ? [4, 2] : [0, 1.5]); // a small one has no dark line
    return Object.assign(canvas, { rim });
  }

  /** Mark one unit on every tile ({row, column} in units), or nothing. */
  mark(unit) {
    if (!this.shown || (!unit && !this.hover)) return;
    this.hover = unit;
    this.#refresh();
  }

  /** Mark one unit of one channel until another one is held, or none. */
  hold(unit) {
    this.held = unit;
    if (this.shown) this.#refresh();
  }

  /** Draw the marks anew over the maps, which are copied the first time. */
  #refresh() {
    if (!this.copied) copy(this.still, this.canvas);
    this.copied = true;
    copy(this.canvas, this.still);
    const ratio = this.ratio ?? (window.devicePixelRatio || 1);
    this.#drawMarks(ratio);
    this.#drawNames(this.canvas.width / ratio, ratio); // no mark covers a name
  }

  #drawMarks(ratio) {
    if (this.hover) for (const k of this.#inSight()) this.#markUnit(k, this.hover, ratio);
    if (!this.held) return;
    if (this.held.channel === null) {
      for (const k of this.#inSight()) this.#markUnit(k, this.held, ratio, 2);
      return;
    }
    const k = this.#tileOf(this.held.channel);
    if (k < 0) return;
    outline(this.context, this.#tile(k, ratio), 'field', ratio);
    this.#markUnit(k, this.held, ratio, 4);
  }

  /** A square around a unit of the k-th tile: never smaller than can be seen. */
  #markUnit(k, { row, column }, ratio, extra = 0) {
    const unit = { top: row, left: column, height: 1, width: 1 };
    const [x, y, w, h] = scaleBox(this.#tile(k, ratio), this.shown.step.shape, unit);
    const grow = Math.max(0, ((5 + extra) * ratio - w) / 2);
    outline(this.context, [x - grow, y - grow, w + 2 * grow, h + 2 * grow], 'field', ratio, [], [3, 1.5]);
  }

  /** {channel, row, column} under a pointer event, or null between tiles. */
  unitAt(event) {
    if (!this.shown || !this.grid) return null;
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top + this.grid.scroll];
    const found = tileUnder(this.grid, x, y);
    if (!found) return null;
    const [, rows, cols] = this.shown.step.shape;
    const channel = this.whole ? null : this.channelAt(found.k); // components are made of all channels
    const { width, height } = this.grid;
    return { channel, row: Math.floor((found.y / height) * rows), column: Math.floor((found.x / width) * cols) };
  }

  /** Whether a pixel of a channel stands for several units, of which it is the mean. */
  averages(channel) {
    return this.shown.step.maps.reduction > 1 && this.full?.channel !== channel;
  }

  /** The value that is drawn at a unit; where the mosaic averages, the mean of the units around. */
  valueAt({ channel, row, column }) {
    const { step: { maps }, picture } = this.shown;
    if (this.full?.channel === channel) {
      const { coded: { data, width }, piece: { min, max } } = this.full;
      return min + (data[4 * (row * width + column)] / 255) * (max - min);
    }
    const { top, left } = tileOf(maps, channel);
    const [y, x] = [top + Math.floor(row / maps.reduction), left + Math.floor(column / maps.reduction)];
    return valueOf(maps, channel, picture.pixels[y * picture.width + x]);
  }

  /** One channel as a canvas of its own: at full resolution where that has come. */
  channelCanvas(channel) {
    const { step, picture } = this.shown;
    return this.full?.channel === channel ? this.full.canvas : channelCanvas(step, channel, picture, this.scheme);
  }
}
