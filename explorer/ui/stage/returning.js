/** The server goes away and comes back: the page looks for it, and goes on with what its address says. */

import { kept } from './preferences.js';

const AGAIN = 2000; // ms between two looks
const LOST = ['connection', 'gone']; // what is said where the server, or what it had, may be another

export class Returning {
  #isLooking = false;

  /** @param {any} stage @param {Page.Selection} standard what its address is filled up from */
  constructor(stage, standard) {
    const { base, served } = stage.gradio;
    this.base = base;
    /** @type {string | undefined} the process that made this page; a page from a file has none */
    this.server = served && String(served);
    this.stage = stage;
    this.standard = standard;
  }

  /** Whether this tab was last served by another process.
   * @returns {boolean}
   */
  isAnother() {
    const before = kept('sessionStorage', 'server');
    if (this.server !== undefined) kept('sessionStorage', 'server', this.server);
    return before !== null && before !== this.server;
  }

  /** Whether the server answers; if it does not, it is looked for from now on. */
  alive = async () => {
    const isThere = (await this.#answering()) !== null;
    if (!isThere) this.#look();
    return isThere;
  };

  /** A problem was said; of one that comes of a server that went away, look for it.
   * @param {{code: string} | null} problem
   */
  mind(problem) {
    if (problem && LOST.includes(problem.code)) this.#look();
  }

  async #look() {
    if (this.#isLooking || this.server === undefined) return;
    this.#isLooking = true;
    let found = await this.#answering();
    const wasThere = found !== null;
    while (found === null) {
      await new Promise((done) => setTimeout(done, AGAIN));
      found = await this.#answering();
    }
    this.#isLooking = false;
    if (!wasThere || found !== this.server) this.#back(found === this.server);
  }

  /** The server answers again: another one knows nothing of this page, which begins anew at its address. */
  #back(isSame) {
    const { stage } = this;
    stage.settle(); // what was chosen meanwhile, too
    stage.position.now();
    if (!isSame) return location.reload();
    stage.say(null);
    stage.visits.visit(new URLSearchParams(location.search), this.standard);
  }

  /** The name of the process that answers; null if none does, also where a proxy says so. */
  async #answering() {
    try {
      const answer = await fetch(new URL('gradio_api/app_id', this.base), { cache: 'no-store' });
      return answer.ok ? String((await answer.json()).app_id) : null;
    } catch {
      return null;
    }
  }
}
