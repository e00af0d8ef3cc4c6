/** What the step reads: a small picture of each map before it, with the window of units that feed one unit. */

import { find, make, makeButton, onButton, pen, size } from '../dom.js';
import { fillAround, hatch, outline } from '../colour.js';
import { channelCanvas, widestChannel } from './tile.js';
import { clip, reads } from './windows.js';

const SOON = 60; // ms after the step's own maps are drawn
const HEIGHT = 64; // CSS pixels of a picture
const WIDEST = 104;
const AROUND = 3; // units shown on every side of the window in the lens

export class Feeds {
  /** @type {Page.Trace} */ trace;
  /** @type {Page.Words} */ words;

  constructor(root, colours, { onStep }) {
    this.colours = colours;
    this.box = find(root, '.fx-feeds');
    this.list = onButton(find(this.box, 'ul'), ({ step }) => onStep(step));
    this.feeds = [];
  }

  /** Take a step and the map drawn for it; `crop` as in Trace.cropAt. */
  show(trace, step, drawn, crop, words) {
    Object.assign(this, { trace, words });
    const asCrop = crop?.step === step.name;
    const names = asCrop ? [crop.source, crop.reference] : [...new Set(drawn.reads)];
    if (asCrop && crop.reference === trace.steps[0].name) names.pop(); // the input gives its size and nothing else
    this.reader = asCrop ? step : drawn; // whose windows are shown: at a crop always those of the cut map
    this.shift = asCrop && drawn !== step ? crop.offset : 0;
    this.box.hidden = names.length === 0;
    this.feeds = names.map((name, i) => this.#feed(i, trace.step(name), asCrop ? crop : null));
    [...this.list.children].forEach((item, i) => (item.hidden = i >= names.length));
    this.unit = null;
    if (this.feeds.length > 1 && this.feeds.every(({ step: { scores } }) => scores)) {
      this.feeds[1].channel = this.feeds[0].channel; // the same class of both
    }
    clearTimeout(this.later); // who steps on quickly does not look here
    this.later = setTimeout(() => this.feeds.forEach((feed) => this.#fetch(feed)), SOON);
  }

  /** The i-th place in the list, for a step's map. */
  #feed(i, step, crop) {
    if (!this.list.children[i]) this.list.append(place());
    const button = this.list.children[i].firstElementChild;
    const [name, where, thumb, lens] = button.children;
    button.dataset.step = step.name;
    name.textContent = step.name;
    where.textContent = '\u00a0';
    lens.hidden = true;
    pen(thumb).clearRect(0, 0, thumb.width, thumb.height);
    return { step, crop, name, where, thumb, lens, channel: widestChannel(step), source: null };
  }

  async #fetch(feed) {
    const { trace } = this;
    // where the connection is lost, the step itself says so
    const picture = trace.ready(feed.step) ?? (await trace.map(feed.step).catch(console.warn));
    if (!picture || !this.feeds.includes(feed)) return;
    feed.picture = picture;
    this.#draw(feed);
  }

  /** Show this channel of a source: the one that contributes most to the held unit. */
  use(source, channel) {
    const feed = this.feeds.find(({ step }) => step.name === source);
    if (!feed) return;
    feed.channel = channel;
    if (feed.picture) this.#draw(feed);
  }

  /** Mark the windows that feed a unit of the map drawn, or none. */
  point(unit) {
    if (!unit && !this.unit) return;
    this.unit = unit;
    for (const feed of this.feeds) {
      if (feed.picture) this.#draw(feed);
      else this.#fetch(feed);
    }
  }

  /** The window of the unit on one source: {rows, cols, channel}, or null. */
  #window({ step, crop }) {
    const { unit, reader, shift, trace } = this;
    if (!unit) return null;
    const own = { channel: unit.channel, row: unit.row - shift, column: unit.column - shift };
    const [, height, width] = reader.shape;
    if (own.row < 0 || own.column < 0 || own.row >= height || own.column >= width) return null; // it is cut off
    if (crop && step.name === crop.reference) {
      const [rows, cols] = [own.row, own.column].map((first) => [first, first + 1]);
      return { rows, cols, channel: step.scores ? own.channel : null };
    }
    return reads(trace, reader, own).find(({ name }) => name === step.name) ?? null;
  }

