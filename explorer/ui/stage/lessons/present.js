/** A lesson in front of a class: full screen, in the classroom's size; and on paper. */

import { find, on } from '../dom.js';
import { pageOf } from './print.js';

const MOST = 20000; // ms that a page on paper waits for what its step measures
const EVERY = 150; // ms

export class Showing {
  /** @param {any} lessons those that are shown: a `Lessons` */
  constructor(root, lessons) {
    this.root = root;
    this.lessons = lessons;
    this.isOn = false;
    this.button = on(find(root, '.fx-lesson-present'), 'click', () => (this.isOn ? this.end() : this.begin()));
    on(find(root, '.fx-lesson-print'), 'click', () => this.print());
    on(document, 'fullscreenchange', () => !document.fullscreenElement && this.end());
    on(window, 'afterprint', () => this.#clear());
  }

  /** Where the page may not fill the screen, it is set in the classroom's size all the same. */
  begin() {
    this.#set(true);
    document.documentElement.requestFullscreen?.().catch(() => {});
  }

  end() {
    if (!this.isOn) return;
    this.#set(false);
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  }

  #set(isOn) {
    this.isOn = isOn;
    this.root.classList.toggle('fx-presenting', isOn);
    this.button.setAttribute('aria-pressed', String(isOn));
    this.lessons.stage.explore().enlarge(isOn);
  }

  /** Go through the steps, make a page of each, and print them; then go back to where it was. */
  async print() {
    const { lessons, root } = this;
    const { at, lesson, view } = lessons;
    const pages = [];
    this.root.classList.add('fx-printing');
    for (let i = 0; i < lesson.steps.length; i++) {
      lessons.go(i);
      if (!(await this.#until(() => view.isReached))) break;
      if (view.isAsking) view.answer(null);
      await this.#until(() => view.isReached);
      if (lessons.lesson !== lesson) break;
      const { ring } = lesson.steps[i];
      pages.push(pageOf(root, { title: lesson.title, number: `${i + 1} / ${lesson.steps.length}`, ring }));
    }
    root.classList.remove('fx-printing');
    if (lessons.lesson !== lesson) return;
    lessons.go(at);
    const paper = find(root, '.fx-print');
    paper.replaceChildren(...pages);
    paper.hidden = false;
    paper.dataset.pages = String(pages.length);
    window.print();
  }

  #clear() {
    const paper = find(this.root, '.fx-print');
    paper.replaceChildren();
    paper.hidden = true;
  }

  /** Wait until something holds; a step that does not come in time is printed as far as it is known. */
  async #until(condition) {
    for (let waited = 0; waited < MOST; waited += EVERY) {
      await new Promise((resolve) => setTimeout(resolve, EVERY));
      if (!this.lessons.isOpen) return false;
      if (condition()) return true;
    }
    return true;
  }
}
