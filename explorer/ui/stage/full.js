/** The view "segment": images at their own size, what running them takes, the result, its files and a truth. */

import { radios } from './bar.js';
import { painted } from './colour.js';
import { Outcome } from './outcome.js';
import { Runner } from './runner.js';
import { decode, fetchFile } from './trace.js';
import { View, Viewer } from './viewer.js';

const LAYERS = ['prediction', 'confidence', 'errors', 'differs'];
const RIGHT = [0, 158, 115, 120];
const WRONG = [213, 94, 0, 255];

export class Full {
  /** `selection()` is the stage's; `say` tells of an error; `onProgress(fraction | null, text, details)`. */
  constructor(root, { gradio, alive, catalog, colours, words, resolve, selection, say, onProgress, onImage }) {
    Object.assign(this, { root, colours, words, selection, resolve, say, onImage });
    this.items = []; // {name, image, file, planned, result, layers}
    this.current = null;
    this.options = { precision: 'float32' };
    this.layer = 'prediction';
    this.runner = new Runner(
      { ...gradio, alive, mostBytes: catalog.mostBytes },
      { onProgress: (fraction, ...more) => onProgress(this.asked === 'plan' ? null : fraction, ...more), onDone: (message) => this.#done(message), onError: (problem) => this.#failed(problem) },
      'full'
    );
    this.view = new View();
    this.viewer = new Viewer(root.querySelector('.fx-board canvas'), this.view, {
      size: () => this.current?.result?.size ?? this.current?.planned?.size ?? [1, 1],
      paint: (...drawing) => this.#marks(...drawing),
      onPixel: (pixel) => this.#name(pixel),
    });
    this.offers = radios(root.querySelector('.fx-offers'), ({ offer }) => (this.current.chosen = Number(offer)));
    this.outcome = new Outcome(root, { words, ask: (question) => this.#send(question), upload: gradio.upload, resolve });
    this.#controls();
  }

  #controls() {
    const { root } = this;
    root.querySelector('.fx-many input').addEventListener('change', ({ target }) => {
      this.add([...target.files]);
      target.value = '';
    });
    root.querySelector('.fx-queue ol').addEventListener('click', ({ target }) => {
      const button = target.closest('button');
      if (button) this.choose(this.items[Number(button.dataset.item)]);
    });
    root.querySelector('.fx-all').addEventListener('click', () => this.#all());
    this.layers = root.querySelector('.fx-layer select');
    this.layers.addEventListener('change', () => {
      this.layer = this.layers.value;
      this.#paint();
    });
    this.opacity = root.querySelector('.fx-see input');
    this.opacity.addEventListener('input', () => this.#paint());
    this.grid = root.querySelector('.fx-grid');
    this.grid.addEventListener('click', () => {
      this.grid.setAttribute('aria-pressed', String(this.grid.getAttribute('aria-pressed') !== 'true'));
      this.viewer.soon();
    });
    for (const [name, act] of [['in', () => this.view.scale(1.5)], ['out', () => this.view.scale(1 / 1.5)], ['fit', () => this.view.fit()]]) {
      root.querySelector(`.fx-zoom-${name}`).addEventListener('click', act);
    }
    root.querySelector('.fx-precision select').addEventListener('change', ({ target }) => {
      this.options.precision = target.value;
      this.plan();
    });
    root.querySelector('.fx-page select').addEventListener('change', ({ target }) => this.#turn(Number(target.value)));
  }

  /** Whether something runs that a person would wait for; a plan comes along by itself. */
  get busy() {
    return this.runner.request !== null && this.asked !== 'plan';
  }

  #send(question) {
    this.asked = question.what;
    this.runner.send({ selection: this.#selection(this.current), ...question }, { ownImage: false });
  }

  /** Take files into the list and begin with the first of them. */
  add(files) {
    const fresh = files.map((file) => ({ name: file.name, file, page: 0 }));
    this.items = [...this.items.filter((item) => item.file || item.result), ...fresh]; // an example was only the beginning
    if (fresh.length) this.choose(fresh[0]);
  }

  /** The view is shown, with the image that was looked at. */
  enter({ image, name }) {
    this.use(image, name);
  }

  /** The stage's image, whatever it is: an example or an upload. */
  use(image, name) {
    let item = this.items.find((one) => one.image === image);
    if (!item) this.items.push((item = { name, image, page: 0 }));
    this.choose(item);
  }

  choose(item) {
    if (this.busy) this.cancel();
    this.current = item;
    this.view.fit();
    this.#show();
    if (!item.planned) this.plan();
  }

  /** Ask what running the current image would take; a file is sent first. */
  plan() {
    const item = this.current;
    if (!item) return;
    item.result = item.layers = null;
    this.#show();
    const question = { what: 'plan', options: this.options, page: item.page };
    this.asked = 'plan';
    if (item.image === undefined) this.runner.sendFile(item.file, { selection: this.#selection(item), ...question });
    else this.#send(question);
  }

  #turn(page) {
    const item = this.current;
    Object.assign(item, { page, image: undefined, planned: null });
    this.plan();
  }

  #selection(item) {
    return { ...this.selection(), image: item.image ?? '' };
  }

  /** Run the current image in the way that is chosen. */
  run() {
    const item = this.current;
    if (!item) return;
    this.eager = !item.planned; // then it is run as soon as it is
    if (this.eager) return item.failed && this.plan();
    const { way, longest } = item.planned.offers[item.chosen];
    const options = { ...this.options, way, ...(longest ? { longest } : {}) };
    this.#send({ what: way === 'paper' ? 'paper' : 'segment', options });
  }

  /** One image after the other, until all have a result. */
  #all() {
    this.running = true;
    this.#next();
  }

  #next() {
    const item = this.items.find((one) => !one.result && !one.failed);
    if (!item) return (this.running = false);
    this.current = item;
    this.#show();
    if (item.planned) this.run();
    else this.plan();
  }

  cancel() {
    this.running = this.eager = false;
    this.runner.cancel();
  }

  /** A control of the bar was used. */
  changed(change, name) {
    for (const item of this.items) item.planned = item.failed = null;
    if ('image' in change) return this.use(change.image, name);
    this.plan();
  }

  hear(message) {
    this.runner.hear(message);
  }

  async #done(message) {
    const item = this.current;
    item.failed = null;
    if (message.kind === 'planned') {
      Object.assign(item, { planned: message, image: message.image, name: item.name || message.name, chosen: message.chosen });
      if (!message.precisions.includes(this.options.precision)) [this.options.precision] = message.precisions;
      item.preview = await createImageBitmap(await (await fetchFile(this.resolve(message.picture))).blob());
      this.onImage(message.image, item.name);
    } else if (message.kind === 'segmented') {
      const layers = await this.#fetch(message);
      Object.assign(item, { result: message, layers });
      this.layer = 'difference' in message ? 'differs' : 'prediction';
    } else {
      await this.outcome.answer(message, item);
      if (message.kind === 'judged') this.layer = 'errors';
    }
    if (item === this.current) this.#show();
    if ((this.running || this.eager) && message.kind === 'planned') this.run();
    else if (this.running && message.kind === 'segmented') this.#next();
  }

  #failed(problem) {
    if (!this.current) return this.say(problem);
    this.eager = false;
    if (!this.current.result) this.current.failed = problem;
    this.say(problem);
    this.#show();
    if (this.running) this.#next();
  }

  async #fetch({ pictures }) {
    const blob = async (name) => (await fetchFile(this.resolve(name))).blob();
    const image = await createImageBitmap(await blob(pictures.image));
    const coded = await Promise.all(
      ['labels', 'confidence', 'differs', 'outlines'].filter((key) => pictures[key]).map(async (key) => [key, await decode(await blob(pictures[key]))])
    );
    return { image, ...Object.fromEntries(coded) };
  }

  #show() {
    const { root, words, items, current } = this;
    const list = items.map((item, index) => {
      const entry = document.createElement('li');
      const button = document.createElement('button');
      const state = item.failed ? 'failed' : item.result ? 'done' : item.planned ? 'ready' : 'waiting';
      button.type = 'button';
      button.dataset.item = String(index);
      if (item === current) button.setAttribute('aria-current', 'true');
      const parts = { b: item.name || words.t('full.unnamed'), small: words.t(`full.state.${state}`) };
      button.append(...Object.entries(parts).map(([tag, textContent]) => Object.assign(document.createElement(tag), { textContent })));
      entry.append(button);
      return entry;
    });
    root.querySelector('.fx-queue ol').replaceChildren(...list);
    root.querySelector('.fx-all').hidden = items.length < 2;
    const planned = current?.planned;
    this.#offers(planned);
    this.#choices(planned);
    const layers = current?.layers;
    const there = LAYERS.filter((key) => key === 'prediction' || layers?.[key]);
    if (!there.includes(this.layer)) this.layer = 'prediction';
    this.layers.replaceChildren(...there.map((key) => new Option(words.t(`full.layer.${key}`), key, false, key === this.layer)));
    this.layers.disabled = !current?.result;
    this.grid.hidden = !(current?.result?.boxes.length > 1);
    this.outcome.show(current);
    this.#paint();
    this.#name(null);
  }