  #draw(feed) {
    const { step, picture, name, where } = feed;
    const window = this.#window(feed);
    const channel = window?.channel ?? feed.channel;
    if (feed.source?.channel !== channel) {
      const canvas = channelCanvas(step, channel, picture, this.colours.scheme(step.maps, 'channel'));
      feed.source = { channel, canvas };
    }
    name.textContent = `${step.name} · ${channel}`;
    where.textContent = window ? this.#said(step, window) : '\u00a0';
    this.#drawThumb(feed, window);
    this.#drawLens(feed, window);
  }

  #said({ shape }, { rows, cols }) {
    const [[top, bottom], [left, right]] = [clip(rows, shape[1]), clip(cols, shape[2])];
    if (top === bottom || left === right) return this.words.t('feeds.padding');
    if (bottom - top === 1 && right - left === 1)
      return this.words.t('feeds.unit', { row: String(top), column: String(left) });
    const range = (first, last) => (last - first > 1 ? `${first}–${last - 1}` : `${first}`);
    return this.words.t('feeds.window', { rows: range(top, bottom), columns: range(left, right) });
  }

  #drawThumb({ step, crop, thumb, source }, window) {
    const [, height, width] = step.shape;
    const fit = Math.min(HEIGHT / height, WIDEST / width);
    const { c, ratio } = prepare(thumb, width * fit, height * fit);
    const [wide, tall] = [thumb.width, thumb.height];
    c.imageSmoothingEnabled = wide < width;
    c.drawImage(source.canvas, 0, 0, wide, tall);
    const at = (top, left, rows, cols) => [
      (left / width) * wide, (top / height) * tall, (cols / width) * wide, (rows / height) * tall,
    ];
    if (crop) {
      const whole = step.name === crop.reference; // all of the other branch meets what is kept
      const kept = whole ? [1, 1, wide - 2, tall - 2] : at(crop.offset, crop.offset, ...crop.kept);
      if (!whole) fillAround(c, [0, 0, wide, tall], kept, hatch(c, 'dropped', ratio, 5));
      outline(c, kept, 'kept', ratio);
    }
    if (!window) return;
    const { rows, cols } = window;
    const [x, y, w, h] = at(rows[0], cols[0], rows[1] - rows[0], cols[1] - cols[0]);
    const grow = Math.max(0, 5 * ratio - Math.min(w, h)) / 2; // never smaller than can be seen
    outline(c, [x - grow, y - grow, w + 2 * grow, h + 2 * grow], 'field', ratio);
  }

  /** The window enlarged, with the units around it; what lies outside the map stays empty. */
  #drawLens({ step, lens, source }, window) {
    lens.hidden = !window;
    if (!window) return;
    const [, height, width] = step.shape;
    const { rows, cols } = window;
    const side = Math.max(rows[1] - rows[0], cols[1] - cols[0]) + 2 * AROUND;
    const { c, ratio } = prepare(lens, HEIGHT, HEIGHT);
    const zoom = lens.width / side;
    const [top, left] = [rows, cols].map(([first, last]) => (first + last - side) / 2);
    c.imageSmoothingEnabled = false;
    const { canvas } = source;
    const { reduction } = step.maps;
    c.drawImage(canvas, -left * zoom, -top * zoom, canvas.width * reduction * zoom, canvas.height * reduction * zoom);
    if (canvas.width * reduction > width) c.clearRect((width - left) * zoom, 0, lens.width, lens.height);
    if (canvas.height * reduction > height) c.clearRect(0, (height - top) * zoom, lens.width, lens.height);
    const box = [
      (cols[0] - left) * zoom, (rows[0] - top) * zoom, (cols[1] - cols[0]) * zoom, (rows[1] - rows[0]) * zoom,
    ];
    outline(c, box, 'field', ratio);
  }
}

/** An empty place: name, window, the whole map, the window enlarged. */
function place() {
  const canvases = ['fx-thumb', 'fx-lens'].map((className) => make('canvas', { className }));
  return make('li', {}, makeButton({}, make('b'), make('small'), ...canvases));
}

/** Set a canvas to a size in CSS pixels and clear it. */
function prepare(canvas, width, height) {
  const ratio = size(canvas, Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
  return { c: pen(canvas), ratio };
}
