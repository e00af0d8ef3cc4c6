/** What is looked at in the maps of the step shown: a unit, a channel, pins. Marks it in the maps and on the input. */

import { find, on } from '../dom.js';
import { Feeds } from './feeds.js';
import { Held } from './held.js';
import { Layer } from './layer.js';
import { Maps } from './maps.js';
import { Pins } from './pins.js';
import { unitText } from './readout.js';

export class Look {
  /** @type {Page.Trace} */ trace;
  /** @type {Page.Step} that is shown */ step;
  /** @type {Page.Step} whose map is drawn */ drawn;

  /** `picture` is what fields are drawn on; `again` draws the step once more; `onStep` goes to one by its name. */
  constructor(root, colours, { asker, resolve, picture, again, onStep, words }) {
    this.root = root;
    this.picture = picture;
    this.words = words;
    this.onStep = onStep;
    this.maps = new Maps(root, {
      onUnit: (unit) => this.point(unit),
      onHold: (unit) => this.hold(unit),
      onChannel: (channel) => this.pick(channel),
    });
    this.held = new Held(root, {
      asker,
      resolve,
      heat: colours.heat,
      onHeat: (heat) => picture.lay('heat', heat),
      onClose: () => this.hold(null),
      onShares: (source, channel) => this.feeds.use(source, channel),
      onValue: () => this.#read(),
    });
    this.layer = new Layer(root, this.maps, colours, { asker, resolve, onChange: again, labels: () => picture.labels });
    this.layer.onFull = () => this.#overInput();
    this.pins = new Pins(root, colours, { onGo: (pin) => this.#toPin(pin) });
    this.feeds = new Feeds(root, colours, { onStep });
    on(find(root, '.fx-channel'), 'click', () => this.pick(this.maps.channel === null ? this.#chosen() : null));
    on(find(root, '.fx-over'), 'click', () => {
      this.over = !this.over;
      this.#overInput();
    });
    on(find(root, '.fx-pin'), 'click', () => this.pin(this.#chosen()));
  }

  /** Pin a channel of the map drawn, or take the pin away. */
  pin(channel) {
    this.pins.toggle(this.drawn.name, channel);
    this.#channelTools();
  }

  /** A new run is shown: what was looked at in the old one goes. */
  load() {
    this.maps.channel = null;
    this.leave();
  }

  /** Another step comes: the unit goes. */
  leave() {
    this.maps.hover = null;
    find(this.root, '.fx-unit').textContent = ''; // the next step's maps may be a while on their way
    this.hold(null);
  }

  /** Take a step and the map drawn for it: its own, or, before a crop, the one that is cut. */
  show(trace, step, drawn, pixels, crop, margin) {
    const { root, picture, words } = this;
    Object.assign(this, { trace, step, drawn });
    const kept = crop && drawn.name === crop.source;
    const cut = kept ? { top: crop.offset, left: crop.offset, height: crop.kept[0], width: crop.kept[1] } : null;
    this.layer.show(trace, step, drawn, pixels, cut, words);
    picture.show(crop, margin);
    if (this.held.unit) this.#outline(this.held.unit);
    const maps = { channels: drawn.shape[0], name: drawn.name };
    find(root, '.fx-mosaic canvas').setAttribute('aria-label', words.t('maps.canvas', maps));
    this.#channelTools();
    this.#overInput();
    this.pins.draw(trace, words);
    this.feeds.show(trace, step, drawn, crop, words);
    this.feeds.point(this.held.unit);
    this.held.again();
    this.#read();
  }

  /** The unit at the pointer or cursor: its field on the input, its window on the maps it reads, its value. */
  point(unit) {
    if (!this.drawn) return;
    this.maps.mark(unit);
    this.#outline(unit ?? this.held.unit);
    this.feeds.point(unit ?? this.held.unit);
    this.#read();
  }

  /** The line over the maps: of the unit at the pointer or cursor, else of the one that is held. */
  #read() {
    const { trace, drawn: step, picture, words, maps, held } = this;
    const unit = maps.hover ?? held.unit;
    const out = find(this.root, '.fx-unit');
    if (!unit) return void (out.textContent = '');
    const { frame } = picture;
    const value = unit.channel === null ? null : maps.valueAt(unit);
    const exact = held.valueOf(step, unit);
    const field = trace.field(step, unit.row, unit.column);
    out.textContent = unitText({ trace, step, unit, value, exact, field, frame, words });
  }

  /** Outline what a unit sees on the input, and what the one sees that it meets; or nothing. */
  #outline(unit) {
    const { trace, drawn, picture } = this;
    if (!unit) return picture.outlineField({ field: null });
    picture.outlineField({
      field: trace.field(drawn, unit.row, unit.column), whole: trace.wholeField(drawn, unit.row, unit.column),
      partner: trace.partnerField(this.step, drawn, unit),
    });
  }

  /** Hold a unit of the map drawn: it stays marked, and the server is asked about it. Or let go. */
  hold(unit) {
    if (!unit && !this.held.unit) return;
    this.maps.hold(unit);
    this.feeds.point(unit);
    if (unit) {
      const field = this.trace.field(this.drawn, unit.row, unit.column);
      this.held.show(this.trace, this.drawn, unit, field, this.words);
    } else this.held.release();
    this.#outline(unit);
    this.#read();
    this.#channelTools();
  }

  /** What is looked at, as a place in the input that other steps have too; null if nothing is. */
  place() {
    const unit = this.held.unit ?? this.maps.hover;
    const at = unit && this.trace.placeOf(this.drawn, unit);
    if (!at) return null;
    return { at, channel: unit.channel, held: Boolean(this.held.unit) };
  }

  /** What is looked at, for another run of the same network on the same image: a unit, and the channel shown large. */
  kept() {
    return { unit: this.held.unit ?? this.maps.hover, held: Boolean(this.held.unit), channel: this.maps.channel };
  }

  /** Look at what was kept; the step shown is the same. */
  keep({ unit, held, channel }) {
    if (channel !== null) this.pick(channel);
    if (!unit) return;
    if (held) this.hold(unit);
    else this.point(unit);
  }

  /** Look at a place of the input in the step that is shown now; `channel` null is any. */
  lookAt({ at, channel, held }) {
    const unit = { ...this.trace.unitNear(this.drawn, at), channel: Math.min(channel ?? 0, this.drawn.shape[0] - 1) };
    if (held) this.hold(unit);
    else this.point(unit);
  }

  /** One channel large, or all of them (null). */
  pick(channel) {
    this.layer.pick(channel);
    this.#channelTools();
    this.#overInput();
  }

  /** Let go of the unit; without one, go back from one channel to all. */
  escape() {
    if (this.held.unit) this.hold(null);
    else if (this.maps.channel !== null) this.pick(null);
  }

  /** The channel that is shown large, or that of the held unit, or null. */
  #chosen() {
    return this.maps.channel ?? this.held.unit?.channel ?? null;
  }

  /** Buttons that concern one channel: large, over the input, pin. */
  #channelTools() {
    const channel = this.#chosen();
    const [pin, large] = ['.fx-pin', '.fx-channel'].map((name) => find(this.root, name));
    pin.hidden = large.hidden = channel === null;
    find(this.root, '.fx-over').hidden = this.maps.channel === null || Boolean(this.held.unit);
    if (channel === null) return;
    large.textContent = this.words.t(this.maps.channel === null ? 'maps.enlarge' : 'maps.channel', {
      channel: String(channel),
    });
    large.setAttribute('aria-pressed', String(this.maps.channel !== null));
    const pinned = this.pins.has(this.drawn.name, channel);
    pin.setAttribute('aria-pressed', String(pinned));
    pin.textContent = this.words.t(pinned ? 'maps.unpin' : 'maps.pin');
  }

  /** Lay the large channel over the input where its units stand, or take it away. */
  #overInput() {
    const { maps, drawn } = this;
    const shown = Boolean(this.over && drawn && maps.channel !== null);
    find(this.root, '.fx-over').setAttribute('aria-pressed', String(Boolean(this.over)));
    const map = shown ? { canvas: maps.channelCanvas(maps.channel), box: this.trace.cells(drawn) } : null;
    this.picture.lay('map', map);
  }

  async #toPin({ step, channel }) {
    await this.onStep(step);
    this.pick(channel);
  }

  write() {
    this.held.write(this.words);
  }
}
