/** The pictures of a comparison, as large as they fit: one for each network, or one for the wipe or disagreement. */

import { find, make, on } from '../dom.js';
import { View, Viewer } from '../viewer.js';
import { arranged } from './grid.js';
import { coloured, disagreement } from './layers.js';
import { Wipe } from './wipe.js';

const LINES = 44; // pixels of a board's caption and of the line below its picture
const SLIDER = 24; // of the wipe's slider
const LEAST = 110; // of what is found, below the pictures

export class Boards {
  /** `title(result)` names a network. */
  constructor(root, { words, title }) {
    this.words = words;
    this.title = title;
    this.view = new View();
    this.mode = 'beside';
    this.answer = null;
    this.boards = []; // {viewer, which, under}
    this.place = find(root, '.fx-compared');
    this.box = find(root, '.fx-boards');
    this.verdict = find(root, '.fx-verdict');
    this.table = find(root, '.fx-figures');
    this.opacity = on(find(root, '.fx-compare .fx-see input'), 'input', () => this.paint());
    this.wipe = new Wipe(root, { words, title, onSides: () => this.lay(this.answer), onMove: () => this.paint() });
    new ResizeObserver(() => this.fit()).observe(this.place);
    new ResizeObserver(() => this.fit()).observe(this.table);
  }

  /** Those of an answer, or one of the image that would be compared on, which `picture()` brings. */
  lay(answer, picture) {
    for (const { viewer } of this.boards) viewer.drop();
    this.answer = answer;
    this.boards = [];
    this.wipe.show(answer?.results ?? [], this.mode === 'wipe');
    if (answer) {
      const all = answer.results.map((_, i) => i);
      const many = { beside: all.map((i) => [i]), wipe: [this.wipe.sides], differ: [all] }[this.mode];
      this.#show(many.map((which) => this.#board(which)), answer.results[0].size);
    } else this.#preview(picture);
    this.paint();
  }

  #show(figures, size) {
    this.size = size;
    this.box.dataset.boards = String(figures.length);
    this.box.replaceChildren(...figures);
    this.fit();
  }

  /** Give the boards the shape of the picture, and what is found a place under or beside them. */
  fit() {
    const { place, size: [height, width] = [3, 4], table } = this;
    if (!place.clientWidth || !this.boards.length) return;
    const flows = getComputedStyle(find(document, '.fx')).overflowY === 'visible'; // a telephone: the page scrolls
    const room = { width: place.clientWidth, height: flows ? Infinity : place.clientHeight };
    if (this.mode === 'wipe') room.height -= SLIDER;
    const least = { width: table.offsetWidth + 24, height: Math.max(LEAST, table.offsetHeight + 12) };
    const found = arranged(this.boards.length, width / height, room, least, LINES);
    place.dataset.beside = String(found.beside);
    this.verdict.style.height = found.beside || flows ? '' : `${least.height}px`;
    this.verdict.style.width = found.beside ? `${least.width}px` : '';
    const sizes = { columns: found.columns, wide: `${found.width}px`, high: `${found.height}px` };
    for (const [name, value] of Object.entries(sizes)) this.box.style.setProperty(`--${name}`, String(value));
  }

  /** The image that would be compared on, as far as the browser can show it. */
  async #preview(picture) {
    const asked = (this.previewing = {}); // the latest counts, however often it is asked for
    const { image, small } = (await picture?.().catch(() => null)) ?? {};
    if (this.answer || this.previewing !== asked) return;
    if (!image) return this.box.replaceChildren();
    const canvas = canvasOf(this.words.t('bar.image'));
    const viewer = new Viewer(canvas, this.view, { size: () => [image.height, image.width] });
    Object.assign(viewer, { image, small });
    this.boards = [{ viewer, which: [], under: make('p') }];
    this.#show([make('figure', {}, make('figcaption'), canvas)], [image.height, image.width]);
    viewer.soon();
  }

  #board(which) {
    const { answer } = this;
    const titles = which.map((i) => this.title(answer.results[i])).join(this.mode === 'wipe' ? ' | ' : ', ');
    const canvas = canvasOf(titles);
    const under = make('p', { className: 'fx-here' });
    const viewer = new Viewer(canvas, this.view, {
      size: () => answer.results[0].size,
      onPixel: () => this.#names(),
      paint: (context, _, ratio) => this.mode === 'wipe' && this.wipe.line(context, ratio),
    });
    if (this.mode === 'wipe') this.wipe.draggable(canvas);
    this.boards.push({ viewer, which, under });
    return make('figure', {}, make('figcaption', { title: titles }, titles), canvas, under);
  }

  paint() {
    const { answer, mode, wipe: { divide } } = this;
    const opacity = this.opacity.value / 100;
    this.opacity.nextElementSibling.textContent = this.words.percent(opacity);
    if (!answer) return;
    for (const { viewer, which } of this.boards) {
      viewer.image = answer.layers[which[0]].image;
      const side = (i, k) => ({ canvas: coloured(answer, i), opacity, from: k ? divide : 0, to: k ? 1 : divide });
      if (mode === 'differ') viewer.layers = [{ canvas: disagreement(answer), opacity }];
      else if (mode === 'wipe') viewer.layers = which.map(side);
      else viewer.layers = [{ canvas: coloured(answer, which[0]), opacity }];
      viewer.soon();
    }
  }

  /** What each network says of the pixel at the pointer. */
  #names() {
    const { answer, words, view } = this;
    for (const { which, under } of this.boards) {
      under.textContent = !view.pointer ? '' : which.map((i) => {
        const { width, height, data } = answer.layers[i].labels;
        const at = data[4 * (Math.floor(view.pointer.y * height) * width + Math.floor(view.pointer.x * width))];
        const name = words.of(answer.results[i].classes[at].name);
        return which.length > 1 ? `${this.title(answer.results[i])}: ${name}` : name;
      }).join(' · ');
      under.title = under.textContent;
    }
  }
}

/** A canvas that keys reach. */
function canvasOf(label) {
  return make('canvas', { tabIndex: 0, role: 'application', 'aria-label': label });
}
