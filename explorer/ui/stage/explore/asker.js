/** Questions about the run that is shown. The latest of each kind counts; older answers are dropped. */

import { newToken } from '../runner.js';

const DOUBT = 2500; // ms without an answer until the server is asked whether it is there
const PATIENCE = 20000; // ms until the answer is given up

export class Asker {
  /** `alive` says, after a moment, whether the server still answers; `event` is what it hears questions by. */
  constructor(trigger, alive, event = 'inspect') {
    this.trigger = trigger;
    this.alive = alive;
    this.event = event;
    this.open = new Map(); // what -> {request, onPiece, timer}
  }

  /** Ask {what, run, step, ...}; `onPiece` gets every piece of the answer, or {kind: 'error', code}. */
  ask(question, onPiece) {
    this.forget(question.what);
    const request = newToken();
    const fail = () => {
      if (this.open.get(question.what)?.request !== request) return;
      this.forget(question.what);
      onPiece({ kind: 'error', code: 'connection' });
    };
    const timer = setTimeout(async () => {
      if (!(await this.alive())) return fail();
      const entry = this.open.get(question.what);
      if (entry?.request === request && !entry.heard) entry.timer = setTimeout(fail, PATIENCE);
    }, DOUBT);
    this.open.set(question.what, { request, onPiece, timer });
    this.trigger(this.event, { request, ...question });
  }

  forget(what) {
    clearTimeout(this.open.get(what)?.timer);
    this.open.delete(what);
  }

  hear(message) {
    for (const entry of this.open.values()) {
      if (message.request !== entry.request) continue;
      clearTimeout(entry.timer);
      entry.heard = true;
      entry.onPiece(message);
    }
  }
}
