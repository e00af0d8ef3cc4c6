/** Questions about the run that is shown. The latest of each kind counts; older answers are dropped. */

import { newToken } from './runner.js';

const PATIENCE = 20000; // ms without an answer

export class Asker {
  constructor(trigger) {
    this.trigger = trigger;
    this.open = new Map(); // what -> {request, onPiece, timer}
  }

  /** Ask {what, run, step, ...}; `onPiece` gets every piece of the answer, or {kind: 'error', code}. */
  ask(question, onPiece) {
    this.forget(question.what);
    const request = newToken();
    const timer = setTimeout(() => {
      this.forget(question.what);
      onPiece({ kind: 'error', code: 'connection' });
    }, PATIENCE);
    this.open.set(question.what, { request, onPiece, timer });
    this.trigger('look', { request, ...question });
  }

  forget(what) {
    clearTimeout(this.open.get(what)?.timer);
    this.open.delete(what);
  }

  hear(message) {
    for (const { request, onPiece, timer } of this.open.values()) {
      if (message.request !== request) continue;
      clearTimeout(timer);
      onPiece(message);
    }
  }
}
