/** The view "segment": images at their own size, what running them takes, the result, its files and a truth. */

import { find, on } from '../dom.js';
import { layersOf, showPrecisions } from './plan.js';
import { Offers, chosenOf, timed, wayOf } from './offers.js';
import { Outcome } from './outcome.js';
import { Queue } from './queue.js';
import { USUAL } from '../given.js';
import { Panel } from '../panel.js';
import { Sheet } from './sheet.js';
import { fetchBitmap } from '../files.js';

const PRECISIONS = ['float32', 'bfloat16', 'float16']; // see inference.DTYPES

export class Segment extends Panel {
  constructor(root, stage) {
    super(root, stage);
    const { words, resolve } = stage;
    this.wished = ''; // way to run that an address asks for
    this.items = []; // {name, image, file, planned, result, layers, judged, failed}
    this.current = null;
    this.options = { precision: 'float32' };
    this.sheet = new Sheet(root, stage);
    const choose = (offer) => {
      this.current.chosen = offer;
      stage.onSettle();
      this.#told(); // the offers stay: one of them has the focus
    };
    this.offers = new Offers(root, { words, choose });
    this.outcome = new Outcome(root, {
      words, resolve,
      judging: (input, asking) => {
        Object.assign(this.current, { judged: null, layers: { ...this.current.layers, errors: null } });
        this.write(); // the figures were of the labels before
        return this.judging(input, asking);
      },
      ask: (question) => this.#ask(question),
    });
    this.queue = new Queue(root, {
      words,
      choose: (index) => this.choose(this.items[index]),
      remove: (index) => this.#remove(index),
    });
    this.#controls();
  }

  /** What the address says of how images are run, where that is not as usual. */
  get address() {
    const { current, options: { precision } } = this;
    const { planned, chosen } = current ?? {};
    const way = planned && chosen !== planned.usual ? wayOf(planned.offers[chosen]).trim().replace(' ', '-') : '';
    return [...(precision === 'float32' ? [] : [['precision', precision]]), ...(way ? [['way', way]] : [])];
  }

  /** @param {URLSearchParams} address */
  restore(address) {
    const precision = address.get('precision') ?? '';
    this.options.precision = PRECISIONS.includes(precision) ? precision : 'float32';
    this.wished = (address.get('way') ?? '').replace('-', ' ');
  }

  #controls() {
    const { root } = this;
    on(find(root, '.fx-many input'), 'change', ({ target }) => {
      this.add([...target.files]);
      target.value = '';
    });
    on(find(root, '.fx-all'), 'click', () => this.#all());
    on(find(root, '.fx-take-all'), 'click', () => {
      const tokens = this.items.filter(({ result }) => result).map(({ result }) => result.token);
      this.#ask({ what: 'export', file: 'zip', tokens });
    });
    on(find(root, '.fx-precision select'), 'change', ({ target }) => {
      this.options.precision = target.value;
      this.stage.onSettle();
      this.plan();
    });
  }

