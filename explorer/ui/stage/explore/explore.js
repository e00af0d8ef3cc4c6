/** The view "explore": the steps of one run, their maps, the picture, and how one goes from step to step. */

import { find, on } from '../dom.js';
import { Asker } from './asker.js';
import { radios } from '../bar.js';
import { counterpart } from './counterpart.js';
import { Cursor } from './cursor.js';
import { FigureView } from './figureview.js';
import { Look } from './look.js';
import { Output } from './output.js';
import { foldings } from './foldings.js';
import { showChips, showCrop } from './panels.js';
import { lost } from '../files.js';
import { Hints } from './hints.js';
import { gently } from '../preferences.js';
import { isSameTraining } from '../selection.js';
import { pairsOf } from './looked.js';
import { Probe } from './probe.js';
import { Steps } from './steps.js';
import { Take } from './take.js';
import { Trace } from './trace.js';
import { nameText, sentence } from './words.js';

const AHEAD = 3; // steps fetched before they are looked at

export class Explore {
  /** @type {Page.Trace} of the run shown; null before the first */ trace;

  /** Of the stage, `say(problem)` tells of an error; `onSettle` is called when a step is shown that stays. */
  constructor(root, stage) {
    const { gradio, alive, catalog, colours, words, resolve, say } = stage;
    this.root = root;
    this.stage = stage;
    this.words = words;
    this.step = 0;
    /** @type {import('./looked.js').Wish | null} of the run that is shown next */ this.wished = null;
    const onStep = (name) => this.choose(this.trace.index.get(name));
    this.asker = new Asker(gradio.trigger, alive);
    this.hints = new Hints(root, words);
    this.output = new Output(root, colours, {
      words, say,
      onSettle: () => stage.onSettle(),
      onChances: () => this.hints.say('chances'),
      turn: stage.turn,
      cardOf: (trace) => catalog.cards.find((card) => card.name === trace.selection.checkpoint),
    });
    this.look = new Look(root, colours, {
      words, resolve, onStep,
      onSettle: () => stage.onSettle(),
      onHeld: () => this.hints.say('unit'),
      asker: this.asker,
      picture: this.output.picture,
      again: () => {
        this.output.recolour();
        this.go(this.step);
      },
    });
    this.cursor = new Cursor(root, { look: this.look, output: this.output });
    this.figure = new FigureView(root, { onStep });
    this.probe = new Probe(root, stage, () => ({ trace: this.trace, step: this.name, channel: this.look.chosen }));
    this.take = new Take(root, stage, this);
    this.steps = new Steps(root, {
      onStep: (i, how) => (how?.keepPlace ? this.goWithPlace(i) : this.go(i)),
      onChoose: (i) => this.choose(i),
    });
    /** @type {'whole' | 'cut'} */ this.cropView = 'whole';
    const viewCrop = (cropView) => {
      this.look.leave();
      this.cropView = cropView;
      this.go(this.step);
    };
    this.chooseCropView = radios(find(root, '.fx-cropview'), 'cropview', viewCrop, this.cropView);
    const { map } = this.steps;
    radios(find(root, '.fx-grain'), 'grain', (grain) => map.use(grain), map.grain);
    on(document, 'keydown', ({ key }) => {
      if (key === 'Escape' && !document.querySelector('dialog[open]')) this.look.escape();
    });
    this.enlarge = foldings(root, (isLarge) => this.look.maps.write(isLarge));
  }

  /** The name of the step that is shown, once there is a run. */
  get name() {
    return this.trace?.steps[this.step]?.name;
  }

  hear(message) {
    this.asker.hear(message);
    this.take.hear(message);
  }

  /** What the address says of how the step is looked at. */
  get address() {
    if (!this.trace) return [];
    const { look, cropView: crop, output: { kind: shown } } = this;
    return pairsOf({ step: this.name, crop, shown, ...look.looked });
  }

  /** Look at the run that is shown as `wished` says. */
  async revisit() {
    const { wished, trace } = this;
    this.wished = null;
    this.opening = {}; // another run on its way here comes too late
    if (!trace || !wished) return;
    if (wished.crop) this.chooseCropView((this.cropView = wished.crop));
    if (wished.shown !== undefined) this.output.use(wished.shown);
    this.look.prepare(wished);
    await this.go(trace.index.get(wished.step ?? '') ?? 0);
    if (this.trace === trace) this.look.restore(wished);
  }

