/** The right pane: the image in one of its frames, what is laid over it, and what the network says of each pixel. */

import { fill, find, make, on, onButton } from '../dom.js';
import { radios } from '../bar.js';
import { painted, ramp } from '../colour.js';
import { lost } from '../files.js';
import { aboutWeights, showFacts } from './facts.js';
import { showLegend } from './panels.js';
import { Picture } from './picture.js';
import { Probabilities, entropyOf } from './probabilities.js';
import { pixelText } from './readout.js';

const KINDS = ['prediction', 'confidence', 'entropy'];
const BARS = 5; // classes with a bar of their own

export class Output {
  /** @type {Picture} */ picture;
  /** @type {Probabilities} */ probabilities;
  /** @type {Page.Trace} */ trace;

  /** `cardOf` finds a run's card; `say` tells the person of an error. */
  constructor(root, colours, { words, cardOf, say }) {
    this.root = root;
    this.colours = colours;
    this.words = words;
    this.cardOf = cardOf;
    this.say = say;
    this.kind = 'prediction';
    this.picture = new Picture(root, { onPixel: (pixel) => this.name(pixel) });
    this.kinds = on(find(root, '.fx-shown select'), 'change', ({ target }) => {
      this.kind = target.value;
      this.#overlay();
      this.#legend();
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
      this.#legend();
    });
  }

  /** Take a run; `pictures` as fetched by the picture. */
  load(trace, pictures) {
    this.trace = trace;
    this.probabilities = new Probabilities(trace);
    this.picture.load(trace, pictures);
    this.#overlay();
    this.name(null);
    this.write();
  }

  write() {
    const { root, trace, words } = this;
    this.#writeShares();
    if (!trace) return;
    fill(this.kinds, KINDS.map((kind) => [kind, words.t(`picture.shown.${kind}`)]), this.kind);
    this.#legend();
    showFacts(root, trace, this.cardOf(trace), words);
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
    if (this.kind !== 'prediction' && this.trace) this.#overlay();
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
    showLegend(this.root, this.trace, this.picture.only, this.words);
    const ofAll = this.kind === 'entropy'; // no class has its own
    for (const button of this.root.querySelectorAll('.fx-legend button')) button.disabled = ofAll;
  }

  #sizeOfFrame() {
    if (!this.trace) return;
    const [height, width] = this.trace.frames[this.picture.frame];
    find(this.root, '.fx-frame-size').textContent = `${height} × ${width}`;
    if (this.step) this.margin(this.step);
  }

  /** Prediction, confidence or entropy over the image. */
  async #overlay() {
    const { kind, picture, probabilities } = this;
    const bar = find(this.root, '.fx-ramp');
    if (kind === 'prediction') {
      bar.hidden = true;
      return picture.lay('scalar', null);
    }
    if (!(await this.#fetched())) return;
    if (this.kind !== kind || this.probabilities !== probabilities) return;
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
    const { root, trace, words, picture, probabilities } = this;
    this.pixel = pixel;
    find(root, '.fx-under').textContent = pixelText({ trace, pixel, frame: picture.frame, words });
    const inside = Boolean(pixel && !pixel.border);
    root.classList.toggle('fx-over-picture', inside);
    if (!inside) return;
    if (probabilities.codes) this.#bars(probabilities.at(pixel.row, pixel.column));
    else this.#fetched().then((there) => there && this.pixel === pixel && this.name(pixel));
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
