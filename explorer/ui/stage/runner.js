/** One run at a time: upload, ask the server, hear progress, cancel. Reports what happened; draws nothing. */

const SILENCE = 6000; // ms without a word before the page looks whether the server is still there
const REFUSED = 20000; // ms without a first word: the server did not take the run, too many wait already

export class Runner {
  /** `heard` gets {onProgress(fraction | null, text, details), onDone(message), onError({code, details})}. */
  constructor(server, heard, event = 'run') {
    this.server = server; // {trigger, upload, alive, mostBytes}
    this.event = event;
    this.heard = heard;
    this.request = null; // token of the run in progress
    this.spoke = 0; // when the server was last heard
    this.pending = null; // an upload {sent, name} whose image no run has answered for yet
    this.how = {}; // it is to be read
  }

  /** Send a file and ask about it. The server reads it, whatever it holds, and says so if it cannot. */
  async sendFile(file, question) {
    if (this.request) this.#stop();
    this.pending = null;
    if (file.size > this.server.mostBytes) {
      return this.heard.onError({ code: 'too_large_bytes', details: { limit_mib: this.server.mostBytes / 2 ** 20 } });
    }
    this.how = { page: question.page, channels: question.channels };
    const token = (this.request = newToken());
    this.heard.onProgress(0.01, 'progress.upload', {});
    try {
      const uploading = this.server.upload(file);
      // not as `path`: Gradio would look for it in a folder of its own
      this.pending = uploading.then(({ path }) => ({ sent: path, name: file.name }));
      this.pending.catch(() => (this.pending = null));
      await uploading;
      if (this.request === token) this.send(question);
    } catch (error) {
      console.warn(error);
      if (this.request === token) this.#fail('upload');
      else this.heard.onError({ code: 'upload', details: {} });
    }
  }

  /** Ask {selection, ...}; a file that was just given stays the image, whatever else is changed meanwhile. */
  async send(question, { ownImage = true } = {}) {
    if (this.request) this.#stop();
    if (!ownImage) this.pending = null;
    const token = (this.request = newToken());
    this.heard.onProgress(0.02, 'progress.waiting', {});
    const upload = await Promise.resolve(this.pending).catch(() => null);
    if (this.request !== token) return;
    this.#watch(token);
    this.server.trigger(this.event, { request: token, upload, ...(upload ? this.how : {}), ...question });
  }

  cancel() {
    this.pending = null;
    this.#stop();
  }

  #stop() {
    this.server.trigger('cancel', { request: this.request });
    this.request = null;
    this.heard.onProgress(null);
  }

  /** A message of the server. What is not for the present run is old. */
  async hear(message) {
    if (message.request !== this.request || !this.request) return;
    this.spoke = Date.now();
    if (message.kind === 'progress') return this.heard.onProgress(message.fraction, message.text, message.details);
    this.request = this.pending = null;
    if (message.kind === 'error') this.heard.onError(message);
    else if (message.kind !== 'cancelled') await this.heard.onDone(message);
    if (!this.request) this.heard.onProgress(null); // meanwhile another run may have begun
  }

  #watch(token) {
    const began = (this.spoke = Date.now());
    const timer = setInterval(async () => {
      if (this.request !== token) return clearInterval(timer);
      if (Date.now() - this.spoke < SILENCE) return;
      const alive = await this.server.alive();
      if (this.request !== token) return;
      if (!alive) this.#fail('connection');
      else if (this.spoke === began && Date.now() - began > REFUSED) this.#fail('busy');
    }, SILENCE / 2);
  }

  #fail(code) {
    this.request = null;
    this.heard.onProgress(null);
    this.heard.onError({ code, details: {} });
  }
}

export function newToken() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join('');
}