  /** Ask about an item; what comes back is that item's, whatever is looked at then.
   * @param {any} question
   * @param {{item?: any, file?: File | null}} [about]
   */
  #ask(question, { item = this.current, file } = {}) {
    this.asking = item;
    this.key = this.#key(item);
    const selection = { ...this.stage.selectionOf(item.image), image: item.image ?? '' };
    this.send({ selection, follow: this.stage.left(), ...question }, file);
  }

  /** What a plan or a result of an item depends on beside the image. */
  #key(item = this.current) {
    return JSON.stringify({ ...this.stage.selectionOf(item?.image), image: '', size: 0, ...this.options });
  }

  /** Take files into the list and begin with the first of them. */
  add(files, how = USUAL) {
    const fresh = files.map((file) => ({ name: file.name, file, how }));
    // an example was only the beginning
    this.items = [...this.items.filter((item) => item.file || item.result), ...fresh];
    if (fresh.length) this.choose(fresh[0]);
  }

  /** The stage's image, whatever it is: an example or an upload. */
  enter({ image, name }) {
    let item = this.items.find((one) => one.image === image);
    if (!item) this.items.push((item = { name, image, ...this.stage.given.known.get(image) }));
    this.choose(item);
  }

  /** Take an item off the list, which is never left empty. What it was asked about is dropped. */
  #remove(index) {
    const [item] = this.items.splice(index, 1);
    if (this.runner.request && this.asking === item) this.cancel();
    if (item === this.current) this.choose(this.items[Math.min(index, this.items.length - 1)]);
    else this.write();
    this.queue.focus();
  }

  /** Look at an item; a run of another one goes on. */
  choose(item) {
    this.current = item;
    this.sheet.view.fit();
    this.stage.say(null); // what is wrong with an image is said over it
    if (item.image !== undefined) this.stage.onImage(item.image, { name: item.name, picture: item.planned?.picture });
    this.write();
    if (!this.busy && !this.running) this.#ready(); // a question of its own would end the others' turn
  }

  /** Have a plan for what is looked at, and how long each way to run it takes. */
  #ready() {
    const { current } = this;
    if (!current || current.failed?.key === this.#key()) return;
    if (current.planned?.key !== this.#key()) this.plan();
    else if (!current.isTimed) this.#ask({ what: 'forecast', options: this.options });
  }

  /** Ask what running an image would take; a file is sent first. */
  plan(item = this.current) {
    if (!item) return;
    super.cancel();
    item.planned = item.failed = null;
    this.#ask(
      { what: 'plan', options: this.options, ...item.how },
      { item, file: item.image === undefined ? item.file : null }
    );
    this.write();
  }

  /** What reads the file of an item in another way, where it is at hand. */
  #turn(item) {
    const again = (how) => Object.assign(item, { how, image: undefined, result: null, layers: null, judged: null });
    return item?.file ? (change) => this.plan(again({ ...item.how, ...change })) : null;
  }

  /** A plan that nobody waits for is told of at the desk alone: a file is sent and read. */
  progress(fraction, text, details) {
    const isAloud = !this.isQuiet || Boolean(this.running);
    super.progress(fraction, text, details, isAloud);
    if (isAloud || fraction === null || this.asking !== this.current || this.current.planned) return;
    find(this.root, '.fx-read').textContent = this.words.t(text, details);
  }

  /** Run an image in the way that is chosen for it. */
  run(item = this.current) {
    if (!item) return;
    this.eager = !item.planned; // then it is run as soon as it is
    if (this.eager) return this.asked === 'plan' && this.runner.request ? null : this.plan(item);
    const offer = item.planned.offers[item.chosen];
    const { way, longest } = offer;
    this.way = wayOf(offer);
    const options = { ...this.options, way, ...(longest ? { longest } : {}) };
    this.#ask({ what: way === 'paper' ? 'paper' : 'segment', options }, { item });
  }

  /** One image after the other, until all have a result of these settings. */
  #all() {
    this.running = true;
    this.asking = this.current; // follow
    this.#next();
  }

  #left() {
    return this.items.filter((item) => this.#isOld(item) && item.failed?.key !== this.#key(item));
  }

  /** Whether an item has no result of the settings, and of the way to run it, that are chosen now. */
  #isOld(item) {
    const [{ result, planned, chosen }, key] = [item, this.#key(item)];
    return result?.key !== key || (planned?.key === key && wayOf(planned.offers[chosen]) !== result.way);
  }

  /** Whoever looks at what is run sees one after the other; whoever looks at something else stays there. */
  #next() {
    const [item] = this.#left();
    if (!item) return (this.running = false);
    if (this.current === this.asking) this.choose(item);
    if (item.planned?.key === this.#key(item)) this.run(item);
    else if (item !== this.asking || !this.runner.request) this.plan(item);
  }

  cancel() {
    this.running = this.eager = false;
    super.cancel();
  }

  /** A control of the bar was used. Results stay until there are others. */
  changed(change, name) {
    if (this.busy || this.running) this.cancel();
    const { image } = this.stage.selection();
    const { current } = this;
    if ('image' in change || (current && !current.file && current.image !== image)) return this.enter({ image, name });
    this.write(); // a result may be of other settings now, or of these again
    this.#ready();
  }

  async done(message) {
    const { asking: item, way } = this;
    const isNow = this.key === this.#key(item);
    if (message.kind === 'planned') {
      const given = item.file && { file: item.file, how: item.how };
      item.image = message.image;
      this.stage.know(item.image, { ...message, name: item.name || message.name }, given);
      if (!message.precisions.includes(this.options.precision)) {
        [this.options.precision] = message.precisions; // what it was planned with instead
        this.stage.onSettle();
      }
    }
    const key = isNow ? this.#key(item) : this.key; // what was left to the image is known now
    if (message.kind === 'planned') {
      const preview = await fetchBitmap(this.resolve(message.picture));
      const chosen = chosenOf(message, item.result?.key === key ? item.result.way : null, this.wished);
      this.wished = '';
      Object.assign(item, {
        planned: { ...message, key, usual: message.chosen }, preview, failed: null,
        name: item.name || message.name, chosen,
        isTimed: message.offers.every(({ seconds }) => seconds !== null),
      });
      if (item === this.current) this.stage.onImage(item.image, { ...message, name: item.name });
    } else if (message.kind === 'timed') {
      if (item.planned?.key !== key) return;
      item.isTimed = true;
      timed(item.planned, message.costs);
      if (item === this.current) this.offers.time(item.planned);
      return; // the offers stay: one of them may have the focus
    } else if (message.kind === 'segmented') {
      const layers = await layersOf(message, this.resolve);
      Object.assign(item, { result: { ...message, key, way }, layers, judged: null, failed: null, isTimed: false });
      this.sheet.layer = 'difference' in message ? 'differs' : 'prediction';
    } else {
      await this.outcome.answer(message, item);
      if (message.kind === 'judged') this.sheet.layer = 'errors';
    }
    this.write();
    if ((this.running || this.eager) && message.kind === 'planned') this.run(item);
    else if (this.running && message.kind === 'segmented') this.#next();
    else this.#ready();
  }

  /** A plan that failed concerns its file, and is said beside it; a run that failed concerns all. */
  failed(problem) {
    const { asking: item, key } = this;
    this.eager = false;
    if (this.asked === 'forecast') return super.failed(problem);
    if (item && problem.code !== 'connection' && (this.asked === 'plan' || this.running))
      item.failed = { ...problem, key };
    else super.failed(problem);
    this.write();
    if (this.running) this.#next();
  }

  write() {
    const { current } = this;
    this.#told();
    const stuck = Boolean(current?.failed) && !current.planned; // there is no way to run it
    find(this.root, '.fx-desk h2').hidden = stuck;
    find(this.root, '.fx-desk').hidden = stuck && !current.result;
    this.offers.show(current?.planned, current?.chosen);
    showPrecisions(this.root, this.words, current, this.options.precision);
    this.sheet.show(current);
  }

  /** The list and the outcome, which say what is done and what is of other settings. */
  #told() {
    const { items, current } = this;
    this.queue.show(items, { current, state: (item) => this.#state(item), left: this.#left().length });
    this.outcome.show(current, current?.result && this.#isOld(current), this.#turn(current));
  }

  #state(item) {
    if (item.failed) return 'failed';
    if (item.result) return this.#isOld(item) ? 'old' : 'done';
    return item.planned ? 'ready' : 'waiting';
  }
}
