/** The ways to run an image: what each would take, and which is chosen. */

import { find, make, makeButton } from '../dom.js';
import { radios } from '../bar.js';

export class Offers {
  /** `choose(index)` is called when a person takes one. */
  constructor(root, { words, choose }) {
    this.words = words;
    this.box = find(root, '.fx-offers');
    this.hint = find(root, '.fx-trained');
    this.choose = radios(this.box, 'offer', (offer) => choose(Number(offer)));
  }

  /** Those of a plan, or none yet. */
  show(planned, chosen) {
    this.box.replaceChildren(...(planned?.offers ?? []).map((offer, index) => this.#button(offer, index)));
    if (planned) this.choose(chosen);
    this.hint.hidden = !planned?.trained;
    this.hint.textContent = planned?.trained ? this.words.t('segment.trained', planned.trained) : '';
  }

  /** Say how long each takes, where that is known. */
  time({ offers }) {
    const places = this.box.querySelectorAll('.fx-takes');
    offers.forEach(({ seconds }, i) => (places[i].textContent = this.#takes(seconds)));
  }

  #takes(seconds) {
    return seconds === null ? '' : this.words.t('segment.takes', { time: { seconds } });
  }

  #button({ way, size: [height, width], tiles, tile: [tileHeight, tileWidth], bytes, free, fits, seconds }, index) {
    const { words } = this;
    const text = {
      height, width, tiles, tileHeight, tileWidth, need: words.bytes(bytes), free: words.bytes(free ?? 0),
    };
    return makeButton(
      { role: 'radio', 'data-offer': index },
      make('b', {}, words.t(`segment.way.${way}`)),
      make('span', {}, words.t(tiles > 1 ? 'segment.tiles.count' : 'segment.pixels', text)),
      make('em', { className: 'fx-takes' }, this.#takes(seconds)),
      make('small', {}, words.t(free === null ? 'segment.needs' : fits ? 'segment.fits' : 'segment.short', text))
    );
  }
}

/** Take down how long each way of a plan takes; nothing where the machine was at work, until a run of these is done. */
export function timed(planned, costs) {
  for (const offer of planned.offers)
    offer.seconds = costs.find((cost) => wayOf(cost) === wayOf(offer))?.seconds ?? offer.seconds;
}

/** Tells the ways to run an image apart: there are copies of several sizes.
 * @param {{way: string, longest?: number}} offer
 */
export function wayOf({ way, longest }) {
  return `${way} ${longest ?? ''}`;
}
