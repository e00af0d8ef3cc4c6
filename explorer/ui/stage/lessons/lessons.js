/** Lessons: a strip that leads through the page's own views. A step is an address; the page goes there, the strip asks,
 *  says, and a ring points. Nothing of it is kept but in this browser. */

import { find, make, makeButton, on, onButton } from '../dom.js';
import { fetchFile, lost } from '../files.js';
import { keyOf, occupied } from '../keys.js';
import { stored } from '../preferences.js';
import { countOf, note } from './progress.js';
import { Showing } from './present.js';
import { StepView } from './stepview.js';

export class Lessons {
  /** @type {any[] | null} by lesson and language, once fetched */ all = null;

  /** Of the stage, `visit(address)` shows what an address asks for; `onSettle` that the address is another one. */
  constructor(root, stage) {
    this.root = root;
    this.stage = stage;
    this.words = stage.words;
    this.listed = stage.catalog.lessons;
    this.key = '';
    this.at = 0;
    this.isAway = false; // exploring freely, the lesson waits
    this.box = find(root, '.fx-lesson');
    this.dialog = find(root, '.fx-lessons');
    this.view = new StepView(root, stage);
    this.showing = new Showing(root, this);
    on(find(root, '.fx-lessons-open'), 'click', () => this.choose());
    on(this.dialog, 'click', (event) => event.target === this.dialog && this.dialog.close());
    onButton(find(root, '.fx-lessons-list'), ({ lesson }) => this.open(lesson, 0));
    onButton(find(root, '.fx-lesson-dots'), ({ step }) => this.go(Number(step)));
    on(find(root, '.fx-lesson-back'), 'click', () => this.go(this.at - 1));
    on(find(root, '.fx-lesson-on'), 'click', () => this.on());
    on(find(root, '.fx-lesson-leave'), 'click', () => this.leave());
    on(find(root, '.fx-lesson-again'), 'click', () => this.again());
    on(document, 'keydown', (event) => this.#key(event), { capture: true });
    this.#welcome();
  }

  /** The row of the first page: what this is, the questions, and the way in. */
  #welcome() {
    const row = find(this.root, '.fx-welcome');
    const keys = this.listed.map(({ key }) => key);
    for (const button of row.querySelectorAll('[data-lesson]')) button.hidden = !keys.includes(button.dataset.lesson);
    row.hidden = stored('welcome') === 'away';
    onButton(row, ({ lesson }) => {
      if (lesson) return this.open(lesson, 0);
      stored('welcome', 'away');
      row.hidden = true;
    });
  }

  /** The lesson in the language that is chosen, or in the one that it is written in. */
  get lesson() {
    const spoken = this.all?.[this.listed.findIndex(({ key }) => key === this.key)];
    return spoken && (spoken[this.words.language] ?? spoken.en ?? Object.values(spoken)[0]);
  }

  get step() {
    return this.lesson?.steps[this.at];
  }

  get isOpen() {
    return Boolean(this.key) && !this.isAway;
  }

  /** What the address says of the lesson. @returns {[string, string][]} */
  get address() {
    return this.isOpen ? [['lesson', this.key], ['at', String(this.at + 1)]] : [];
  }

  /** Take up the lesson that an address names; where it names nothing else, its step is shown.
   * @param {URLSearchParams} address
   */
  async restore(address) {
    const key = address.get('lesson');
    if (!key || !this.listed.some((one) => one.key === key)) return this.isOpen && this.leave();
    const isAll = ['view', 'model', 'step', 'lab'].some((name) => address.has(name));
    await this.open(key, Math.max(0, Number(address.get('at') ?? 1) - 1 || 0), !isAll);
  }

  choose() {
    this.write();
    this.dialog.showModal();
  }

