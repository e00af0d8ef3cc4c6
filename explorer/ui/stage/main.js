/** The stage: wires controls, run, steps, maps and picture. Python is called to run a network, for nothing else. */

import { Asker } from './asker.js';
import { Bar, radios } from './bar.js';
import { Colours } from './colour.js';
import { Held } from './held.js';
import { Layer } from './layer.js';
import { Words, pickLanguage } from './i18n.js';
import { Maps } from './maps.js';
import { showChips, showCrop, showFacts, showLegend } from './panels.js';
import { Picture } from './picture.js';
import { Pins } from './pins.js';
import { themeButton, stored } from './preferences.js';
import { pixelText, unitText } from './readout.js';
import { Runner } from './runner.js';
import { Address, complete, fromAddress } from './selection.js';
import { Sources } from './sources.js';
import { Steps } from './steps.js';
import { Trace } from './trace.js';
import { sentence } from './words.js';

const AHEAD = 3; // steps fetched before they are looked at

export function mount({ element, props, trigger, upload, watch, base }) {
  new Stage(element.querySelector('.fx'), JSON.parse(props.value), { props, trigger, upload, watch, base });
}

class Stage {
  constructor(root, start, gradio) {
    this.root = root;
    this.gradio = gradio;
    this.catalog = start.catalog;
    this.resolve = (name) => new URL(`${this.catalog.files}/${name}`, gradio.base).href;
    this.address = new URLSearchParams(location.search);
    this.position = new Address();
    this.words = new Words(start.catalog.texts, pickLanguage(this.address));
    this.colours = new Colours(start.catalog.colours);
    for (const [role, colour] of Object.entries(this.colours.roles)) root.style.setProperty(`--fx-${role}`, colour);
    this.step = 0;
    this.selection = start.selection;
    this.imageName = '';

    this.runner = new Runner({ ...gradio, alive: () => this.#alive(), mostBytes: this.catalog.mostBytes }, {
      onProgress: (...news) => this.#progress(...news),
      onDone: (message) => this.#done(message),
      onError: (problem) => this.say(problem),
    });
    this.bar = new Bar(root, this.catalog, {
      onChange: (change) => this.change(change),
      onRun: () => (this.runner.request ? this.cancel() : this.run()),
    });
    this.sources = new Sources(root, {
      onFile: (file) => this.#with(() => this.runner.runFile(file, this.selection)),
      onExample: (file) => this.change({ image: file }),
      onNothing: () => this.say({ code: 'nothing_dropped', details: {} }),
      t: (key, values) => this.words.t(key, values),
    });
    this.maps = new Maps(root, this.colours, {
      onUnit: (unit) => this.point(unit),
      onHold: (unit) => this.hold(unit),
      onChannel: (c) => this.pickChannel(c),
    });
    this.asker = new Asker(gradio.trigger);
    this.held = new Held(root, {
      asker: this.asker,
      resolve: this.resolve,
      heat: this.colours.heat,
      onHeat: (heat) => this.picture?.showHeat(heat),
      onClose: () => this.hold(null),
    });
    this.layer = new Layer(root, this.maps, this.colours, {
      asker: this.asker,
      resolve: this.resolve,
      onChange: () => this.go(this.step),
      onChannel: (c) => this.pickChannel(c),
      labels: () => this.picture.labels,
    });
    this.layer.onFull = () => this.#overInput();
    this.pins = new Pins(root, this.colours, { onGo: (pin) => this.#toPin(pin) });
    this.picture = new Picture(root, this.colours, { onPixel: (pixel) => this.name(pixel) });
    this.steps = new Steps(root, this.colours, { onStep: (i, how) => (how?.keepPlace ? this.goWithPlace(i) : this.go(i)) });
    this.#controls();
    this.translate().then(() => this.begin(start));
    gradio.watch('value', () => {
      const message = JSON.parse(gradio.props.value);
      this.runner.hear(message);
      this.asker.hear(message);
    });
  }

  #controls() {
    const { root } = this;
    this.languages = radios(root.querySelector('.fx-languages'), ({ lang }) => {
      this.chosenLanguage = stored('language', lang);
      this.words.use(lang).then(() => this.translate());
    });
    this.cropViews = radios(root.querySelector('.fx-cropview'), ({ cropview }) => {
      this.cropView = cropview;
      this.go(this.step);
    });
    this.cropView = 'whole';
    this.cropViews.choose(({ cropview }) => cropview === this.cropView);
    this.grains = radios(root.querySelector('.fx-grain'), ({ grain }) => this.steps.map.useBlocks(grain === 'blocks'));
    this.grains.choose(({ grain }) => (grain === 'blocks') === this.steps.map.blocks);
    root.querySelector('.fx-over').addEventListener('click', () => {
      this.over = !this.over;
      this.#overInput();
    });
    root.querySelector('.fx-pin').addEventListener('click', () => {
      this.pins.toggle(this.drawn.step.name, this.#chosenChannel());
      this.#channelTools();
    });
    this.frames = radios(root.querySelector('.fx-frame'), ({ frame }) => {
      this.picture.use(frame).catch((error) => this.say({ code: error.status ? 'gone' : 'connection', details: {} }));
      this.#sizeOfFrame();
    });
    this.frames.choose(({ frame }) => frame === this.picture.frame);
    const opacity = root.querySelector('.fx-opacity input');
    opacity.addEventListener('input', () => {
      this.picture.opacity = opacity.value / 100;
      root.querySelector('.fx-opacity output').textContent = `${opacity.value} %`;
      this.picture.draw();
    });
    root.querySelector('.fx-message button').addEventListener('click', () => this.say(null));
    root.querySelector('.fx-legend').addEventListener('click', (event) => {
      const item = event.target.closest('button');
      if (!item) return;
      const index = Number(item.dataset.index);
      this.picture.showOnly(this.picture.only === index ? null : index);
      this.#aroundPicture();
    });
    themeButton(root.querySelector('.fx-theme'), this.address);
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      if (this.held.unit) this.hold(null);
      else if (this.maps.channel !== null) this.pickChannel(null);
    });
  }

