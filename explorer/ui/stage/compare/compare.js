/** The view "compare": two to four networks on one image, looked at together. */

import { radios } from '../bar.js';
import { pack, packed, painted } from '../colour.js';
import { Runner } from '../runner.js';
import { decode, fetchFile } from '../files.js';
import { Verdict } from './verdict.js';
import { View, Viewer } from '../viewer.js';
import { Wipe } from './wipe.js';

const MOST = 4;
const DIFFERENT = [['two', 0.7], ['three', 0.85], ['four', 1]]; // how many classes the networks give a pixel: role, opacity

export class Compare {
  constructor(root, { gradio, alive, catalog, words, resolve, selection, picture, say, onProgress, onImage }) {
    Object.assign(this, { root, catalog, words, resolve, selection, picture, say, onImage });
    this.runner = new Runner(
      { ...gradio, alive, mostBytes: catalog.mostBytes },
      { onProgress, onDone: (message) => this.#done(message), onError: say },
      'segment'
    );
    this.view = new View();
    this.chosen = this.#alike();
    this.file = null; // given, and not sent yet
    this.own = false; // the last comparison was at the image's own size, where another suits a network better
    this.asked = false; // the one that runs is to be so
    this.mode = 'beside';
    this.boards = [];
    this.answer = null;
    root.querySelector('.fx-rivals').addEventListener('click', ({ target }) => {
      const key = target.closest('button')?.dataset.model;
      if (!key) return;
      const rest = this.chosen.filter((one) => one !== key);
      if (rest.length === this.chosen.length) rest.push(key);
      this.touched = true;
      this.chosen = catalog.models.map((model) => model.key).filter((one) => rest.includes(one));
      this.#rivals();
    });
    this.modes = radios(root.querySelector('.fx-modes'), ({ mode }) => {
      this.mode = mode;
      this.#lay();
    });
    this.modes.choose(({ mode }) => mode === this.mode);
    this.opacity = root.querySelector('.fx-compare .fx-see input');
    this.opacity.addEventListener('input', () => this.#paint());
    this.verdict = new Verdict(words, (result) => this.#title(result), (own) => {
      if (!this.busy) this.run(own);
    });
    this.wipe = new Wipe(root, { words, title: (result) => this.#title(result), onSides: () => this.#lay(), onMove: () => this.#paint() });
  }

  get busy() {
    return this.runner.request !== null;
  }

  /** The view is shown; a comparison on another image is none any more. */
  enter({ image }) {
    if (this.answer?.image !== image) {
      this.answer = null;
      this.own = false;
    }
    if (!this.touched && !this.answer) this.chosen = this.#alike();
    this.write();
  }

  write() {
    this.#rivals();
    this.#lay();
  }

  /** A file was given: it becomes the image that is compared on. */
  add([file]) {
    this.file = file;
    this.answer = null;
    this.own = false;
    this.write();
    this.run();
  }

  cancel() {
    if (this.runner.request) this.runner.cancel();
  }

  /** A control of the bar was used: another image, most likely. */
  changed(change) {
    if (this.busy) this.cancel();
    if ('image' in change) {
      this.file = null;
      this.own = false;
    }
    this.answer = null;
    if (!this.touched) this.chosen = this.#alike();
    this.write();
  }

  hear(message) {
    this.runner.hear(message);
  }

  /** The networks whose weights know the same classes as those of the stage's network: only they can agree. */
  #alike() {
    const { catalog } = this;
    const data = (name) => catalog.cards.find((card) => card.name === name)?.data;
    const wanted = data(this.selection().checkpoint);
    const alike = catalog.models.filter(({ cards }) => cards.some((name) => data(name) === wanted)).map(({ key }) => key);
    return alike.length > 1 ? alike.slice(0, MOST) : catalog.models.filter(({ cards }) => cards.length).map(({ key }) => key).slice(0, MOST);
  }

  /** The selection of one network on the stage's image, with weights on the same data where there are such. */
  #selectionOf(key) {
    const old = this.selection();
    const model = this.catalog.models.find((one) => one.key === key);
    const card = (name) => this.catalog.cards.find((one) => one.name === name);
    const alike = model.cards.find((name) => card(name).data === card(old.checkpoint)?.data) ?? model.cards[0];
    const padding = model.paddings.includes(old.padding) ? old.padding : model.paddings[0];
    return { ...old, model: key, checkpoint: alike, padding };
  }

  #question(own) {
    return { what: 'compare', selection: this.selection(), selections: this.chosen.map((key) => this.#selectionOf(key)), options: { way: own ? 'own' : 'auto' } };
  }

  /** Compare; at the own size of the image if that is wanted or, unless said otherwise, was done before. */
  run(own = this.own) {
    if (this.chosen.length < 2) return this.say({ code: 'two_networks', details: {} });
    this.wipe.sides = null;
    this.asked = own;
    if (this.file) this.runner.sendFile(this.file, this.#question(own));
    else this.runner.send(this.#question(own), { ownImage: false });
  }

  #rivals() {
    const { root, catalog, chosen, words } = this;
    root.querySelector('.fx-rivals').replaceChildren(
      ...catalog.models.filter(({ cards }) => cards.length).map(({ key, title }) => {
        const button = Object.assign(document.createElement('button'), { type: 'button', className: 'fx-pill', textContent: title });
        button.dataset.model = key;
        button.setAttribute('aria-pressed', String(chosen.includes(key)));
        return button;
      })
    );
    const stale = this.answer && this.answer.results.map(({ model }) => model).join() !== chosen.join();
    root.querySelector('.fx-compare .fx-hint').textContent = !this.answer ? words.t('compare.begin') : stale ? words.t('compare.again') : '';
  }

  async #done(message) {
    const layers = await Promise.all(
      message.results.map(async ({ pictures }) => {
        const get = async (name) => (await fetchFile(this.resolve(name))).blob();
        return { image: await createImageBitmap(await get(pictures.image)), labels: await decode(await get(pictures.labels)) };
      })
    );
    this.answer = { ...message, layers };
    this.own = this.asked;
    this.file = null;
    this.view.fit();
    this.onImage(message.image, message.imageName, message.results[0].pictures.image);
    this.write();
  }

  /** The boards of a mode: one for each network, or one for the wipe or the disagreement. */
  #lay() {
    const { root, words, answer } = this;
    for (const board of this.boards) board.viewer.drop();
    const box = root.querySelector('.fx-boards');
    this.wipe.show(answer?.results ?? [], this.mode === 'wipe');
    this.boards = [];
    root.querySelector('.fx-pairs').replaceChildren(...(answer ? this.verdict.lines(answer) : []));
    root.querySelector('.fx-compare-legend').replaceChildren(...(answer ? this.verdict.legend(answer, this.mode) : []));
    if (!answer) {
      this.#paint();
      return this.#preview(box);
    }
    const all = answer.results.map((_, i) => i);
    const many = { beside: all.map((i) => [i]), wipe: [this.wipe.sides], differ: [all] }[this.mode];
    box.dataset.boards = String(many.length);
    box.replaceChildren(...many.map((which) => this.#board(which)));
    this.#paint();
  }

  /** The image that would be compared on, as far as the browser can show it. */
  async #preview(box) {
    const asked = (this.previewing = {}); // the latest counts, however often it is asked for
    const { file } = this;
    const load = async () => createImageBitmap(file ?? (await (await fetchFile(this.resolve(this.picture()))).blob()));
    const image = await load().catch(() => null);
    if (this.answer || this.previewing !== asked) return;
    box.dataset.boards = '1';
    if (!image) return box.replaceChildren();
    const canvas = Object.assign(document.createElement('canvas'), { tabIndex: 0 });
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', this.words.t('bar.image'));
    const viewer = new Viewer(canvas, this.view, { size: () => [image.height, image.width] });
    Object.assign(viewer, { image, small: !file });
    this.boards = [{ viewer, which: [], under: document.createElement('p') }];
    const figure = document.createElement('figure');
    figure.append(document.createElement('figcaption'), canvas);
    box.replaceChildren(figure);
    viewer.soon();
  }

  #board(which) {
    const { words, answer } = this;
    const figure = document.createElement('figure');
    const titles = which.map((i) => this.#title(answer.results[i]));
    const head = Object.assign(document.createElement('figcaption'), { textContent: this.mode === 'wipe' ? titles.join(' | ') : titles.join(', ') });
    const canvas = Object.assign(document.createElement('canvas'), { tabIndex: 0 });
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', head.textContent);
    const under = Object.assign(document.createElement('p'), { className: 'fx-here' });
    const viewer = new Viewer(canvas, this.view, {
      size: () => answer.results[0].size,
      onPixel: () => this.#names(),
      paint: (context, _, ratio) => this.mode === 'wipe' && this.wipe.line(context, ratio),
    });
    figure.append(head, canvas, under);
    if (this.mode === 'wipe') this.wipe.draggable(canvas);
    if (which.length === 1) {
      const { seconds, memory, device, deviceName, weightsTitle } = answer.results[which[0]];
      const cost = { weights: words.of(weightsTitle), seconds: words.number(seconds.network, 3), peak: words.bytes(memory.peak ?? memory.forecast), device: words.device({ device, name: deviceName }) };
      figure.append(Object.assign(document.createElement('small'), { textContent: words.t('compare.cost', cost) }));
    }
    this.boards.push({ viewer, which, under });
    return figure;
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
      if (mode === 'differ') viewer.layers = [{ canvas: this.#disagreement(), opacity }];
      else if (mode === 'wipe') {
        viewer.layers = which.map((i, k) => ({ canvas: this.#coloured(i), opacity, from: k ? divide : 0, to: k ? 1 : divide }));
      } else viewer.layers = [{ canvas: this.#coloured(which[0]), opacity }];
      viewer.soon();
    }
  }

  #coloured(i) {
    const layer = this.answer.layers[i];
    if (layer.coloured) return layer.coloured;
    const { width, height, data } = layer.labels;
    const table = pack(this.answer.results[i].classes.map(({ colour }) => colour));
    return (layer.coloured = painted(width, height, (k) => table[data[4 * k]]));
  }

  /** How many different classes the networks give each pixel. */
  #disagreement() {
    const { answer } = this;
    if (answer.differ) return answer.differ;
    const maps = answer.layers.map(({ labels }, i) => ({ data: labels.data, names: answer.results[i].classes.map(({ name }) => name.en) }));
    const table = [0, ...DIFFERENT.map(([role, alpha]) => packed(role, alpha))];
    const { width, height } = answer.layers[0].labels;
    return (answer.differ = painted(width, height, (k) => table[new Set(maps.map(({ data, names }) => names[data[4 * k]])).size - 1]));
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
