/** The right pane: the image in one of its frames, the prediction over it, and boxes given in input pixels. */

import { copy, find, on, onPointer, pen, size } from '../dom.js';
import { css, fillAround, pack, packed, painted, zeros } from '../colour.js';
import { decode } from '../files.js';
import { drawMarks } from '../marks.js';
import { redrawn } from '../taken.js';

const RIM = 0.1; // of the input's longer side: so much is shown outside it, where a crop reaches there
const DIMMED = 0.69; // over what is not of the class shown alone

export class Picture {
  /** @type {Page.Trace} */ trace;
  /** @type {any} {width, height, codes, confidence} of the resized image */ labels;
  /** @type {{codes: ArrayLike<number>, dims: boolean}} laid over it; is what has none dimmed? */ laid;
  /** @type {any} where the input lies on the canvas */ placed;
  /** @type {ImageBitmap} */ network;
  /** @type {ImageBitmap} */ resized;
  /** @type {number | undefined} pixels to one of CSS, where that is not the screen's */ ratio;

  constructor(root, { onPixel }) {
    this.pane = find(root, '.fx-view');
    this.canvas = find(this.pane, 'canvas');
    this.context = pen(this.canvas);
    /** @type {Page.Frame} */
    this.frame = 'network';
    this.opacity = 0.55;
    this.only = null; // one class alone
    this.field = this.whole = this.partner = null;
    this.crop = null;
    this.heat = null; // {canvas, box}: what of the input moves the held unit
    this.map = null; // {canvas, box}: a channel in the place of the prediction
    this.scalar = null; // {canvas, reduction}: confidence or entropy in the place of the prediction
    this.margin = false; // whether the zeros around the input are shown
    this.isBare = false; // drawn without its marks
    this.still = new OffscreenCanvas(1, 1); // what is drawn, without the field at the pointer
    this.onPixel = onPixel;
    onPointer(this.canvas, (event) => onPixel(event && this.#pixelAt(event)));
    on(this.canvas, 'blur', () => this.trace && onPixel(null));
    new ResizeObserver(() => this.trace && this.draw()).observe(this.pane);
  }

  /** A run's pictures, fetched and decoded; nothing is shown yet. */
  async fetch(trace) {
    const names = ['network', 'resized', 'labels', 'confidence'];
    if (this.frame === 'original') names.push('original');
    const coded = (name) => name === 'labels' || name === 'confidence';
    const picture = async (name) => {
      const blob = await trace.blob(trace.pictures[name]);
      return [name, await (coded(name) ? decode(blob) : createImageBitmap(blob))];
    };
    return Object.fromEntries(await Promise.all(names.map(picture)));
  }

  /** Take a run and its pictures. */
  load(trace, pictures) {
    for (const old of [this.network, this.resized, this.original]) old?.close();
    const { network, resized, original = null } = pictures;
    Object.assign(this, { trace, network, resized, original });
    const { width, height } = pictures.labels;
    this.labels = { width, height, codes: firstBytes(pictures.labels), confidence: firstBytes(pictures.confidence) };
    this.field = this.whole = this.partner = this.crop = this.heat = this.map = this.scalar = this.only = null;
    this.layLabels(this.labels.codes);
  }

  /** Lay labels over the image; where they are negative nothing, or, if that is `dimmed`, a shade.
   * @param {ArrayLike<number>} codes
   */
  layLabels(codes, dimmed = false) {
    this.laid = { codes, dims: dimmed };
    this.#paint();
    this.draw();
  }

  /** Show another frame. The original's pixels are fetched when they are first wanted. */
  async use(frame) {
    const { trace } = this;
    this.frame = frame;
    if (frame === 'original' && trace && !this.original) {
      const bitmap = await createImageBitmap(await trace.blob(trace.pictures.original));
      if (this.trace !== trace) return;
      this.original = bitmap;
    }
    this.draw();
  }

  #paint() {
    const { only, labels: { width, height }, laid: { codes, dims } } = this;
    const table = pack(this.trace.classes.map(({ colour }) => colour));
    const dimmed = packed('dimmed', DIMMED);
    const isShown = (code) => code >= 0 && (only === null || code === only);
    this.overlay = painted(width, height, (i) => (isShown(codes[i]) ? table[codes[i]] : 0), this.overlay);
    this.rest = only === null && !dims ? null : painted(width, height, (i) => (isShown(codes[i]) ? 0 : dimmed));
  }

  showOnly(index) {
    this.only = index;
    this.#paint();
    this.draw();
  }

  /** What of the input the canvas shows, in input pixels: the frame, and a rim where crops of the run reach outside it.
   * The same at every step, so that no step moves the image. */
  #viewBox() {
    const { trace: { frames, offset: [top, left], margin, crops } } = this;
    if (this.frame !== 'network') return [top, left, top + frames.resized[0], left + frames.resized[1]];
    const input = [0, 0, ...frames.network];
    if (this.margin && margin) return hull(input, margin.box);
    const rim = RIM * Math.max(...frames.network);
    const reach = crops.reduce((box, { standsWhole }) => hull(box, standsWhole), input);
    return reach.map((edge, i) => Math.min(Math.max(edge, input[i] - rim), input[i] + rim));
  }

