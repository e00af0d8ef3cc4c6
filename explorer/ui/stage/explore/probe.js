/** Probing a run: maps taken out, scaled or swapped with another image's, the difference from another run, a brush. */

import { fill, find, make, makeButton, on } from '../dom.js';
import { comparable } from '../selection.js';
import { Brush } from './brush.js';

const WAYS = ['zero', 'scale', 'swap'];

/** The parts of a selection's alterations: {step, channel | null, factor | null, image | ''}.
 * @param {string} text
 */
export function parts(text) {
  return text.split(';').filter(Boolean).map((part) => {
    const [, step, channel, factor, image = ''] = /^(\w+)(?::(\d+))?(?:\*([-\d.]+)|=(.+))$/.exec(part) ?? [];
    return { step, channel: channel ?? null, factor: factor ?? null, image };
  });
}

/** One part as it stands in a selection. */
export function written({ step, channel, factor, image }) {
  return `${step}${channel === null ? '' : `:${channel}`}${image ? `=${image}` : `*${factor}`}`;
}

export class Probe {
  /** @param {HTMLElement} root @param {any} stage @param {() => any} look what is looked at: {trace, step, channel} */
  constructor(root, stage, look) {
    this.root = root;
    this.stage = stage;
    this.look = look;
    this.words = stage.words;
    this.dialog = find(root, '.fx-probe');
    this.button = find(root, '.fx-probe-open');
    this.brush = new Brush(root);
    const part = (name) => find(root, `.fx-probe-${name}`);
    this.fields = Object.fromEntries(['step', 'channel', 'how', 'factor', 'image', 'against'].map((n) => [n, part(n)]));
    on(this.button, 'click', () => this.open());
    on(this.fields.step, 'change', () => this.#channels(null));
    on(this.fields.how, 'change', () => this.#ways());
    on(part('add'), 'click', () => this.#add());
    on(this.fields.against, 'change', ({ target }) => this.#change({ against: target.value }));
    on(find(root, '.fx-brush-use'), 'click', () => this.#use());
  }

  get selection() {
    return this.stage.selection();
  }

  /** Say on the button whether the run is probed. */
  write() {
    const { altered, against } = this.selection;
    const count = parts(altered).length;
    const key = against ? 'probe.difference' : count ? 'probe.changed' : 'probe.open';
    this.button.textContent = this.words.t(key, { count });
    this.button.classList.toggle('fx-probing', Boolean(altered || against));
    if (this.dialog.open) this.#show();
  }

  open() {
    const { trace } = this.look();
    if (!trace) return;
    this.#show();
    this.dialog.showModal();
    const image = new Image();
    on(image, 'load', () => this.brush.load(image));
    image.crossOrigin = 'anonymous';
    image.src = this.stage.resolve(trace.pictures.resized);
  }

  #show() {
    const { words, fields } = this;
    const { trace, step, channel } = this.look();
    fill(fields.step, trace.steps.filter(({ maps }) => !maps.labels).map(({ name }) => [name, name]), step);
    this.#channels(channel);
    fill(fields.how, WAYS.map((way) => [way, words.t(`probe.how.${way}`)]), fields.how.value || WAYS[0]);
    const examples = this.stage.catalog.examples.map(({ file, title }) => [file, words.of(title)]);
    fill(fields.image, examples, fields.image.value);
    this.#runs(examples);
    this.#ways();
    this.#list();
  }

  /** The runs that there are to take the difference from. @param {string[][]} examples */
  #runs(examples) {
    const { words, fields } = this;
    const { cards } = this.stage.catalog;
    const { against, altered, image, checkpoint } = this.selection;
    const others = examples.filter(([file]) => file !== image);
    const title = (name) => words.of(cards.find((card) => card.name === name).title);
    const isOn = (name) => name !== checkpoint || against === `@${name}`;
    const names = comparable(this.stage.catalog, this.selection).filter(isOn);
    const weights = names.map((name) => [`@${name}`, title(name)]);
    const known = ['', 'plain', ...[...others, ...weights].map(([value]) => value)];
    const single = [
      ['', words.t('probe.against.none')],
      ['plain', words.t(altered ? 'probe.against.unchanged' : 'probe.against.itself')],
      ...(known.includes(against) ? [] : [[against, words.t('probe.against.before')]]),
    ];
    const groups = [['probe.against.weights', weights], ['probe.against.image', others]];
    const filled = groups.filter(([, runs]) => runs.length).map(([key, runs]) => [words.t(key), runs]);
    fill(fields.against, [...single, ...filled], against);
  }

  #channels(chosen) {
    const { trace } = this.look();
    const step = trace.steps[trace.index.get(this.fields.step.value)];
    const numbers = Array.from({ length: step.shape[0] }, (_, c) => [String(c), String(c)]);
    const all = ['', this.words.t('probe.channel.all')];
    fill(this.fields.channel, [all, ...numbers], chosen === null ? '' : String(chosen));
  }

  #ways() {
    const { how } = this.fields;
    find(this.root, '.fx-probe-by').hidden = how.value !== 'scale';
    find(this.root, '.fx-probe-from').hidden = how.value !== 'swap';
  }

  #list() {
    const { words } = this;
    const found = parts(this.selection.altered);
    const items = found.map((one, i) => {
      const key = `note.altered.${one.image ? 'swap' : 'scale'}${one.channel === null ? '' : '.channel'}`;
      const example = this.stage.catalog.examples.find(({ file }) => file === one.image);
      const filled = { ...one, image: example ? words.of(example.title) : one.image };
      const remove = makeButton({ title: words.t('probe.remove'), 'aria-label': words.t('probe.remove') }, '×');
      on(remove, 'click', () => this.#alter(found.filter((_, other) => other !== i)));
      return make('li', {}, words.t(key, filled), remove);
    });
    find(this.root, '.fx-probe-list').replaceChildren(...items);
  }

  #add() {
    const { step, channel, how, factor, image } = this.fields;
    const made = { step: step.value, channel: channel.value === '' ? null : channel.value, factor: '0', image: '' };
    if (how.value === 'scale') {
      if (factor.value === '' || !factor.checkValidity()) return;
      made.factor = String(Number(Number(factor.value).toFixed(6)));
    } else if (how.value === 'swap') made.image = image.value;
    this.#alter([...parts(this.selection.altered), made]);
  }

  #alter(found) {
    const altered = found.map(written).join(';');
    const { against } = this.selection;
    this.#change({ altered, against: altered || against !== 'plain' ? against : '' });
  }

  #change(change) {
    this.stage.change(change);
    this.#show();
  }

  /** Run the image as the brush left it, beside the one before if a difference is looked at. */
  async #use() {
    const file = await this.brush.file(this.words.t('brush.name'));
    find(this.root, '.fx-brush-said').textContent = file ? '' : this.words.t('brush.unchanged');
    if (!file) return;
    this.dialog.close();
    this.stage.onEdited(file, this.selection.image);
  }
}
