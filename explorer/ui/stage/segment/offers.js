/** The ways to run an image: what each would take, and which is chosen. */

import { radios } from '../bar.js';

export class Offers {
  /** `choose(index)` is called when a person takes one. */
  constructor(root, { words, choose }) {
    Object.assign(this, { words, box: root.querySelector('.fx-offers'), hint: root.querySelector('.fx-trained') });
    this.radios = radios(this.box, ({ offer }) => choose(Number(offer)));
  }

  /** Those of a plan, or none yet. */
  show(planned, chosen) {
    this.box.replaceChildren(...(planned?.offers ?? []).map((offer, index) => this.#button(offer, index)));
    if (planned) this.radios.choose(({ offer }) => Number(offer) === chosen);
    this.hint.hidden = !planned?.trained;
    this.hint.textContent = planned?.trained ? this.words.t('segment.trained', planned.trained) : '';
  }

  #button({ way, size, tiles, tile, bytes, free, fits }, index) {
    const { words } = this;
    const button = document.createElement('button');
    button.type = 'button';
    button.setAttribute('role', 'radio');
    button.dataset.offer = String(index);
    const text = { height: size[0], width: size[1], tiles, tileHeight: tile[0], tileWidth: tile[1], need: words.bytes(bytes), free: words.bytes(free ?? 0) };
    const parts = {
      b: words.t(`segment.way.${way}`),
      span: words.t(tiles > 1 ? 'segment.tiles.count' : 'segment.pixels', text),
      small: words.t(free === null ? 'segment.needs' : fits ? 'segment.fits' : 'segment.short', text),
    };
    button.append(...Object.entries(parts).map(([tag, textContent]) => Object.assign(document.createElement(tag), { textContent })));
    return button;
  }
}

/** Tells the ways to run an image apart: there are copies of several sizes. */
export function wayOf({ way, longest }) {
  return `${way} ${longest ?? ''}`;
}
