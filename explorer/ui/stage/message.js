/** What went wrong, in words, until it is closed or the next thing is begun. */

import { find, on } from './dom.js';

export class Message {
  /** @param {HTMLElement} root @param {Page.Words} words @param {(problem: any) => void} onSay */
  constructor(root, words, onSay) {
    this.onSay = onSay;
    this.box = find(root, '.fx-message');
    this.words = words;
    /** @type {any} {code, details} that is said, or null */
    this.problem = null;
    on(find(this.box, 'button'), 'click', () => this.say(null));
  }

  /** Say an error {code, details}, or nothing. */
  say(problem) {
    this.problem = problem;
    this.write();
    this.onSay(problem);
  }

  /** Say it in the language that is chosen. */
  write() {
    this.box.hidden = !this.problem;
    if (this.problem) find(this.box, 'p').textContent = this.words.error(this.problem);
  }
}
