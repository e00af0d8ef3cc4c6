/** What a newcomer meets for the first time is said once, beside it: a unit that is held, a crop, probabilities. */

import { find, make, makeButton, on } from '../dom.js';
import { stored } from '../preferences.js';

const PLACES = { unit: '.fx-picture .fx-tools', crop: '.fx-cropview', chances: '.fx-slot' };
const LONG = 15000; // ms until it goes by itself

export class Hints {
  /** @param {HTMLElement} root @param {Page.Words} words */
  constructor(root, words) {
    this.root = root;
    this.words = words;
    this.box = root.appendChild(make('div', { className: 'fx-hint-once', role: 'status', hidden: true }));
    on(document, 'keydown', ({ key }) => key === 'Escape' && this.#hide());
  }

  /** Say a hint, unless it was said before; none where a lesson leads, or without a server.
   * @param {'unit' | 'crop' | 'chances'} name
   */
  say(name) {
    if (this.root.matches('.fx-led, .fx-classroom, .fx-offline') || stored(`hint-${name}`) || !this.box.hidden) return;
    stored(`hint-${name}`, 'said');
    const close = makeButton({ className: 'fx-notice-close' }, '×');
    close.setAttribute('aria-label', this.words.t('message.close'));
    on(close, 'click', () => this.#hide());
    this.box.replaceChildren(make('p'), close);
    this.box.hidden = false;
    this.name = name;
    this.write();
    this.#place(find(this.root, PLACES[name]));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#hide(), LONG);
  }

  /** Say it in the language that is chosen. */
  write() {
    if (!this.box.hidden) find(this.box, 'p').textContent = this.words.t(`hint.${this.name}`);
  }

  #hide() {
    this.box.hidden = true;
  }

  /** Below its place, within the page. */
  #place(target) {
    const [page, place] = [this.root, target].map((node) => node.getBoundingClientRect());
    const left = Math.max(8, Math.min(place.left - page.left, page.width - this.box.offsetWidth - 8));
    Object.assign(this.box.style, { left: `${left}px`, top: `${place.bottom - page.top + 6}px` });
  }
}
