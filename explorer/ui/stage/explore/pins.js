/** Pinned channels: small pictures that stay in sight from step to step and lead back to where they are from. */

import { channelCanvas } from './tile.js';

const LONGER = 84; // CSS pixels of a picture's longer side

export class Pins {
  constructor(root, colours, { onGo }) {
    Object.assign(this, { colours, onGo });
    this.list = root.querySelector('.fx-pins');
    this.pins = []; // {step, channel}, by name, so that another run of the network keeps them
    this.list.addEventListener('click', (event) => {
      const item = event.target.closest('li');
      if (!item) return;
      const pin = this.pins[Number(item.dataset.pin)];
      if (event.target.closest('.fx-unpin')) this.toggle(pin.step, pin.channel);
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
    Object.assign(this, { trace, words });
    const here = this.pins.map((pin, i) => ({ pin, i })).filter(({ pin }) => trace.step(pin.step)?.shape[0] > pin.channel);
    this.list.hidden = here.length === 0;
    this.list.replaceChildren(...here.map(({ pin, i }) => this.#item(pin, i)));
  }

  #item({ step: name, channel }, i) {
    const { trace, words } = this;
    const step = trace.step(name);
    const item = document.createElement('li');
    item.dataset.pin = String(i);
    const canvas = document.createElement('canvas');
    const longest = Math.max(step.shape[1], step.shape[2]);
    canvas.style.width = `${(LONGER * step.shape[2]) / longest}px`;
    canvas.style.height = `${(LONGER * step.shape[1]) / longest}px`;
    const go = document.createElement('button');
    go.type = 'button';
    const label = document.createElement('span');
    label.textContent = `${name} · ${channel}`;
    go.append(canvas, label);
    const off = document.createElement('button');
    off.type = 'button';
    off.className = 'fx-unpin';
    off.textContent = '×';
    off.setAttribute('aria-label', words.t('maps.unpin.one', { name, channel: String(channel) }));
    item.append(go, off);
    trace.map(step).then((picture) => channelCanvas(step, channel, picture, this.colours.scheme(step.maps, 'channel'), canvas)).catch((error) => console.warn(error));
    return item;
  }
}
