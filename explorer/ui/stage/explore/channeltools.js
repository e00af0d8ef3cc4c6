/** The buttons that concern one channel: large, over the input, pin. Their places are kept while there is none. */

import { find, on } from '../dom.js';

export class ChannelTools {
  constructor(root, look) {
    this.look = look;
    this.large = find(root, '.fx-channel');
    this.over = find(root, '.fx-over');
    this.pin = find(root, '.fx-pin');
    this.isOver = false;
    on(this.large, 'click', () => look.pick(look.maps.channel === null ? look.chosen : null));
    on(this.over, 'click', () => {
      this.isOver = !this.isOver;
      this.overInput();
    });
    on(this.pin, 'click', () => look.pin(look.chosen));
  }

  write() {
    const { maps, words, held, pins, drawn } = this.look;
    const chosen = drawn.shape[0] > 1 ? this.look.chosen : null; // of a map that is all there is nothing to choose
    for (const button of [this.large, this.pin]) button.classList.toggle('fx-absent', chosen === null);
    this.over.classList.toggle('fx-absent', maps.channel === null || Boolean(held.unit));
    const isLarge = maps.channel !== null;
    this.large.textContent = words.t(isLarge ? 'maps.channel' : 'maps.enlarge', { channel: String(chosen ?? 0) });
    this.large.setAttribute('aria-pressed', String(isLarge));
    const isPinned = chosen !== null && pins.has(drawn.name, chosen);
    this.pin.setAttribute('aria-pressed', String(isPinned));
    this.pin.textContent = words.t(isPinned ? 'maps.unpin' : 'maps.pin');
  }

  /** Lay the large channel over the input where its units stand, or take it away. */
  overInput() {
    const { maps, drawn, trace, picture } = this.look;
    const isShown = Boolean(this.isOver && drawn && maps.channel !== null);
    this.over.setAttribute('aria-pressed', String(this.isOver));
    picture.lay('map', isShown ? { canvas: maps.channelCanvas(maps.channel), box: trace.cells(drawn) } : null);
  }
}
