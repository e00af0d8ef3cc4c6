/** The view "compare": two to four networks on one image, looked at together. */

import { find, make, makeButton, on, onButton } from '../dom.js';
import { radios } from '../bar.js';
import { Panel } from '../panel.js';
import { fetchBitmap, fetchPixels } from '../files.js';
import { coloured, disagreement } from './layers.js';
import { Verdict } from './verdict.js';
import { View, Viewer } from '../viewer.js';
import { Wipe } from './wipe.js';

const MOST = 4;

export class Compare extends Panel {
  constructor(root, stage) {
    super(root, stage);
    const { catalog, words } = stage;
    this.catalog = catalog;
    this.view = new View();
    this.chosen = this.#alike();
    this.file = null; // given, and not sent yet
    this.own = false; // the last comparison was at the image's own size, where another suits a network better
    this.asked = false; // the one that runs is to be so
    this.mode = 'beside';
    this.boards = [];
    this.answer = null;
    onButton(find(root, '.fx-rivals'), ({ model: key }) => {
      this.touched = true;
      const isChosen = (one) => this.chosen.includes(one) !== (one === key);
      this.chosen = catalog.models.map((model) => model.key).filter(isChosen);
      this.#rivals();
    });
    const choose = (mode) => {
      this.mode = mode;
      this.#lay();
    };
    radios(find(root, '.fx-modes'), 'mode', choose, this.mode);
    this.opacity = on(find(root, '.fx-compare .fx-see input'), 'input', () => this.#paint());
    this.verdict = new Verdict(words, (result) => this.#title(result), (own) => {
      if (!this.busy) this.run(own);
    });
    this.wipe = new Wipe(root, {
      words,
      title: (result) => this.#title(result),
      onSides: () => this.#lay(),
      onMove: () => this.#paint(),
    });
  }

  /** The view is shown; a comparison on another image is none any more. */
  enter({ image }) {
    if (this.answer?.image !== image) Object.assign(this, { answer: null, own: false });
    if (!this.touched && !this.answer) this.chosen = this.#alike();
    this.write();
  }

  write() {
    this.#rivals();
    this.#lay();
  }

  /** A file was given: it becomes the image that is compared on. */
  add([file]) {
    Object.assign(this, { file, answer: null, own: false });
    this.write();
    this.run();
  }

  /** A control of the bar was used: another image, most likely. */
  changed(change) {
    if (this.busy) this.cancel();
    if ('image' in change) Object.assign(this, { file: null, own: false });
    this.answer = null;
    if (!this.touched) this.chosen = this.#alike();
    this.write();
  }

  /** The networks whose weights know the same classes as those of the stage's network: only they can agree. */
  #alike() {
    const data = (name) => this.catalog.cards.find((card) => card.name === name)?.data;
    const wanted = data(this.stage.selection().checkpoint);
    const alike = this.catalog.models.filter(({ cards }) => cards.some((name) => data(name) === wanted));
    return (alike.length > 1 ? alike : this.#able()).slice(0, MOST).map(({ key }) => key);
  }