  #offers(planned) {
    const { root, words, current } = this;
    const box = root.querySelector('.fx-offers');
    box.replaceChildren(
      ...(planned?.offers ?? []).map((offer, index) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.setAttribute('role', 'radio');
        button.dataset.offer = String(index);
        const [height, width] = offer.size;
        const text = { height, width, tiles: offer.tiles, side: offer.side ?? 0, need: words.bytes(offer.bytes), free: words.bytes(offer.free ?? 0) };
        const { way, fits, free } = offer;
        const parts = {
          b: words.t(`full.way.${way}`),
          span: words.t(offer.tiles > 1 ? 'full.tiles.count' : 'full.pixels', text),
          small: words.t(free === null ? 'full.needs' : fits ? 'full.fits' : 'full.short', text),
        };
        button.append(...Object.entries(parts).map(([tag, textContent]) => Object.assign(document.createElement(tag), { textContent })));
        return button;
      })
    );
    if (planned) this.offers.choose(({ offer }) => Number(offer) === current.chosen);
  }

  #choices(planned) {
    const { root, words, current } = this;
    const precision = root.querySelector('.fx-precision');
    precision.hidden = !(planned?.precisions.length > 1);
    precision.querySelector('select').replaceChildren(...(planned?.precisions ?? []).map((name) => new Option(words.t(`precision.${name}`), name, false, name === this.options.precision)));
    const page = root.querySelector('.fx-page');
    page.hidden = !(planned?.pages > 1 && current.file);
    if (!page.hidden) {
      page.querySelector('select').replaceChildren(...Array.from({ length: planned.pages }, (_, i) => new Option(words.t('full.page', { page: i + 1, pages: planned.pages }), String(i), false, i === current.page)));
    }
  }

  /** What lies over the image, painted from the codes. */
  #paint() {
    const { viewer, current, layer } = this;
    const { result, layers } = current ?? {};
    viewer.image = layers?.image ?? current?.preview ?? null;
    viewer.layers = [];
    if (result) {
      const made = this.#painted(result, layers, layer);
      viewer.layers = [{ canvas: made, opacity: this.opacity.value / 100 }];
      if (layers.outlines && layer === 'prediction') viewer.layers.push({ canvas: this.#outlines(layers.outlines), opacity: 1 });
    }
    this.opacity.nextElementSibling.textContent = this.words.percent(this.opacity.value / 100);
    viewer.soon();
  }

  #painted({ classes }, layers, layer) {
    const { width, height, data } = layers[{ prediction: 'labels', confidence: 'confidence', errors: 'errors', differs: 'differs' }[layer]];
    const packed = ([r, g, b, a = 255]) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
    const tables = {
      prediction: () => classes.map(({ colour }) => packed(colour)),
      confidence: () => this.colours.sequential,
      errors: () => [packed(RIGHT), packed(WRONG), 0],
      differs: () => [0, packed(WRONG)],
    };
    const table = tables[layer]();
    return painted(width, height, (i) => table[data[4 * i]]);
  }

  #outlines({ width, height, data }) {
    return painted(width, height, (i) => (data[4 * i] ? 0xffffffff : 0));
  }

  /** The tiles' outputs, and the window that the one at the pointer reads: the paper's figure 2. */
  #marks(context, place, ratio) {
    const { current, grid } = this;
    if (grid.hidden || grid.getAttribute('aria-pressed') !== 'true' || !current?.result) return;
    const { boxes, margin, run_at: [rows, cols], size } = current.result;
    const scale = ([top, bottom, left, right]) => [(top / rows) * size[0], (left / cols) * size[1], (bottom / rows) * size[0], (right / cols) * size[1]];
    const stroke = (box, style, width, dash = []) => {
      context.strokeStyle = style;
      context.lineWidth = width * ratio;
      context.setLineDash(dash.map((d) => d * ratio));
      context.strokeRect(...box);
    };
    for (const box of boxes) stroke(place(scale(box.slice(0, 4))), '#fffc', 1);
    const { pointer } = this.view;
    const under = pointer && boxes.find(([top, bottom, left, right]) => pointer.y * rows >= top && pointer.y * rows < bottom && pointer.x * cols >= left && pointer.x * cols < right);
    if (!under) return;
    const [top, bottom, left, right] = under.slice(4).map((at) => at - margin);
    for (const [style, width] of [['#000', 4], [this.colours.roles.contracting, 2.5]]) stroke(place(scale([top, bottom, left, right])), style, width, [8, 5]);
    for (const [style, width] of [['#000', 4], [this.colours.roles.field, 2.5]]) stroke(place(scale(under.slice(0, 4))), style, width);
    context.setLineDash([]);
  }

  /** The class at the pointer, and how sure the network is of it. */
  #name(pixel) {
    const { root, words, current } = this;
    const here = root.querySelector('.fx-here');
    const { result, layers } = current ?? {};
    if (!pixel || !result) return (here.textContent = '');
    const at = ({ width, height, data }) => data[4 * (Math.floor((pixel.row / result.size[0]) * height) * width + Math.floor((pixel.column / result.size[1]) * width))];
    const { name } = result.classes[at(layers.labels)];
    here.textContent = words.t('full.here', { name: name[words.language], share: words.percent(at(layers.confidence) / 255), row: pixel.row, column: pixel.column });
  }

  write() {
    this.#show();
  }
}