  /** Show everything in the chosen language; what the person was doing stays. */
  async translate() {
    await this.words.use(this.words.language);
    this.words.apply(this.root);
    this.languages.choose(({ lang }) => lang === this.words.language);
    this.bar.show(this.selection, this.words);
    this.bar.running(this.fraction ?? null, this.#progressText(), this.words.t('bar.run'));
    this.sources.list(this.catalog.examples, this.resolve, this.words.language);
    this.#imageButton();
    if (this.problem) this.say(this.problem);
    if (!this.trace) return;
    this.steps.load(this.trace, this.words);
    this.#aroundPicture();
    this.held.write(this.words);
    this.go(this.step);
  }

  /** Start with the run that came with the page, or the one that the address asks for. */
  async begin(start) {
    const wish = fromAddress(this.catalog, this.address, start.selection);
    this.wantedStep = this.address.get('step');
    if (wish) {
      this.#choose(wish);
      this.run();
    } else if (start.trace) await this.open(start.trace);
  }

  /** A control was used: complete the selection so that it fits together, and run it. */
  change(change) {
    this.#choose(complete(this.catalog, this.selection, change));
    this.#with(() => this.runner.run(this.selection, { ownImage: !('image' in change) }));
  }

  #choose(selection) {
    this.selection = selection;
    this.bar.show(selection, this.words);
    this.#imageButton();
  }

  /** Stop the run; the controls go back to what is shown. */
  cancel() {
    this.runner.cancel();
    if (this.trace) this.#choose(this.trace.selection);
  }

  run() {
    this.#with(() => this.runner.run(this.selection));
  }

