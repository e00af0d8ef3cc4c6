/** One run at a time: upload, ask the server, hear progress, cancel. Reports what happened; draws nothing. */

const SILENCE = 6000; // ms without a word before the page looks whether the server is still there

export class Runner {
  /** `heard` gets {onProgress(fraction | null, text, details), onDone(message), onError({code, details})}. */
  constructor({ trigger, upload, alive, mostBytes }, heard) {
    Object.assign(this, { trigger, upload, alive, mostBytes });
    this.heard = heard;
    this.request = null; // token of the run in progress
  }

  /** Send a file and run it. The server reads it, whatever it holds, and says so if it cannot. */
  async runFile(file, selection) {
    if (this.request) this.cancel();
    if (file.size > this.mostBytes) {
      return this.heard.onError({ code: 'too_large_bytes', details: { limit_mib: this.mostBytes / 2 ** 20 } });
    }
    const token = (this.request = newToken());
    this.heard.onProgress(0.01, 'progress.upload', {});
    try {
      const { path } = await this.upload(file);
      if (this.request === token) this.run(selection, { path, name: file.name });
    } catch (error) {
      console.warn(error);
      this.#fail('upload');
    }
  }

  run(selection, upload = null) {
    if (this.request) this.cancel();
    this.request = newToken();
    this.heard.onProgress(0.02, 'progress.waiting', {});
    this.#watch(this.request);
    this.trigger('run', { request: this.request, selection, upload });
  }

  cancel() {
    this.trigger('cancel', { request: this.request });
    this.request = null;
    this.heard.onProgress(null);
  }

  /** A message of the server. What is not for the present run is old. */
  async hear(message) {
    if (message.request !== this.request || !this.request) return;
    this.spoke = Date.now();
    if (message.kind === 'progress') return this.heard.onProgress(message.fraction, message.text, message.details);
    this.request = null;
    if (message.kind === 'error') this.heard.onError(message);
    else await this.heard.onDone(message);
    if (!this.request) this.heard.onProgress(null); // meanwhile another run may have begun
  }

  #watch(token) {
    this.spoke = Date.now();
    const timer = setInterval(async () => {
      if (this.request !== token) return clearInterval(timer);
      if (Date.now() - this.spoke < SILENCE) return;
      if (!(await this.alive()) && this.request === token) this.#fail('connection');
    }, SILENCE / 2);
  }

  #fail(code) {
    this.request = null;
    this.heard.onProgress(null);
    this.heard.onError({ code, details: {} });
  }
}

function newToken() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join('');
}