  /** The networks that there are weights for. */
  #able() {
    return this.catalog.models.filter(({ cards }) => cards.length);
  }

  /** The selection of one network on the stage's image, with weights on the same data where there are such. */
  #selectionOf(key) {
    const old = this.stage.selection();
    const model = this.catalog.models.find((one) => one.key === key);
    const card = (name) => this.catalog.cards.find((one) => one.name === name);
    const alike = model.cards.find((name) => card(name).data === card(old.checkpoint)?.data) ?? model.cards[0];
    const padding = model.paddings.includes(old.padding) ? old.padding : model.paddings[0];
    return { ...old, model: key, checkpoint: alike, padding };
  }

  #question(own) {
    const selections = this.chosen.map((key) => this.#selectionOf(key));
    return { what: 'compare', selection: this.stage.selection(), selections, options: { way: own ? 'own' : 'auto' } };
  }

  /** Compare; at the own size of the image if that is wanted or, unless said otherwise, was done before. */
  run(own = this.own) {
    if (this.chosen.length < 2) return this.stage.say({ code: 'two_networks', details: {} });
    this.wipe.sides = null;
    this.asked = own;
    this.send(this.#question(own), this.file);
  }

  #rivals() {
    const { root, chosen, words } = this;
    find(root, '.fx-rivals').replaceChildren(
      ...this.#able().map(({ key, title }) =>
        makeButton({ className: 'fx-pill', 'data-model': key, 'aria-pressed': chosen.includes(key) }, title)
      )
    );
    const stale = this.answer && this.answer.results.map(({ model }) => model).join() !== chosen.join();
    const hint = !this.answer ? words.t('compare.begin') : stale ? words.t('compare.again') : '';
    find(root, '.fx-compare .fx-hint').textContent = hint;
  }

  async done(message) {
    const { resolve } = this;
    const layers = await Promise.all(
      message.results.map(async ({ pictures }) => {
        const coming = [fetchBitmap(resolve(pictures.image)), fetchPixels(resolve(pictures.labels))];
        const [image, labels] = await Promise.all(coming);
        return { image, labels };
      })
    );
    Object.assign(this, { answer: { ...message, layers }, own: this.asked, file: null });
    this.view.fit();
    this.stage.onImage(message.image, message.imageName, message.results[0].pictures.image);
    this.write();
  }

  /** The boards of a mode: one for each network, or one for the wipe or the disagreement. */
  #lay() {
    const { root, answer } = this;
    for (const board of this.boards) board.viewer.drop();
    const box = find(root, '.fx-boards');
    this.wipe.show(answer?.results ?? [], this.mode === 'wipe');
    this.boards = [];
    find(root, '.fx-pairs').replaceChildren(...(answer ? this.verdict.lines(answer) : []));
    find(root, '.fx-compare-legend').replaceChildren(...(answer ? this.verdict.legend(answer, this.mode) : []));
    if (answer) {
      const all = answer.results.map((_, i) => i);
      const many = { beside: all.map((i) => [i]), wipe: [this.wipe.sides], differ: [all] }[this.mode];
      box.dataset.boards = String(many.length);
      box.replaceChildren(...many.map((which) => this.#board(which)));
    } else this.#preview(box);
    this.#paint();
  }

  /** The image that would be compared on, as far as the browser can show it. */
  async #preview(box) {
    const asked = (this.previewing = {}); // the latest counts, however often it is asked for
    const { file } = this;
    const coming = file ? createImageBitmap(file) : fetchBitmap(this.resolve(this.stage.picture()));
    const image = await coming.catch(() => null);
    if (this.answer || this.previewing !== asked) return;
    box.dataset.boards = '1';
    if (!image) return box.replaceChildren();
    const canvas = canvasOf(this.words.t('bar.image'));
    const viewer = new Viewer(canvas, this.view, { size: () => [image.height, image.width] });
    Object.assign(viewer, { image, small: !file });
    this.boards = [{ viewer, which: [], under: make('p') }];
    box.replaceChildren(make('figure', {}, make('figcaption'), canvas));
    viewer.soon();
  }

  #board(which) {
    const { answer } = this;
    const titles = which.map((i) => this.#title(answer.results[i])).join(this.mode === 'wipe' ? ' | ' : ', ');
    const canvas = canvasOf(titles);
    const under = make('p', { className: 'fx-here' });
    const viewer = new Viewer(canvas, this.view, {
      size: () => answer.results[0].size,
      onPixel: () => this.#names(),
      paint: (context, _, ratio) => this.mode === 'wipe' && this.wipe.line(context, ratio),
    });
    if (this.mode === 'wipe') this.wipe.draggable(canvas);
    this.boards.push({ viewer, which, under });
    const cost = which.length === 1 ? [this.#cost(answer.results[which[0]])] : [];
    return make('figure', {}, make('figcaption', {}, titles), canvas, under, ...cost);
  }

  #cost({ seconds, memory, device, deviceName, weightsTitle }) {
    const { words } = this;
    const values = {
      weights: words.of(weightsTitle), seconds: words.number(seconds.network, 3),
      peak: words.bytes(memory.peak ?? memory.forecast), device: words.device({ device, name: deviceName }),
    };
    return make('small', {}, words.t('compare.cost', values));
  }

  #title({ model }) {
    return this.catalog.models.find(({ key }) => key === model).title;
  }

  #paint() {
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
        return which.length > 1 ? `${this.#title(answer.results[i])}: ${name}` : name;
      }).join(' · ');
    }
  }
}

/** A canvas that keys reach. */
function canvasOf(label) {
  return make('canvas', { tabIndex: 0, role: 'application', 'aria-label': label });
}
