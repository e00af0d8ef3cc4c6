/** The view "compare": two to four networks on one image, looked at together. */

import { find, make, makeButton } from '../dom.js';
import { radios } from '../bar.js';
import { Runner } from '../runner.js';
import { decode, fetchFile } from '../files.js';
import { coloured, disagreement } from './layers.js';
import { Verdict } from './verdict.js';
import { View, Viewer } from '../viewer.js';
import { Wipe } from './wipe.js';

const MOST = 4;

export class Compare {
  constructor(root, { gradio, alive, catalog, words, resolve, selection, picture, say, onProgress, onImage }) {
    this.root = root;
    this.catalog = catalog;
    this.words = words;
    this.resolve = resolve;
    this.selection = selection;
    this.picture = picture;
    this.say = say;
    this.onImage = onImage;
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
    find(root, '.fx-rivals').addEventListener('click', ({ target }) => {
      const key = target.closest('button')?.dataset.model;
      if (!key) return;
      const rest = this.chosen.filter((one) => one !== key);
      if (rest.length === this.chosen.length) rest.push(key);
      this.touched = true;
      this.chosen = catalog.models.map((model) => model.key).filter((one) => rest.includes(one));
      this.#rivals();
    });
    const choose = (mode) => {
      this.mode = mode;
      this.#lay();
    };
    radios(find(root, '.fx-modes'), 'mode', choose, this.mode);
    this.opacity = find(root, '.fx-compare .fx-see input');
    this.opacity.addEventListener('input', () => this.#paint());
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
    const data = (name) => this.catalog.cards.find((card) => card.name === name)?.data;
    const wanted = data(this.selection().checkpoint);
    const alike = this.catalog.models.filter(({ cards }) => cards.some((name) => data(name) === wanted));
    return (alike.length > 1 ? alike : this.#able()).slice(0, MOST).map(({ key }) => key);
  }

  /** The networks that there are weights for. */
  #able() {
    return this.catalog.models.filter(({ cards }) => cards.length);
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
    const selections = this.chosen.map((key) => this.#selectionOf(key));
    return { what: 'compare', selection: this.selection(), selections, options: { way: own ? 'own' : 'auto' } };
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

  async #done(message) {
    const layers = await Promise.all(
      message.results.map(async ({ pictures }) => {
        const [image, labels] = await Promise.all([this.#fetch(pictures.image), this.#fetch(pictures.labels)]);
        return { image: await createImageBitmap(image), labels: await decode(labels) };
      })
    );
    this.answer = { ...message, layers };
    this.own = this.asked;
    this.file = null;
    this.view.fit();
    this.onImage(message.image, message.imageName, message.results[0].pictures.image);
    this.write();
  }

  async #fetch(name) {
    return (await fetchFile(this.resolve(name))).blob();
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
    const load = async () => createImageBitmap(file ?? (await this.#fetch(this.picture())));
    const image = await load().catch(() => null);
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
      if (mode === 'differ') viewer.layers = [{ canvas: disagreement(answer), opacity }];
      else if (mode === 'wipe') {
        viewer.layers = which.map((i, k) => ({
          canvas: coloured(answer, i), opacity, from: k ? divide : 0, to: k ? 1 : divide,
        }));
      } else viewer.layers = [{ canvas: coloured(answer, which[0]), opacity }];
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
