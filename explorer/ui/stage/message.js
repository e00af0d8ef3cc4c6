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
    this.stays = false; // what is begun by the page itself does not take it away
    for (const act of ['pointerdown', 'keydown']) on(window, act, () => (this.stays = false), { capture: true });
    on(find(this.box, 'button'), 'click', () => this.say(null));
  }

  /** Say what is so as the page opens: it stays until a person does something. */
  greet(problem) {
    this.say(problem);
    this.stays = true;
  }

  /** Say an error {code, details}, or nothing. */
  say(problem) {
    if (!problem && this.stays) return;
    this.stays = false;
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
