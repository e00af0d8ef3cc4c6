/** The address of what is shown, to hand on: as text and as a code for telephones. */

import { find, on } from './dom.js';
import { Asker } from './explore/asker.js';

const HERE = ['localhost', '127.0.0.1', '[::1]'];

/** What is handed on of a page's address: whoever opens it keeps a theme of their own.
 * @param {string} address
 */
export function shared(address) {
  const found = new URL(address);
  found.searchParams.delete('__theme');
  return found.href;
}

export class Share {
  /** `stage` has `settled()`, which puts all that is set into the address. */
  constructor(root, { gradio, alive, words, settled, isOwn }) {
    this.asker = new Asker(gradio.trigger, alive);
    this.dialog = find(root, '.fx-share-dialog');
    this.words = words;
    const address = find(this.dialog, 'input');
    const copy = find(this.dialog, '.fx-share-copy');
    on(find(root, '.fx-share'), 'click', () => {
      settled();
      address.value = shared(location.href);
      copy.textContent = words.t('share.copy');
      find(this.dialog, '.fx-share-own').hidden = !isOwn();
      find(this.dialog, '.fx-share-local').hidden = !HERE.includes(location.hostname);
      this.#code(address.value);
      this.dialog.showModal();
    });
    on(this.dialog, 'click', (event) => event.target === this.dialog && this.dialog.close());
    on(copy, 'click', async () => {
      address.select();
      await navigator.clipboard?.writeText(address.value).catch(() => document.execCommand('copy'));
      copy.textContent = words.t('share.copied');
    });
  }

  hear(message) {
    this.asker.hear(message);
  }

  /** The code is made by the server; without it the address is there all the same. */
  #code(address) {
    const image = find(this.dialog, '.fx-share-code');
    image.hidden = true;
    this.asker.ask({ what: 'code', address }, (piece) => {
      if (piece.kind !== 'code') return;
      image.src = `data:image/svg+xml,${encodeURIComponent(piece.svg)}`;
      image.hidden = false;
    });
  }
}
