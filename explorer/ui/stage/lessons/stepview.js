/** One step of a lesson on the page: its texts with what is measured in them, its question, its ring. */

import { find, make } from '../dom.js';
import { answered, asked, compared, onPicture } from './questions.js';
import { Ring } from './ring.js';
import { measured } from './values.js';

const EVERY = 150; // ms between looks at what is measured

export class StepView {
  /** @type {any} */ lesson = null;
  /** @type {any} */ step = null;
  /** @type {Map<number, import('./values.js').Found>} values of this step that are known */ known = new Map();

  constructor(root, stage) {
    this.root = root;
    this.stage = stage;
    this.words = stage.words;
    this.box = find(root, '.fx-lesson');
    this.ring = new Ring(root, find(root, '.fx-ring'));
    this.given = new Map(); // by step: what was answered, while this page is open
    this.before = new Map(); // by step that reveals another place: what could be measured when it asked
    this.id = '';
    this.stop = () => {};
  }

  /** Take a step; `id` tells it apart. */
  begin(lesson, step, id) {
    this.stop();
    Object.assign(this, { lesson, step, id, ran: false });
    this.known.clear();
    this.ring.point(step.ring, this.isAsking);
    this.box.dataset.state = 'coming';
    if (this.isAsking && step.ask.kind === 'place') {
      this.stop = onPicture(this.root, this.stage.explore().output.picture, (at) => this.answer(at));
    }
  }

  show(isShown) {
    clearInterval(this.timer);
    this.ring.node.hidden = true;
    if (isShown) this.timer = setInterval(() => this.#look(), EVERY);
    else this.stop();
  }

  /** Whether a question waits for its answer. */
  get isAsking() {
    return Boolean(this.step?.ask) && !this.given.has(this.id);
  }

  /** Whether all that the step says is known, and what it points at is seen. */
  get isReached() {
    return this.box.dataset.state === 'reached';
  }

  /** Where the page is to be: after the answer that may be another place. */
  get address() {
    const { at, reveal } = this.step;
    return new URLSearchParams(this.isAsking || !reveal ? at : reveal);
  }

  /** Take an answer, null for none, and show what is measured. */
  answer(given) {
    if (!this.isAsking) return;
    this.stop();
    const isPlace = this.step.ask.kind === 'place';
    this.given.set(this.id, isPlace && given ? { at: given, inside: false, apart: 0 } : given);
    this.box.dataset.state = 'coming';
    this.ring.veil(false);
    if (this.step.reveal) {
      for (const i of [...this.known.keys()]) if (!this.#isSaid(i)) this.known.delete(i);
      this.stage.visit(this.address);
    }
    this.write(this.lesson, this.step);
  }

  /** Look at what is measured by now; say it, and follow the place that is pointed at. */
  #look() {
    const { lesson, step, root, box } = this;
    if (!lesson || root.dataset.state === 'running') return void this.ring.follow();
    const isThere = this.#isThere();
    const before = [...this.known].map(([i, { text }]) => `${i}${text}`).join();
    if (isThere) this.#measure();
    if (before !== [...this.known].map(([i, { text }]) => `${i}${text}`).join()) this.write(lesson, step);
    const isSeen = this.ring.follow();
    const isKnown = !box.querySelector('.fx-lesson-body .fx-unknown');
    box.dataset.state = isThere && isSeen && isKnown ? 'reached' : 'coming';
    if (this.isReached) this.ring.free();
    if (isThere && step.run && !this.ran && !this.isAsking && this.#lab?.isMeasured) {
      this.ran = true;
      this.#labs.ask(step.run);
    }
  }

  get #labs() {
    return this.stage.labs();
  }

