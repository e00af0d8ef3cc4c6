/** What the views "segment" and "compare" have in common: questions about images at their own size, one at a time. */

import { Runner } from './runner.js';

export class Panel {
  /** @type {any} */ root;
  /** @type {any} what the views need of the stage */ stage;
  /** @type {Page.Words} */ words;
  /** @type {any} of an image: as a name of the server's files */ resolve;

  constructor(root, stage) {
    const { gradio, alive, catalog, words, resolve } = stage;
    Object.assign(this, { root, stage, words, resolve });
    this.runner = new Runner(
      { ...gradio, alive, mostBytes: catalog.mostBytes },
      {
        onProgress: (...news) => this.progress(...news),
        onDone: (message) => this.done(message),
        onError: (problem) => this.failed(problem),
      },
      'segment'
    );
  }

  get busy() {
    return this.runner.request !== null;
  }

  /** Ask about a file that was given, which is sent first, or about an image that the server has. */
  send(question, file) {
    if (file) this.runner.sendFile(file, question);
    else this.runner.send(question, { ownImage: false });
  }

  hear(message) {
    this.runner.hear(message);
  }

  cancel() {
    if (this.runner.request) this.runner.cancel();
  }

  progress(...news) {
    this.stage.onProgress(...news);
  }

  async done(_message) {}

  failed(problem) {
    this.stage.say(problem);
  }
}
