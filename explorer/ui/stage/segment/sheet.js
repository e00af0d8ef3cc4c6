/** The image of the view "segment" with one layer over it: classes, confidence, errors, differences, tiles. */

import { fill, find, make, on } from '../dom.js';
import { css, outline, pack, packed, painted, roles } from '../colour.js';
import { View, Viewer } from '../viewer.js';

// layer: picture
const LAYERS = { prediction: 'labels', confidence: 'confidence', errors: 'errors', differs: 'differs' };
const RIGHT = 120 / 255; // opacity: what is right lets the image through

export class Sheet {
  constructor(root, { colours, words }) {
    this.colours = colours;
    this.words = words;
    this.item = null; // {planned, preview, result, layers}
    this.layer = 'prediction';
    this.fault = find(root, '.fx-fault');
    this.here = find(root, '.fx-here');
    this.legend = find(root, '.fx-sheet-key');
    this.view = new View();
    this.viewer = new Viewer(find(root, '.fx-board canvas'), this.view, {
      size: () => this.item?.result?.size ?? this.item?.planned?.size ?? [1, 1],
      paint: (...drawing) => this.#tiles(...drawing),
      onPixel: (pixel) => this.#name(pixel),
    });
    this.choice = on(find(root, '.fx-layer select'), 'change', ({ target }) => {
      this.layer = target.value;
      this.#paint();
    });
    this.opacity = on(find(root, '.fx-see input'), 'input', () => this.#paint());
    this.grid = on(find(root, '.fx-grid'), 'click', () => {
      this.grid.setAttribute('aria-pressed', String(this.grid.getAttribute('aria-pressed') !== 'true'));
      this.viewer.soon();
    });
    on(find(root, '.fx-zoom-in'), 'click', () => this.view.scale(1.5));
    on(find(root, '.fx-zoom-out'), 'click', () => this.view.scale(1 / 1.5));
    on(find(root, '.fx-zoom-fit'), 'click', () => this.view.fit());
  }

  /** Show an image, with its result if there is one. */
  show(item) {
    this.item = item;
    const there = Object.keys(LAYERS).filter((key) => key === 'prediction' || item?.layers?.[LAYERS[key]]);
    if (!there.includes(this.layer)) this.layer = 'prediction';
    fill(this.choice, there.map((key) => [key, this.words.t(`segment.layer.${key}`)]), this.layer);
    this.choice.disabled = !item?.result;
    this.grid.hidden = !(item?.result?.boxes.length > 1);
    this.fault.hidden = !item?.failed;
    this.fault.textContent = item?.failed ? `${item.name}: ${this.words.error(item.failed)}` : '';
    this.#paint();
    this.#name(null);
  }

  /** What lies over the image, painted from the codes. */
  #paint() {
    const { viewer, item, layer } = this;
    const { result, layers } = item ?? {};
    viewer.image = layers?.image ?? item?.preview ?? null;
    const opacity = this.opacity.value / 100;
    viewer.layers = result ? [{ canvas: this.#painted(result, layers[LAYERS[layer]]), opacity }] : [];
    if (layers?.outlines && layer === 'prediction')
      viewer.layers.push({ canvas: coded(layers.outlines, [0, packed('light')]), opacity: 1 });
    this.opacity.nextElementSibling.textContent = this.words.percent(opacity);
    this.#key(result);
    viewer.soon();
  }

  /** What the colours of the layer mean; the classes' stand beside their areas. */
  #key(result) {
    const { words, layer } = this;
    const entry = (background, text) => make('span', {}, make('i', { style: `background: ${background}` }), text);
    const ramp = [...this.colours.sequential].filter((_, i) => i % 32 === 0)
      .map((abgr) => `rgb(${abgr & 255} ${(abgr >> 8) & 255} ${(abgr >> 16) & 255})`);
    const keys = {
      confidence: () => [entry(`linear-gradient(90deg, ${ramp.join(', ')})`, words.t('segment.key.confidence'))],
      errors: () => [
        entry(roles.right, words.t('segment.key.right')), entry(roles.wrong, words.t('segment.key.wrong')),
      ],
      differs: () => [entry(roles.wrong, words.t('segment.key.differs'))],
    };
    this.legend.replaceChildren(...(result && keys[layer] ? keys[layer]() : []));
    this.legend.classList.toggle('fx-ramp', layer === 'confidence');
  }

  #painted({ classes }, codes) {
    const tables = {
      prediction: () => pack(classes.map(({ colour }) => colour)),
      confidence: () => this.colours.sequential,
      errors: () => [packed('right', RIGHT), packed('wrong'), 0],
      differs: () => [0, packed('wrong')],
    };
    return coded(codes, tables[this.layer]());
  }

  /** The tiles' outputs, and the window that the one at the pointer reads: the paper's figure 2. */
  #tiles(context, place, ratio) {
    if (this.grid.hidden || this.grid.getAttribute('aria-pressed') !== 'true' || !this.item?.result) return;
    const { boxes, margin, run_at: [rows, cols], size } = this.item.result;
    const scale = ([top, bottom, left, right]) => [
      (top / rows) * size[0], (left / cols) * size[1], (bottom / rows) * size[0], (right / cols) * size[1],
    ];
    const lined = (box, role, dash) => outline(context, place(scale(box)), role, ratio, dash, [4, 2.5]);
    context.strokeStyle = css('light', 0.8);
    context.lineWidth = ratio;
    for (const box of boxes) context.strokeRect(...place(scale(box)));
    const { pointer } = this.view;
    const inside = ([top, bottom, left, right]) =>
      pointer.y * rows >= top && pointer.y * rows < bottom && pointer.x * cols >= left && pointer.x * cols < right;
    const under = pointer && boxes.find(inside);
    if (!under) return;
    lined(under.slice(4).map((at) => at - margin), 'contracting', [8, 5]);
    lined(under, 'field', []);
  }

  /** The class at the pointer, and how sure the network is of it. */
  #name(pixel) {
    const { result, layers } = this.item ?? {};
    if (!pixel || !result) return (this.here.textContent = '');
    const [down, across] = [pixel.row / result.size[0], pixel.column / result.size[1]];
    const at = ({ width, height, data }) => data[4 * (Math.floor(down * height) * width + Math.floor(across * width))];
    const { name } = result.classes[at(layers.labels)];
    this.here.textContent = this.words.t('segment.here', {
      name: this.words.of(name), share: this.words.percent(at(layers.confidence) / 255), row: pixel.row,
      column: pixel.column,
    });
  }
}

/** A picture of codes in the colours of a table. */
function coded({ width, height, data }, table) {
  return painted(width, height, (i) => table[data[4 * i]]);
}
