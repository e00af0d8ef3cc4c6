/** The view "segment": images at their own size, what running them takes, the result, its files and a truth. */

import { radios } from './bar.js';
import { Outcome } from './outcome.js';
import { Runner } from './runner.js';
import { Sheet } from './sheet.js';
import { decode, fetchFile } from './trace.js';

export class Full {
  /** `selection()` is the stage's; `say` tells of an error; `onProgress(fraction | null, text, details)`. */
  constructor(root, { gradio, alive, catalog, colours, words, resolve, selection, say, onProgress, onImage }) {
    Object.assign(this, { root, words, selection, resolve, say, onImage });
    this.items = []; // {name, image, file, planned, result, layers}
    this.current = null;
    this.options = { precision: 'float32' };
    this.runner = new Runner(
      { ...gradio, alive, mostBytes: catalog.mostBytes },
      { onProgress: (fraction, ...more) => onProgress(this.asked === 'plan' ? null : fraction, ...more), onDone: (message) => this.#done(message), onError: (problem) => this.#failed(problem) },
      'full'
    );
    this.sheet = new Sheet(root, { colours, words });
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
    this.sheet.fit();
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
      this.sheet.layer = 'difference' in message ? 'differs' : 'prediction';
    } else {
      await this.outcome.answer(message, item);
      if (message.kind === 'judged') this.sheet.layer = 'errors';
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
    this.outcome.show(current);
    this.sheet.show(current);
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

  write() {
    this.#show();
  }
}
