/** The right pane: the image in one of its frames, what is laid over it, and what the network says of each pixel. */

import { fill, find, make, on, onButton } from '../dom.js';
import { radios } from '../bar.js';
import { painted, ramp } from '../colour.js';
import { decode, lost } from '../files.js';
import { stored } from '../preferences.js';
import { aboutWeights, showFacts } from './facts.js';
import { showLegend } from './panels.js';
import { Picture, firstBytes } from './picture.js';
import { Probabilities, entropyOf } from './probabilities.js';
import { labelText, pixelText } from './readout.js';
import { changeText, changes, nothing, pairAt, sharesOf, stageAt, stageText } from './stages.js';

const KINDS = ['prediction', 'stage', 'changes', 'confidence', 'entropy'];
const BARS = 5; // classes with a bar of their own

export class Output {
  /** @type {Picture} */ picture;
  /** @type {Probabilities} */ probabilities;
  /** @type {Page.Trace} */ trace;
  /** @type {(Promise<ArrayLike<number>> | null)[]} labels by stage, as they are fetched */ coded;

  /** `cardOf` finds a run's card; `say` tells the person of an error. */
  constructor(root, colours, { words, cardOf, say, turn, onSettle, onChances }) {
    this.root = root;
    this.colours = colours;
    this.words = words;
    this.cardOf = cardOf;
    this.say = say;
    this.onChances = onChances;
    this.turn = turn;
    this.kind = KINDS.find((kind) => kind === stored('overlay')) ?? 'prediction';
    this.stage = -1; // that the step shown has reached
    /** @type {{codes: ArrayLike<number>, shares: number[], text: string, of: ArrayLike<number>[]} | null} */
    this.laid = null; // of a prediction on the way; `of` are the labels that are looked at
    this.picture = new Picture(root, { onPixel: (pixel) => this.name(pixel) });
    this.kinds = on(find(root, '.fx-shown select'), 'change', ({ target }) => {
      this.kind = target.value;
      stored('overlay', this.kind);
      this.#overlay();
      onSettle();
    });
    const show = (frame) => {
      this.picture.use(frame).catch((error) => say(lost(error)));
      this.#sizeOfFrame();
    };
    radios(find(root, '.fx-frame'), 'frame', show, this.picture.frame);
    aboutWeights(root);
    on(find(root, '.fx-opacity input'), 'input', ({ target }) => {
      this.picture.opacity = target.value / 100;
      this.#writeShares();
      this.picture.draw();
    });
    on(find(root, '.fx-margin'), 'click', () => {
      this.wantsMargin = !this.picture.margin;
      this.picture.show(this.picture.crop, this.margin(this.step));
    });
    onButton(find(root, '.fx-legend'), ({ index }) => {
      this.picture.showOnly(this.picture.only === Number(index) ? null : Number(index));
      this.#overlay();
    });
  }

  /** Take a run; `pictures` as fetched by the picture. */
  load(trace, pictures) {
    this.trace = trace;
    this.probabilities = new Probabilities(trace);
    this.coded = [];
    this.stage = -1;
    this.laid = this.pixel = null;
    this.picture.load(trace, pictures);
    this.#overlay();
    this.name(null);
    this.write();
  }

  /** Show something else over the picture; '' is what this browser is used to. */
  use(kind) {
    const wanted = KINDS.includes(kind) ? kind : KINDS.find((one) => one === stored('overlay')) ?? 'prediction';
    if (wanted === this.kind) return;
    this.kind = wanted;
    this.write();
    this.#overlay();
  }

  /** A step is shown: a prediction on the way follows it. */
  follow(step) {
    const stage = stageAt(this.trace, step);
    if (stage === this.stage) return;
    this.stage = stage;
    if (this.#isOnTheWay()) this.#overlay();
  }

  /** What is laid over this network's image: with one score layer there is nothing to compare. */
  get #shown() {
    return this.kind === 'changes' && this.trace.stages.length < 2 ? 'stage' : this.kind;
  }

