/** What the views besides the steps have in common: questions to the server, one at a time. */

import { Runner } from './runner.js';

const QUIET = ['plan', 'forecast']; // questions that come along by themselves: nobody waits for them

export class Panel {
  /** @type {any} */ root;
  /** @type {any} what the views need of the stage */ stage;
  /** @type {Page.Words} */ words;
  /** @type {any} of an image: as a name of the server's files */ resolve;
  /** @type {string} what was asked last */ asked;
  /** @type {string} of the file of true labels that was given last; the server knows it by a token */ truthName = '';

  /** `event` is what the server hears questions by. */
  constructor(root, stage, event = 'segment') {
    const { gradio, alive, catalog, words, resolve } = stage;
    Object.assign(this, { root, stage, words, resolve, asked: '' });
    this.runner = new Runner(
      { ...gradio, alive, mostBytes: catalog.mostBytes },
      {
        onProgress: (...news) => this.progress(...news),
        onDone: (message) => this.done(message),
        onError: (problem) => this.failed(problem),
      },
      event
    );
  }

  get isQuiet() {
    return QUIET.includes(this.asked);
  }

  /** Whether something runs that a person waits for. */
  get busy() {
    return this.runner.request !== null && !this.isQuiet;
  }

  /** Ask about a file that was given, which is sent first, or about an image that the server has. What was wrong with
   * the question before it is not said any longer. */
  send(question, file) {
    this.asked = question.what;
    this.questioned = JSON.stringify(question);
    if (!this.isQuiet) this.stage.say(null);
    if (file) this.runner.sendFile(file, question);
    else this.runner.send(question, { ownImage: false });
  }

  /** Send the file of true labels that an input was given, and ask about it.
   * @param {HTMLInputElement} input @param {(sent: string) => void} ask
   */
  async judging(input, ask) {
    const [file] = input.files ?? [];
    if (file) this.truthName = file.name;
    input.value = ''; // the same file may be chosen again
    if (!file) return;
    try {
      const { path } = await this.stage.gradio.upload(file);
      ask(path);
    } catch (error) {
      console.warn(error);
      this.stage.say({ code: 'upload', details: {} });
    }
  }

  hear(message) {
    if (message.request === this.runner.request) this.#named(message);
    this.runner.hear(message);
  }

  /** What is said of a file of true labels has the name by which the person knows it. */
  #named(message) {
    const judged = message.kind === 'judged' ? (message.each ?? [message]).filter(Boolean) : [];
    for (const one of judged) one.labels = this.truthName;
    const said = judged.flatMap(({ remarks }) => remarks.map(({ details }) => details));
    if (message.kind === 'error' && message.code.startsWith('truth_')) said.push(message.details);
    for (const details of said) if ('name' in details) details.name = this.truthName;
  }

  cancel() {
    if (this.runner.request) this.runner.cancel();
  }

  /** Tell of a question aloud or not; what was begun aloud ends aloud. */
  progress(fraction, text, details, isAloud = !this.isQuiet) {
    if (isAloud || this.told) this.stage.onProgress(isAloud ? fraction : null, text, details);
    this.told = isAloud && fraction !== null;
  }

  async done(_message) {}

  failed(problem) {
    if (!this.isQuiet || problem.code === 'connection') this.stage.say(problem);
  }
}
