/** Pinned channels: small pictures that stay in sight from step to step and lead back to where they are from. */

import { find, make, makeButton, onButton } from '../dom.js';
import { channelCanvas } from './tile.js';

const LONGER = 84; // CSS pixels of a picture's longer side

export class Pins {
  constructor(root, colours, { onGo }) {
    this.colours = colours;
    this.pins = []; // {step, channel}, by name, so that another run of the network keeps them
    this.list = onButton(find(root, '.fx-pins'), ({ pin: i, off }) => {
      const pin = this.pins[Number(i)];
      if (off) this.toggle(pin.step, pin.channel);
      else onGo(pin);
    });
  }

  has(step, channel) {
    return this.pins.some((p) => p.step === step && p.channel === channel);
  }

  toggle(step, channel) {
    if (this.has(step, channel)) this.pins = this.pins.filter((p) => p.step !== step || p.channel !== channel);
    else this.pins.push({ step, channel });
    this.draw(this.trace, this.words);
  }

  /** Draw the pins of a run; one whose step or channel this network lacks is left out, but kept. */
  draw(trace, words) {
    this.trace = trace;
    this.words = words;
    const here = this.pins.map((pin, i) => ({ pin, i }))
      .filter(({ pin }) => trace.step(pin.step)?.shape[0] > pin.channel);
    this.list.hidden = here.length === 0;
    this.list.replaceChildren(...here.map(({ pin, i }) => this.#item(pin, i)));
  }

  #item({ step: name, channel }, i) {
    const { trace, words } = this;
    const step = trace.step(name);
    const [, height, width] = step.shape;
    const scale = LONGER / Math.max(height, width);
    const canvas = make('canvas', { style: `width: ${scale * width}px; height: ${scale * height}px` });
    const label = words.t('maps.unpin.one', { name, channel: String(channel) });
    const scheme = this.colours.scheme(step.maps, 'channel');
    trace.map(step).then((picture) => channelCanvas(step, channel, picture, scheme, canvas)).catch(console.warn);
    return make(
      'li',
      {},
      makeButton({ 'data-pin': i }, canvas, make('span', {}, `${name} · ${channel}`)),
      makeButton({ className: 'fx-unpin', 'data-pin': i, 'data-off': true, 'aria-label': label }, '×')
    );
  }
}