  /** The language has changed: everything is said anew, and what the person was doing stays. */
  write() {
    this.hints.write();
    if (!this.trace) return;
    this.#load();
    this.output.write();
    this.look.write();
    this.go(this.step);
  }

  #load() {
    this.steps.load(this.trace, this.words);
    this.figure.load(this.trace, this.words);
  }

  /** Show a finished run as it is wished, else at what answers to the step that was shown. Whether that worked. */
  async open(file, selection) {
    const { name, trace: old } = this;
    const token = (this.opening = {});
    try {
      const trace = await Trace.load(file, this.stage.resolve, selection);
      const pictures = await this.output.picture.fetch(trace);
      if (this.opening !== token) return false; // a newer run has come meanwhile
      this.look.load(Boolean(old && isSameTraining(this.stage.catalog, old.selection, selection)));
      this.trace = trace;
      this.output.load(trace, pictures);
    } catch (error) {
      this.stage.say(lost(error));
      return false;
    }
    this.#load();
    const last = old ? counterpart(old, this.trace, name) : undefined;
    const isWished = JSON.stringify(selection) === JSON.stringify(this.stage.selection()); // another may be on its way
    if (this.wished && isWished) await this.revisit();
    else await this.go(last ?? 0);
    return true;
  }

  /** Show a step that was chosen in a list of such, and its maps, which lie off the screen where panes are stacked. */
  choose(i) {
    const maps = find(this.root, '.fx-maps');
    const { top, bottom } = maps.getBoundingClientRect();
    const isStacked = find(this.root, '.fx-list').getBoundingClientRect().top >= bottom;
    if (isStacked && (top < 0 || top > innerHeight / 2)) maps.scrollIntoView({ behavior: gently() });
    return this.go(i);
  }

  /** Show step i, and in it the unit that stands where the one at the pointer stands; a held one stays held anyway. */
  async goWithPlace(i) {
    if (i === this.step) return;
    await this.go(i, this.going?.place ?? this.look.place()); // of a step on its way, the place that it goes to
  }

  /** Show step i: at once if its picture is at hand, else as soon as it has come.
   * @param {number} i
   * @param {any} [place] to look at there
   */
  async go(i, place = null) {
    const { trace } = this;
    if (!trace) return;
    const token = (this.going = { place });
    if (i !== this.step) this.look.leave();
    this.step = i;
    this.steps.mark(i);
    const step = trace.steps[i];
    const crop = trace.cropAt(step);
    const cutHere = crop?.step === step.name; // at a crop: the whole map with what is kept, or what it becomes
    const drawn = cutHere && this.cropView === 'whole' ? trace.step(crop.source) : step;
    let picture = trace.ready(drawn);
    this.root.classList.toggle('fx-fetching', !picture); // off, too, if a step on its way was left for one at hand
    if (!picture) {
      picture = await trace.map(drawn).catch((error) => this.going === token && this.stage.say(lost(error)));
      if (this.going !== token) return;
      this.root.classList.remove('fx-fetching');
      if (!picture) return;
    }
    this.#show(step, drawn, crop, picture);
    token.place = null;
    if (place && !this.look.anchor) this.look.lookAt(place);
    for (let d = 1; d <= AHEAD; d++) {
      trace.prefetch(trace.steps[i + d]);
      trace.prefetch(trace.steps[i - d]);
    }
    this.stage.onSettle();
  }

  #show(step, drawn, crop, picture) {
    const { root, trace, words } = this;
    root.classList.add('fx-traced');
    this.output.follow(step);
    this.look.show(trace, step, drawn, picture, crop, this.output.margin(step));
    Object.assign(find(root, '.fx-step-name'), { textContent: step.name, title: nameText(trace, step, words) });
    find(root, '.fx-words').textContent = sentence(trace, step, words);
    find(root, '.fx-cropview').classList.toggle('fx-absent', crop?.step !== step.name);
    showChips(root, trace, step, words);
    showCrop(root, trace, step, crop, words);
    this.figure.mark(step.name);
    root.dataset.step = step.name;
    if (crop?.step === step.name) this.hints.say('crop');
  }
}