  /** The step's crop and whether the margin is shown: drawn anew only where something of it changed. */
  show(crop, margin) {
    if (crop === this.crop && margin === this.margin && this.placed && !this.field && !this.partner) return;
    this.crop = crop;
    this.margin = margin;
    this.field = this.whole = this.partner = null;
    this.draw();
  }

  draw() {
    const { trace, context: c } = this;
    if (!trace) return;
    const [top, left, bottom, right] = this.#viewBox();
    const { clientWidth: wide, clientHeight: tall } = this.pane;
    const fit = Math.min(wide / (right - left), tall / (bottom - top));
    const [width, height] = [right - left, bottom - top].map((pixels) => Math.max(1, Math.floor(pixels * fit)));
    const ratio = size(this.canvas, width, height, this.ratio);
    const zoom = this.canvas.width / (right - left);
    /** @param {number[]} box */
    const place = ([t, l, b, r]) => [(l - left) * zoom, (t - top) * zoom, (r - l) * zoom, (b - t) * zoom];
    const [h, w] = trace.frames.resized;
    const [y, x] = trace.offset;
    const inner = place([y, x, y + h, x + w]);
    if (trace.margin && this.frame === 'network') {
      c.fillStyle = zeros(c, ratio);
      c.fillRect(...place(trace.margin.box));
    }
    c.imageSmoothingEnabled = zoom < 3;
    if (this.frame === 'network') c.drawImage(this.network, ...place([0, 0, ...trace.frames.network]));
    else c.drawImage((this.frame === 'original' && this.original) || this.resized, ...inner);
    if (this.frame === 'network' && (y || x || h < trace.frames.network[0] || w < trace.frames.network[1])) {
      fillAround(c, place([0, 0, ...trace.frames.network]), inner, css('dark', 0.42)); // no part of the person's image
    }
    this.#drawOver(place, inner);
    if (!this.isBare) drawMarks(c, this.#cropMarks, place, ratio);
    copy(this.still, this.canvas);
    this.placed = { top, left, zoom: zoom / ratio, ratio, place };
    this.#drawFields();
  }

  /** What lies over the image: classes, a heat map, a channel, confidence. */
  #drawOver(place, inner) {
    const { context: c } = this;
    c.save();
    c.imageSmoothingEnabled = false;
    if (this.heat) this.#drawHeat(place);
    else {
      // its colour may be that of the image
      if (this.rest && !this.map && !this.scalar) c.drawImage(this.rest, ...inner);
      c.globalAlpha = this.opacity;
      if (this.map) c.drawImage(this.map.canvas, ...place(this.map.box));
      else if (this.scalar) this.#drawScalar(place, inner);
      else c.drawImage(this.overlay, ...inner);
    }
    c.restore();
  }

  #drawFields() {
    if (!this.isBare) drawMarks(this.context, this.#fieldMarks, this.placed.place, this.placed.ratio);
  }