  #isOnTheWay() {
    return this.#shown === 'stage' || this.#shown === 'changes';
  }

  write() {
    const { root, trace, words } = this;
    this.#writeShares();
    if (!trace) return;
    const alone = trace.stages.length < 2;
    const kinds = KINDS.filter((kind) => !alone || kind !== 'changes');
    const said = (kind) => words.t(alone && kind === 'stage' ? 'picture.shown.stage.only' : `picture.shown.${kind}`);
    fill(this.kinds, kinds.map((kind) => [kind, said(kind)]), this.#shown);
    if (this.laid) this.#overlay(); // in these words
    else this.#legend();
    showFacts(root, trace, this.cardOf(trace), words, this.turn(trace.selection.image));
    this.#sizeOfFrame();
  }

  /** Opacity and the ramp's ends, as this language writes them. */
  #writeShares() {
    find(this.root, '.fx-opacity output').textContent = this.words.percent(this.picture.opacity);
    [...this.root.querySelectorAll('.fx-opacity .fx-ramp b')].forEach(
      (end, share) => (end.textContent = this.words.percent(share))
    );
  }

  /** The colour map was changed: confidence and entropy follow it. */
  recolour() {
    if (this.trace && (this.kind === 'confidence' || this.kind === 'entropy')) this.#overlay();
  }

  /** Whether all of the margin of zeros is shown: where a person wants it. */
  margin(step) {
    this.step = step;
    const { trace, picture, root } = this;
    const button = find(root, '.fx-margin');
    button.hidden = !trace.margin || picture.frame !== 'network';
    const margin = Boolean(trace.margin && this.wantsMargin);
    button.setAttribute('aria-pressed', String(margin));
    return margin;
  }

  #legend() {
    const { classes } = this.trace;
    const shares = this.laid?.shares ?? this.trace.shares;
    showLegend(this.root, { classes, shares }, this.picture.only, this.words);
    const ofAll = this.kind === 'entropy'; // no class has its own
    for (const button of this.root.querySelectorAll('.fx-legend button')) button.disabled = ofAll;
  }

  #sizeOfFrame() {
    if (!this.trace) return;
    const [height, width] = this.trace.frames[this.picture.frame];
    find(this.root, '.fx-frame-size').textContent = `${height} × ${width}`;
    if (this.step) this.margin(this.step);
  }

  /** Lay over the image what is chosen. */
  async #overlay() {
    const kind = this.#shown;
    const mine = (this.laying = {});
    const bar = find(this.root, '.fx-ramp');
    if (kind === 'confidence' || kind === 'entropy') return this.#chances(kind, mine);
    bar.hidden = true;
    const laid = this.#isOnTheWay() ? await this.#onTheWay(kind).catch((error) => this.say(lost(error))) : null;
    if (this.laying !== mine || laid === undefined) return;
    this.picture.lay('scalar', null);
    this.#lay(laid, kind === 'changes');
  }

  /** Labels over the image, their legend and what is said of them; null is the prediction. */
  #lay(laid, dimmed = false) {
    const { picture } = this;
    const codes = laid?.codes ?? picture.labels.codes;
    if (picture.laid.codes !== codes) picture.layLabels(codes, dimmed && this.stage >= 0);
    this.laid = laid;
    this.#legend();
    this.name(this.pixel);
  }

  /** The prediction at the stage that is reached, or what changes from it to the next. */
  async #onTheWay(kind) {
    const { trace, stage, words } = this;
    const { width, height } = this.picture.labels;
    const whole = (codes, text, of) => ({ codes, text, of, shares: sharesOf(codes, trace.classes.length) });
    if (stage < 0) return whole(nothing(width * height), stageText(trace, stage, words), []);
    if (kind === 'stage') {
      const codes = await this.#codes(stage);
      return whole(codes, stageText(trace, stage, words), [codes]);
    }
    const pair = pairAt(trace, stage);
    const [before, after] = await Promise.all(pair.map((one) => this.#codes(one)));
    const codes = changes(before, after);
    return whole(codes, changeText(trace, pair, codes, words), [before, after]);
  }

  /** The labels at a stage; fetched once. */
  #codes(stage) {
    const { trace, coded } = this;
    const fetch = async () => firstBytes(await decode(await trace.blob(trace.stages[stage].labels)));
    if (stage === trace.stages.length - 1) return this.picture.labels.codes;
    coded[stage] ??= fetch().catch((error) => {
      coded[stage] = null; // may be tried again
      throw error;
    });
    return coded[stage];
  }

  /** Confidence or entropy over the image. */
  async #chances(kind, mine) {
    const { picture, probabilities } = this;
    const bar = find(this.root, '.fx-ramp');
    if (!(await this.#fetched()) || this.laying !== mine) return;
    this.#lay(null);
    const shares = kind === 'entropy' ? probabilities.entropy() : probabilities.confidence(picture.only);
    const { width, height, values } = shares;
    const table = this.colours.sequential;
    const canvas = painted(width, height, (i) => table[Math.round(values[i] * 255)]);
    picture.lay('scalar', { canvas, reduction: probabilities.sheet.reduction });
    ramp(find(bar, 'canvas'), table);
    bar.hidden = false; // not before: until the values have come, the picture still shows the classes
  }

  async #fetched() {
    const { probabilities } = this;
    await probabilities.load().catch((error) => this.say(lost(error)));
    return Boolean(probabilities.codes) && this.probabilities === probabilities;
  }

  /** The class of a pixel of the picture, and how probable each class is there. */
  name(pixel) {
    const { root, trace, words, picture, probabilities, laid } = this;
    this.pixel = pixel;
    const at = { trace, pixel, frame: picture.frame, words };
    const under = find(root, '.fx-under');
    if (!laid) under.textContent = pixelText(at);
    else under.textContent = pixel ? labelText({ ...at, width: picture.labels.width, of: laid.of }) : laid.text;
    under.title = laid && !pixel ? laid.text : ''; // where there is no room for all of it
    const inside = Boolean(pixel && !pixel.border && !laid); // else the probabilities are of another prediction
    root.classList.toggle('fx-over-picture', inside);
    if (!inside) return;
    if (probabilities.codes) {
      this.#bars(probabilities.at(pixel.row, pixel.column));
      this.onChances();
    } else this.#fetched().then((there) => there && this.pixel === pixel && this.name(pixel));
  }

  #bars(found) {
    const { root, trace, words } = this;
    const list = find(root, '.fx-chances ul');
    while (list.children.length < BARS) list.append(chance());
    const percent = (share) => words.percent(share);
    [...list.children].forEach((item, i) => {
      const { index, share } = found[i] ?? {};
      item.hidden = index === undefined;
      if (item.hidden) return;
      const { name, colour } = trace.classes[index];
      const [label, stripe, value] = item.children;
      label.textContent = words.of(name);
      stripe.style.setProperty('--part', String(share));
      stripe.style.background = `rgb(${colour})`;
      value.textContent = percent(share);
    });
    const rest = found.slice(BARS).reduce((sum, { share }) => sum + share, 0);
    const values = {
      classes: Math.max(0, found.length - BARS), rest: percent(rest),
      entropy: percent(entropyOf(found.map(({ share }) => share))),
    };
    const { reduction } = this.probabilities.sheet;
    find(root, '.fx-chances p').textContent =
      words.t(found.length > BARS ? 'chances.rest' : 'chances.entropy', values) +
      (reduction > 1 ? ` ${words.t('chances.reduced', { reduction })}` : '');
  }
}

function chance() {
  return make('li', {}, make('span'), make('i'), make('b'));
}
