/** The middle pane: the channels of a step as tiles, with the crop drawn on every tile, and the unit at the pointer. */

import { copy, find, on, onPointer, pen, size } from '../dom.js';
import { css, fillAround, hatch, outline, roles } from '../colour.js';
import { channelCanvas, tileOf, valueOf } from './tile.js';
import { GAP, scaleBox, tiling } from './tiling.js';

const NAMED = 56; // CSS pixels of a tile that has room for a name

export class Maps {
  /** @type {any} {step, crop, picture} that is drawn; null before the first */ shown;
  /** @type {any} where the tiles lie */ grid;
  /** @type {Page.Scheme} */ scheme;
  /** @type {{width: number, height: number}} of the pane */ size;

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
   * `names` of the channels where they are classes, or null.
   */
  show(step, picture, scheme, crop, names) {
    if (this.shown?.step !== step) this.full = this.whole = null;
    this.scheme = scheme;
    this.names = names;
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
    const channels = this.channel === null && !this.whole ? step.shape[0] : 1;
    const ratio = step.shape[1] / step.shape[2];
    // asked for here, the sizes would force a layout in the middle of a step; the observer tells when they change
    this.size ??= { width: this.pane.clientWidth, height: this.pane.clientHeight };
    return tiling(channels, ratio, this.size);
  }

  redraw() {
    const { step, crop } = this.shown;
    const grid = (this.grid = this.#layout());
    const across = grid.columns * (grid.width + GAP) - GAP;
    const down = Math.min(grid.total, Math.max(this.size.height, 1));
    this.sheet.style.height = `${grid.total}px`;
    grid.down = down;
    grid.scroll = grid.total > down ? Math.min(this.pane.scrollTop, grid.total - down) : 0;
    const ratio = size(this.canvas, across, down);
    const c = this.context;
    c.imageSmoothingEnabled = grid.width * ratio < step.maps.tile[1]; // enlarged units stay squares
    c.imageSmoothingQuality = 'low'; // a tile is hardly reduced: the mosaic is about as large as the pane
    const over = crop && this.#cropOver(crop, step, ratio);
    for (const k of this.#inSight()) {
      const tile = this.#tile(k, ratio);
      this.#drawTile(this.channelAt(k), tile);
      if (over) c.drawImage(over, tile[0] - over.rim, tile[1] - over.rim);
      if (this.names && !this.whole && grid.width >= NAMED) this.#drawName(this.names[this.channelAt(k)], tile, ratio);
    }
    this.copied = false;
    if (this.hover || this.held) this.#refresh();
  }

  /** @param {number} channel @param {number[]} tile */
  #drawTile(channel, [x, y, w, h]) {
    const { top, left, height, width } = tileOf(this.shown.step.maps, channel);
    const c = this.context;
    if (this.whole) c.drawImage(this.whole, x, y, w, h);
    else if (this.channel !== null && this.full?.channel === channel) c.drawImage(this.full.canvas, x, y, w, h);
    else c.drawImage(this.coloured, left, top, width, height, x, y, w, h);
  }

  /** @param {string} name @param {number[]} tile @param {number} ratio */
  #drawName(name, [x, y, w], ratio) {
    const c = this.context;
    c.font = `600 ${11 * ratio}px system-ui, sans-serif`;
    const wide = Math.min(w, c.measureText(name).width + 8 * ratio);
    c.fillStyle = css('dark', 0.66);
    c.fillRect(x, y, wide, 15 * ratio);
    c.fillStyle = roles.light;
    c.fillText(name, x + 4 * ratio, y + 11 * ratio, w - 6 * ratio);
  }

  /** Tiles that the pane shows, by number. */
  #inSight() {
    const { columns, height, channels, scroll } = this.grid;
    const first = Math.floor(scroll / (height + GAP)) * columns;
    const rows = Math.ceil(this.grid.down / (height + GAP)) + 1;
    const last = Math.min(channels, first + rows * columns);
    return Array.from({ length: Math.max(0, last - first) }, (_, k) => first + k);
  }

  #tile(k, ratio) {
    const { columns, width, height, scroll } = this.grid;
    const top = Math.floor(k / columns) * (height + GAP) - scroll;
    return [(k % columns) * (width + GAP), top, width, height].map((v) => v * ratio);
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
    const { columns, height } = this.grid;
    const top = Math.floor(k / columns) * (height + GAP);
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
    this.#drawMarks(window.devicePixelRatio || 1);
  }

  #drawMarks(ratio) {
    if (this.hover) for (const k of this.#inSight()) this.#markUnit(k, this.hover, ratio);
    if (!this.held) return;
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
    const { columns, width, height, channels } = this.grid;
    const [across, down] = [Math.floor(x / (width + GAP)), Math.floor(y / (height + GAP))];
    const [inX, inY] = [x - across * (width + GAP), y - down * (height + GAP)];
    const k = down * columns + across;
    if (x < 0 || y < 0 || across >= columns || k >= channels || inX >= width || inY >= height) return null;
    const [, rows, cols] = this.shown.step.shape;
    const channel = this.whole ? null : this.channelAt(k); // components are made of all channels
    return { channel, row: Math.floor((inY / height) * rows), column: Math.floor((inX / width) * cols) };
  }

  /** The value a tile pixel stands for; with a reduced mosaic the mean of the units around. */
  valueAt({ channel, row, column }) {
    const { step, picture } = this.shown;
    const { maps } = step;
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