  #with(begin) {
    this.say(null);
    begin();
  }

  async #done(message) {
    if (message.imageName) this.imageName = message.imageName;
    this.#choose(message.selection);
    await this.open(message.trace);
  }

  /** Whether the server still answers. */
  async #alive() {
    try {
      await fetch(new URL('config', this.gradio.base), { method: 'HEAD', cache: 'no-store' });
      return true;
    } catch {
      return false;
    }
  }

  #progress(fraction, text = '', details = {}) {
    this.fraction = fraction;
    this.progress = { text, details };
    this.bar.running(fraction, this.#progressText(), this.words.t('bar.run'));
    if (fraction !== null) this.root.dataset.state = 'running';
    else if (this.trace) this.root.dataset.state = 'ready';
  }

  #progressText() {
    return this.fraction == null ? '' : this.words.t(this.progress.text, this.progress.details);
  }

  /** Say an error {code, details} in words, or nothing. */
  say(problem) {
    this.problem = problem;
    const box = this.root.querySelector('.fx-message');
    box.hidden = !problem;
    if (!problem) return;
    const key = this.words.has(`error.${problem.code}`) ? `error.${problem.code}` : 'error.internal';
    box.firstElementChild.textContent = this.words.t(key, problem.details);
  }

  async open(file) {
    const name = this.trace?.steps[this.step]?.name;
    const token = (this.opening = {});
    try {
      const trace = await Trace.load(file, this.resolve);
      const pictures = await this.picture.fetch(trace);
      if (this.opening !== token) return; // a newer run has come meanwhile
      this.picture.load(trace, pictures);
      this.trace = trace;
    } catch (error) {
      console.warn(error);
      return this.say({ code: error.status ? 'gone' : 'connection', details: {} });
    }
    this.maps.channel = null;
    this.hold(null);
    this.steps.load(this.trace, this.words);
    this.#imageButton();
    this.#aroundPicture();
    const wanted = this.wantedStep ?? name ?? this.#firstLook();
    this.wantedStep = null;
    const { index } = this.trace;
    await this.go(index.get(wanted) ?? index.get(this.#firstLook()) ?? 0);
    if (!this.runner.request) this.root.dataset.state = 'ready';
    this.root.dataset.run = file;
  }

  /** The page opens on a step that already says something: the first pooled map. */
  #firstLook() {
    return this.trace.steps.find((step) => step.op === 'maxpool')?.name;
  }

  /** Show step i, and in it the unit that stands where the held one, or the one at the pointer, stands. */
  async goWithPlace(i) {
    const held = this.held.unit;
    const unit = held ?? this.maps.hover;
    if (!unit || i === this.step) return this.go(i);
    const place = this.trace.placeOf(this.drawn.step, unit);
    await this.go(i);
    const { step } = this.drawn;
    const there = { ...this.trace.unitNear(step, place), channel: Math.min(unit.channel, step.shape[0] - 1) };
    if (held) this.hold(there);
    else this.point(there);
  }

  /** Show step i: at once if its picture is at hand, else as soon as it has come. */
  async go(i) {
    const { trace } = this;
    if (!trace) return;
    const token = (this.going = {});
    if (i !== this.step) {
      this.maps.hover = null;
      this.hold(null);
    }
    this.step = i;
    this.steps.mark(i);
    const step = trace.steps[i];
    const crop = trace.cropAt(step);
    const cutHere = crop?.step === step.name; // at a crop: the whole map with what is kept, or what it becomes
    const drawn = cutHere && this.cropView === 'whole' ? trace.step(crop.source) : step;
    let picture = trace.ready(drawn);
    if (!picture) {
      this.root.classList.add('fx-fetching');
      try {
        picture = await trace.map(drawn);
      } catch (error) {
        console.warn(error);
        if (this.going === token) this.say({ code: error.status ? 'gone' : 'connection', details: {} });
        return;
      } finally {
        if (this.going === token) this.root.classList.remove('fx-fetching');
      }
      if (this.going !== token) return;
    }
    this.drawn = { step: drawn, picture };
    this.#show(step, drawn, crop, picture);
    for (let d = 1; d <= AHEAD; d++) {
      trace.prefetch(trace.steps[i + d]);
      trace.prefetch(trace.steps[i - d]);
    }
    this.settle();
  }

  #show(step, drawn, crop, picture) {
    const { root, trace, words } = this;
    const cut = crop && drawn.name === crop.source;
    const kept = cut ? { top: crop.offset, left: crop.offset, height: crop.kept[0], width: crop.kept[1] } : null;
    this.layer.show(trace, step, drawn, picture, kept, words);
    this.picture.crop = crop;
    this.picture.field = this.#heldField();
    this.picture.draw();
    root.querySelector('.fx-step-name').textContent = step.name;
    root.querySelector('.fx-words').textContent = sentence(trace, step, words);
    const maps = { channels: drawn.shape[0], name: drawn.name };
    root.querySelector('.fx-mosaic canvas').setAttribute('aria-label', words.t('maps.canvas', maps));
    root.querySelector('.fx-cropview').hidden = crop?.step !== step.name;
    this.#channelTools();
    this.#overInput();
    this.pins.draw(trace, words);
    showChips(root, trace, step, words);
    root.querySelector('.fx-unit').textContent = '';
    showCrop(root, trace, crop, words);
    root.dataset.step = step.name;
  }

  pickChannel(channel) {
    this.layer.pick(channel);
    this.#channelTools();
    this.#overInput();
  }

  /** The channel that is shown large, or that of the held unit, or null. */
  #chosenChannel() {
    return this.maps.channel ?? this.held.unit?.channel ?? null;
  }

  /** Buttons that concern one channel: over the input, pin. */
  #channelTools() {
    const channel = this.#chosenChannel();
    const pin = this.root.querySelector('.fx-pin');
    pin.hidden = channel === null;
    this.root.querySelector('.fx-over').hidden = this.maps.channel === null;
    if (channel === null) return;
    const pinned = this.pins.has(this.drawn.step.name, channel);
    pin.setAttribute('aria-pressed', String(pinned));
    pin.textContent = this.words.t(pinned ? 'maps.unpin' : 'maps.pin');
  }

  /** Lay the large channel over the input where its units stand, or take it away. */
  #overInput() {
    const { maps, drawn } = this;
    const on = Boolean(this.over && drawn && maps.channel !== null);
    this.root.querySelector('.fx-over').setAttribute('aria-pressed', String(Boolean(this.over)));
    this.picture.showMap(on ? { canvas: maps.channelCanvas(maps.channel), box: this.trace.cells(drawn.step) } : null);
  }

  async #toPin({ step, channel }) {
    await this.go(this.trace.index.get(step));
    this.pickChannel(channel);
  }

  /** The unit under the pointer: its field on the input, its value in the read-out. */
  point(unit) {
    const { step } = this.drawn ?? {};
    if (!step) return;
    this.maps.mark(unit);
    const meeting = unit && this.trace.meeting(this.trace.steps[this.step], step, unit);
    this.picture.outlineField(unit ? this.trace.field(step, unit.row, unit.column) : this.#heldField(), meeting?.other.field);
    const out = this.root.querySelector('.fx-unit');
    if (!unit) return void (out.textContent = '');
    const { trace, words } = this;
    const { field, frame } = this.picture;
    const value = this.maps.valueAt(unit);
    out.textContent = unitText({ trace, step, unit, value, field, frame, words });
  }

  /** Hold a unit of the map drawn: it stays marked, and the server is asked about it. Or let go. */
  hold(unit) {
    if (!unit && !this.held.unit) return;
    this.maps.hold(unit);
    if (!unit) {
      this.held.release();
      this.picture.outlineField(null);
      this.#channelTools();
      return;
    }
    const { step } = this.drawn;
    const field = this.trace.field(step, unit.row, unit.column);
    this.held.show(this.trace, step, unit, field, this.words);
    this.picture.outlineField(field);
    this.#channelTools();
  }

  #heldField() {
    return this.held.answer?.field ?? null;
  }

  /** The class under the pointer in the picture. */
  name(pixel) {
    const { trace, words } = this;
    this.root.querySelector('.fx-under').textContent = pixelText({ trace, pixel, frame: this.picture.frame, words });
  }

  #aroundPicture() {
    const { root, trace, words } = this;
    if (!trace) return;
    const card = this.catalog.cards.find((c) => c.name === trace.selection.checkpoint);
    showLegend(root, trace, this.picture.only, words);
    showFacts(root, trace, card, words);
    this.#sizeOfFrame();
  }

  #sizeOfFrame() {
    if (!this.trace) return;
    const [height, width] = this.trace.frames[this.picture.frame];
    this.root.querySelector('.fx-frame-size').textContent = `${height} × ${width}`;
  }

  #imageButton() {
    const example = this.catalog.examples.find((e) => e.file === this.selection.image);
    const image = this.root.querySelector('.fx-image img');
    if (example) image.src = this.resolve(example.thumbnail);
    else if (this.trace) image.src = this.resolve(this.trace.pictures.resized);
    this.root.querySelector('.fx-image-name').textContent = example ? example.title[this.words.language] : this.imageName;
  }

  settle() {
    const own = !this.catalog.examples.some((e) => e.file === this.selection.image);
    const step = this.trace?.steps[this.step].name;
    this.position.settle({ selection: this.selection, step, lang: this.chosenLanguage, own });
  }
}
