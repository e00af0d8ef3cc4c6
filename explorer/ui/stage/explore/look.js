/** What is looked at in the maps of the step shown: a unit, a channel, pins. Marks it in the maps and on the input. */

import { find } from '../dom.js';
import { channelAt } from './channels.js';
import { ChannelTools } from './channeltools.js';
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
  /** @type {any} what a person holds: {step, unit, at}, `at` its place in the input; it stays from step to step */
  anchor = null;

  /** `picture` is what fields are drawn on; `again` draws the step once more; `onStep` goes to one by its name. */
  constructor(root, colours, { asker, resolve, picture, again, onStep, onSettle, onHeld, words }) {
    this.root = root;
    this.picture = picture;
    this.words = words;
    this.onStep = onStep;
    this.onSettle = onSettle;
    this.onHeld = onHeld;
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
    this.layer.onFull = () => this.tools.overInput();
    this.pins = new Pins(root, colours, { onGo: (pin) => this.#toPin(pin) });
    this.feeds = new Feeds(root, colours, { onStep });
    this.tools = new ChannelTools(root, this);
  }

  /** Pin a channel of the map drawn, or take the pin away. */
  pin(channel) {
    this.pins.toggle(this.drawn.name, channel);
    this.tools.write();
    this.onSettle();
  }

  /** A new run is shown: of the same training (`isSame`) what is looked at stays, else it goes. */
  load(isSame) {
    this.leave();
    if (isSame) return;
    this.maps.channel = null;
    this.hold(null);
  }

  /** Another step comes: the marks go; a held unit's place is found again there. */
  leave() {
    this.maps.hover = null;
    find(this.root, '.fx-unit').textContent = ''; // the next step's maps may be a while on their way
    this.maps.hold(null);
    this.held.leave();
    this.picture.outlineField({ field: null });
  }

  /** Take a step and the map drawn for it: its own, or, before a crop, the one that is cut. */
  show(trace, step, drawn, pixels, crop, margin) {
    const { root, picture, words } = this;
    const isNew = trace !== this.trace || drawn !== this.drawn;
    if (isNew) this.maps.hover = null; // pointed at while these maps were on their way: a unit of others
    Object.assign(this, { trace, step, drawn });
    const kept = crop && drawn.name === crop.source;
    const cut = kept ? { top: crop.offset, left: crop.offset, height: crop.kept[0], width: crop.kept[1] } : null;
    this.layer.show(trace, step, drawn, pixels, cut, words);
    picture.show(crop, margin);
    const maps = { channels: drawn.shape[0], name: drawn.name };
    find(root, '.fx-mosaic canvas').setAttribute('aria-label', words.t('maps.canvas', maps));
    this.tools.write();
    this.tools.overInput();
    this.pins.draw(trace, words);
    this.feeds.show(trace, step, drawn, crop, words);
    if (isNew || !this.held.answer) this.#resume();
    this.#outline(this.held.unit);
    this.feeds.point(this.held.unit);
    this.held.again();
    this.#read();
  }

  /** Find what is held in the map drawn now: its place in the input, and the channel that answers to its own. */
  #resume() {
    const { anchor, trace, drawn } = this;
    if (!anchor) return;
    if (anchor.step === drawn.name) return this.#hold(anchor.unit, true);
    const place = anchor.at && trace.unitAt(drawn, anchor.at);
    if (!place) return this.held.tell(drawn.name, anchor.at ? 'held.off' : 'held.unknown', this.words);
    this.#hold({ channel: channelAt(trace, anchor.step, anchor.unit.channel, drawn.name), ...place }, true);
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
    this.layer.ends(unit?.channel ?? maps.channel);
    if (!unit) return void (out.textContent = '');
    const { frame } = picture;
    const isOne = unit.channel !== null;
    const value = isOne ? maps.valueAt(unit) : null;
    const mean = isOne && maps.averages(unit.channel);
    const exact = held.valueOf(step, unit);
    const field = trace.field(step, unit.row, unit.column);
    out.textContent = unitText({ trace, step, unit, value, exact, mean, field, frame, words });
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
    if (!unit && !this.anchor) return;
    this.anchor = unit && { step: this.drawn.name, unit, at: this.trace.placeOf(this.drawn, unit) };
    this.#hold(unit);
    if (unit) this.onHeld();
    this.onSettle();
  }

  #hold(unit, isResumed = false) {
    const { trace, drawn, words } = this;
    this.maps.hold(unit);
    this.feeds.point(unit);
    if (unit) {
      const field = trace.field(drawn, unit.row, unit.column);
      this.held.show({ trace, step: drawn, unit, field, note: this.#note(unit), isResumed }, words);
    } else this.held.release();
    this.#outline(unit);
    this.#read();
    this.tools.write();
  }

  /** What has to be said of a held unit beside its arithmetic: {key, values} of a text, or null. */
  #note({ channel, row, column }) {
    const { trace, step, drawn, anchor } = this;
    if (channel === null) {
      const values = { channel: String(anchor.unit.channel), from: anchor.step, name: drawn.name };
      return { key: 'held.letgo', values };
    }
    const crop = trace.cropAt(step);
    if (crop?.step !== step.name || drawn.name !== crop.source) return null;
    const [y, x] = [row - crop.offset, column - crop.offset];
    const isKept = y >= 0 && x >= 0 && y < crop.kept[0] && x < crop.kept[1];
    const values = { step: step.name, row: String(y), column: String(x) };
    return { key: isKept ? 'held.kept' : 'held.dropped', values };
  }

  /** The place in the input at the pointer or cursor, which other steps have too; null if there is none. */
  place() {
    const unit = this.maps.hover;
    const at = unit && this.trace.placeOf(this.drawn, unit);
    return at ? { at, channel: unit.channel } : null;
  }

  /** Point at a place of the input in the step that is shown now; `channel` null is any. */
  lookAt({ at, channel }) {
    this.point({ ...this.trace.unitNear(this.drawn, at), channel: Math.min(channel ?? 0, this.drawn.shape[0] - 1) });
  }

  /** One channel large, or all of them (null). */
  pick(channel) {
    this.layer.pick(channel);
    this.tools.write();
    this.tools.overInput();
    this.onSettle();
  }

  /** Let go of the unit; without one, go back from one channel to all. */
  escape() {
    if (this.anchor) this.hold(null);
    else if (this.maps.channel !== null) this.pick(null);
  }

  /** The channel that is shown large, or that of the held unit, or null. */
  get chosen() {
    return this.maps.channel ?? this.held.unit?.channel ?? null;
  }

  async #toPin({ step, channel }) {
    await this.onStep(step);
    this.pick(channel);
  }

  /** What is looked at, for the address. */
  get looked() {
    const { maps, anchor, layer, pins } = this;
    return { channel: maps.channel, unit: anchor, order: layer.sort, scale: layer.scale, pins: pins.pins };
  }

  /** Take what is wished of the step that comes: how its maps are drawn, and the pins.
   * @param {import('./looked.js').Wish} wish
   */
  prepare({ order, scale, pins, unit }) {
    if (order !== undefined) this.layer.use(order, scale);
    if (pins) this.pins.pins = pins;
    if (unit !== undefined) this.anchor = null; // the one wished is held once the step is there
    if (unit === null) this.held.release();
  }

  /** Take what is wished of the step that is shown: a large channel, a unit that is held. A place beyond is left out.
   * @param {import('./looked.js').Wish} wish
   */
  restore({ channel, unit }) {
    const { trace, drawn } = this;
    const has = (step, c) => c !== null && c < step.shape[0];
    if (channel !== undefined && channel !== this.maps.channel) this.pick(has(drawn, channel) ? channel : null);
    if (!unit) return;
    const step = trace.step(unit.step) ?? drawn;
    const { row, column } = unit.unit;
    if (!has(step, unit.unit.channel) || row >= step.shape[1] || column >= step.shape[2]) return;
    if (step === drawn) return this.hold(unit.unit);
    this.anchor = { ...unit, at: trace.placeOf(step, unit.unit) };
    this.#resume();
    this.onSettle();
  }

  write() {
    this.held.write(this.words);
  }
}