  /** What the lab has answered, once nothing of it is under way. */
  get #lab() {
    const labs = this.#labs;
    if (this.root.dataset.view !== 'labs' || labs.isUnderWay) return null;
    return { facts: labs.answer.facts, tables: labs.answer.tables, isMeasured: labs.box.dataset.state === 'measured' };
  }

  /** Whether the page shows what the step is about: a person may have gone elsewhere meanwhile. */
  #isThere() {
    const { address, root } = this;
    const view = address.get('view') ?? 'explore';
    if (root.dataset.view !== view || root.dataset.state !== 'ready') return false;
    if (view === 'labs') return this.#labs.lab === address.get('lab') && !this.#labs.isUnderWay;
    if (view !== 'explore') return true;
    const { trace, name } = this.stage.explore();
    const isAsked = (key) => !address.has(key) || trace?.selection[key] === address.get(key);
    const isShown = name === (address.get('step') ?? 'input') && !root.matches('.fx-fetching');
    return ['model', 'padding'].every(isAsked) && isShown && !this.stage.isStale();
  }

  #measure() {
    const explore = this.stage.explore();
    const held = explore.look.held.answer;
    const lab = this.#lab;
    const now = { trace: explore.trace, held: held?.unit ? held : null, lab, words: this.words };
    if (this.isAsking && this.step.reveal) {
      const kept = lab && { ...lab, facts: { ...lab.facts }, tables: { ...lab.tables } };
      this.before.set(this.id, { ...now, lab: kept });
    }
    const then = { ...(this.before.get(this.id) ?? now), words: this.words };
    const isLab = this.root.dataset.view === 'labs';
    this.lesson.values.forEach((value, i) => {
      if ((value.source === 'fact' || value.source === 'table') !== isLab || !this.#uses(i)) return;
      const found = measured(value, this.#isSaid(i) ? then : now);
      if (found) this.known.set(i, found);
    });
    const given = this.given.get(this.id);
    if (given?.at) Object.assign(given, this.#placed(given.at) ?? {});
  }

  /** How a pressed place lies to what is measured: the held unit's field, or the region that the crop keeps. */
  #placed(at) {
    const explore = this.stage.explore();
    const held = explore.look.held.answer;
    const box = this.step.ask.measured === 'crop' ? explore.trace.cropAt(explore.look.step)?.stands : held?.field;
    return box && compared(at, box);
  }

  /** Whether a value is said in front of the question: it stays what it was when that was asked. */
  #isSaid(i) {
    const texts = [...this.step.say, ...(this.step.ask?.text ?? [])];
    return texts.some((text) => text.some((piece) => piece.value === i));
  }

  /** Whether this step says a value. */
  #uses(i) {
    const { say, then, ask } = this.step;
    const isIn = (text) => text.some((piece) => piece.value === i);
    const texts = [...say, ...then, ...(ask ? [...ask.text, ...ask.choices.map(({ text }) => text)] : [])];
    return texts.some(isIn) || ask?.measured === i;
  }

  /** Say the step in the words of its language. */
  write(lesson, step) {
    Object.assign(this, { lesson, step });
    const write = (text) => text.map((piece) => this.#piece(piece));
    const paragraphs = (text) => text.map((one) => make('p', {}, ...write(one)));
    find(this.box, '.fx-lesson-say h2').textContent = step.title;
    find(this.box, '.fx-lesson-say > div').replaceChildren(...paragraphs(step.say));
    const { ask } = step;
    const about = { ask, write, words: this.words };
    const side = find(this.box, '.fx-lesson-ask');
    this.box.classList.toggle('fx-asking', Boolean(ask));
    if (!ask) return side.replaceChildren();
    if (this.isAsking) return side.replaceChildren(...asked({ ...about, onAnswer: (given) => this.answer(given) }));
    const given = this.given.get(this.id);
    const found = typeof ask.measured === 'number' ? this.known.get(ask.measured) ?? null : null;
    const isUnknown = typeof ask.measured === 'number' && !found;
    const waiting = isUnknown ? [make('p', { className: 'fx-unknown' }, this.words.t('lesson.measuring'))] : [];
    side.replaceChildren(...answered({ ...about, given, found }), ...waiting, ...paragraphs(step.then));
  }

  #piece(piece) {
    if (typeof piece === 'string') return document.createTextNode(piece);
    if ('b' in piece) return make('b', {}, piece.b);
    if ('i' in piece) return make('i', {}, piece.i);
    if ('code' in piece) return make('code', {}, piece.code);
    const found = this.known.get(piece.value);
    return found ? make('output', {}, found.text) : make('output', { className: 'fx-unknown' }, '…');
  }
}