  /** Open a lesson; with `goes` the page goes where its step is, else it stays. */
  async open(key, at, goes = true) {
    if (this.dialog.open) this.dialog.close();
    try {
      this.all ??= await (await fetchFile(this.stage.resolve(this.stage.catalog.lessonsFile))).json();
    } catch (error) {
      return this.stage.say(lost(error));
    }
    this.key = key;
    this.go(at, goes);
  }

  /** Go to a step. */
  go(at, goes = true) {
    const { lesson } = this;
    if (!lesson) return;
    this.at = Math.min(Math.max(0, at), lesson.steps.length - 1);
    this.#show(true);
    note(this.key, this.at);
    this.view.begin(lesson, this.step, `${this.key} ${this.at}`);
    if (goes) this.stage.visit(this.view.address);
    this.write();
    this.stage.onSettle();
  }

  /** One step on; in front of a class an open question is answered first. */
  on() {
    if (this.showing.isOn && this.view.isAsking) return this.view.answer(null);
    if (this.at + 1 < this.lesson.steps.length) return this.go(this.at + 1);
    this.showing.end();
    this.leave();
    this.choose();
  }

  /** Explore freely from here; the lesson waits, one key away. */
  pause() {
    this.isAway = true;
    this.#show(false);
    this.stage.onSettle();
  }

  again() {
    this.isAway = false;
    this.#show(true);
    this.stage.visit(this.view.address);
    this.write();
  }

  leave() {
    this.showing.end();
    this.key = '';
    this.isAway = false;
    this.#show(false);
    this.stage.onSettle();
  }

  #show(isShown) {
    if (isShown) this.isAway = false;
    this.box.hidden = !isShown;
    this.root.classList.toggle('fx-led', isShown);
    find(this.root, '.fx-lesson-again').hidden = !this.isAway;
    this.view.show(isShown);
  }

  #key(event) {
    if (!this.key || occupied(event)) return;
    const key = keyOf(event);
    const isShown = this.isOpen;
    if (key === 'l') isShown ? this.pause() : this.again();
    else if (!isShown) return;
    else if (key === 'PageDown' || (this.showing.isOn && key === 'ArrowRight')) this.on();
    else if (key === 'PageUp' || (this.showing.isOn && key === 'ArrowLeft')) this.go(this.at - 1);
    else if (key === 'Escape' && this.showing.isOn) this.showing.end();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Say everything in the chosen language. */
  write() {
    const { words, lesson, listed } = this;
    find(this.root, '.fx-lessons-list').replaceChildren(...listed.map((one) => this.#card(one)));
    if (!lesson) return;
    find(this.box, '.fx-lesson-title').textContent = lesson.title;
    const dots = lesson.steps.map(({ title }, i) => {
      const label = words.t('lesson.step', { number: i + 1, count: lesson.steps.length, title });
      const about = { 'data-step': i, title: label, 'aria-label': label };
      return makeButton({ ...about, 'aria-current': i === this.at ? 'step' : 'false' });
    });
    const count = make('span', {}, `${this.at + 1} / ${lesson.steps.length}`);
    find(this.box, '.fx-lesson-dots').replaceChildren(...dots, count);
    find(this.box, '.fx-lesson-back').disabled = this.at === 0;
    const isLast = this.at + 1 === lesson.steps.length;
    find(this.box, '.fx-lesson-on').textContent = words.t(isLast ? 'lesson.end' : 'lesson.on');
    this.view.write(lesson, this.step);
    this.view.ring.seek();
  }

  #card({ key, minutes, steps, title, summary }) {
    const { words } = this;
    const done = Math.min(countOf(key), steps);
    const far = done === steps ? 'lessons.done' : done ? 'lessons.far' : 'lessons.steps';
    return makeButton(
      { 'data-lesson': key, className: done === steps ? 'fx-done' : '' },
      make('b', {}, words.of(title)),
      make('span', {}, words.of(summary)),
      make('small', {}, `${words.t('lessons.minutes', { minutes })} · ${words.t(far, { done, steps })}`)
    );
  }
}