  /** @returns {import('../marks.js').Mark[]} */
  get #cropMarks() {
    if (!this.crop) return [];
    const { stands, standsWhole, sees } = this.crop;
    const kept = [{ box: standsWhole, role: 'dropped', inner: stands }, { box: stands, role: 'kept' }];
    return sees ? [...kept, { box: sees, role: 'kept', dash: [3, 5] }] : kept;
  }

  /** @returns {import('../marks.js').Mark[]} */
  get #fieldMarks() {
    const { whole, margin, partner, heat, field } = this;
    return [
      { box: margin && whole, role: 'field', dash: [2, 4] }, { box: partner, role: 'skip', dash: [7, 4] },
      { box: heat?.core, role: 'light', dash: [2, 3] }, { box: field, role: 'field' },
    ].filter(({ box }) => box);
  }

  /** What is shown, to take along: the picture on a canvas of its own, its marks, and where they lie on it. */
  take() {
    this.isBare = true;
    let place = (box) => box;
    const canvas = redrawn(this, () => {
      this.draw();
      if (this.isBare) place = this.placed.place;
      this.isBare = false;
    });
    return { canvas, place, marks: [...this.#cropMarks, ...this.#fieldMarks] };
  }

  /**
   * Outline a receptive field, and that of the unit it meets (`partner`), or none: [top, left, bottom, right] in input
   * pixels. `whole` is the field not clipped to the input, for the margin.
   */
  outlineField({ field, whole = null, partner = null }) {
    if (!this.placed || (!field && !this.field && !this.partner && !this.whole && !whole)) return;
    Object.assign(this, { field, whole, partner });
    copy(this.canvas, this.still);
    this.#drawFields();
  }

  /** The heat map in the place of the prediction, over a darkened image. */
  #drawHeat(place) {
    const { context: c, canvas } = this;
    c.fillStyle = css('dark', 0.55);
    c.fillRect(0, 0, canvas.width, canvas.height);
    c.globalAlpha = Math.min(1, 0.35 + this.opacity);
    c.drawImage(this.heat.canvas, ...place(this.heat.box));
  }

  /** A reduced map may hang over the image at the right and at the bottom. */
  #drawScalar(place, inner) {
    const { context: c } = this;
    const { canvas, reduction } = this.scalar;
    const [y, x] = this.trace.offset;
    c.beginPath();
    c.rect(...inner);
    c.clip();
    c.drawImage(canvas, ...place([y, x, y + canvas.height * reduction, x + canvas.width * reduction]));
  }

  /** Lay a map of "heat", a channel's "map" or a "scalar" in the place of the prediction, or take it away (null).
   * @param {'heat' | 'map' | 'scalar'} kind @param {any} layer
   */
  lay(kind, layer) {
    if (!layer && !this[kind]) return;
    this[kind] = layer;
    this.draw();
  }

  /** Point at a pixel of the resized image, as if the pointer stood there. */
  markPixel(row, column) {
    this.onPixel(this.#pixel(row, column));
    const [y, x] = this.trace.offset;
    this.outlineField({ field: [y + row, x + column, y + row + 1, x + column + 1] });
  }

  /** Where an event is, [row, column] in input pixels; null before anything is drawn. */
  placeAt(event) {
    if (!this.placed) return null;
    const box = this.canvas.getBoundingClientRect();
    const { zoom, top, left } = this.placed;
    return [(event.clientY - box.top) / zoom + top, (event.clientX - box.left) / zoom + left];
  }

  #pixelAt(event) {
    const at = this.placeAt(event);
    const [y, x] = this.trace.offset;
    return at && this.#pixel(Math.floor(at[0]) - y, Math.floor(at[1]) - x);
  }

  /** What is known of pixel (row, column) of the resized image; null outside the network's input. */
  #pixel(row, column) {
    const { width, height, codes } = this.labels;
    if (row >= 0 && column >= 0 && row < height && column < width) {
      const i = row * width + column;
      return { row, column, label: codes[i], confidence: this.labels.confidence[i] / 255 };
    }
    const [tall, wide] = this.trace.frames.network;
    const [y, x] = [row + this.trace.offset[0], column + this.trace.offset[1]];
    return y >= 0 && x >= 0 && y < tall && x < wide ? { border: true } : null;
  }
}

/** The grey value of every pixel of decoded RGBA data.
 * @param {{data: ArrayLike<number>, width: number, height: number}} picture
 */
export function firstBytes({ data, width, height }) {
  return Uint8Array.from({ length: width * height }, (_, i) => data[4 * i]);
}

/** The smallest box around two. */
function hull(a, b) {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}
