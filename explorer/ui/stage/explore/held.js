/** The unit that is held: its value, the arithmetic that makes it, and what of the input moves it. */

import { find, make, on } from '../dom.js';
import { painted, ramp } from '../colour.js';
import { operation } from '../operations.js';
import { className, competition } from './choice.js';
import { asText, full } from './readout.js';
import { fetchPixels } from '../files.js';

const SHARES = 6; // input channels listed
const TERMS = 4; // single products listed
const SETTLED = 150; // ms at a step until its unit is asked about: who steps on does not wait for it

export class Held {
  /** @type {any} what is asked about the held unit, and what is known; null when none is held */ answer;

  /** `about` {asker, resolve, heat, onHeat, onClose, onShares, onValue}: what it asks by, and who is told. */
  constructor(root, about) {
    this.root = root;
    this.about = about;
    this.box = find(root, '.fx-held');
    on(find(this.box, 'button'), 'click', about.onClose);
    // where the panes are stacked, the panel lies below the screen
    const jump = on(find(root, '.fx-to-held'), 'click', () => this.box.scrollIntoView({ block: 'center' }));
    new IntersectionObserver(([{ isIntersecting }]) => (jump.hidden = isIntersecting)).observe(this.box);
    this.unit = null;
  }

  /** Hold `unit` {channel, row, column} of a step; `field` is its receptive field in input pixels, or null. `note`
   * {key, values} is said beside its arithmetic, and alone where it has no channel. */
  show({ trace, step, unit, field, note, isResumed }, words) {
    this.leave();
    this.answer = { trace, step, unit, field, note, pieces: {} };
    this.unit = unit;
    this.root.classList.add('fx-holding');
    this.write(words);
    if (unit.channel === null) return;
    const question = { what: 'unit', run: trace.file, step: step.name, ...unit };
    const ask = () => this.about.asker.ask(question, (piece) => this.#take(piece, words));
    if (isResumed) this.later = setTimeout(ask, SETTLED);
    else ask();
  }

  /** Say why nothing is marked here, though a unit is held: a text about the map `name`. */
  tell(name, key, words) {
    this.leave();
    this.answer = { step: { name }, unit: null, note: { key, values: { name } }, pieces: {} };
    this.write(words);
  }

  /** The maps were drawn anew: the most contributing channel of each source is shown once more. */
  again() {
    const { arithmetic: sum } = this.answer?.pieces ?? {};
    const [most] = (sum?.kind === 'argmax' ? sum.terms : sum?.shares) ?? [];
    if (most) this.about.onShares(most.source, most.channel);
  }

  /** The value of a unit of a step as the network has it; null for any but the held one, and until it has come. */
  valueOf(step, { channel, row, column }) {
    const { unit, answer } = this;
    const same = unit && answer.step === step && unit.channel === channel && unit.row === row && unit.column === column;
    return same ? (answer.pieces.arithmetic?.value ?? null) : null;
  }

  /** The step is left: what was known of its unit goes, the panel keeps its place. */
  leave() {
    clearTimeout(this.later);
    this.about.asker.forget('unit');
    this.unit = this.answer = null;
    this.about.onHeat(null);
  }

  release() {
    this.leave();
    this.root.classList.remove('fx-holding');
  }

  async #take(piece, words) {
    const { answer } = this;
    if (!answer) return;
    answer.pieces = piece.kind === 'error' ? { ...answer.pieces, error: piece } : piece;
    this.write(this.words ?? words);
    this.about.onValue();
    this.again();
    const { file, box, core } = piece.field ?? {};
    if (!file) return;
    const image = await fetchPixels(this.about.resolve(file)).catch(console.warn);
    if (image && this.answer === answer) this.about.onHeat({ canvas: this.#paint(image), box, core });
    if (image) return;
    answer.pieces.error = { code: 'connection' };
    this.write(this.words ?? words);
  }

  /** Square roots of magnitudes as colours; what hardly matters lets the image through. */
  #paint({ data, width, height }) {
    const alpha = (code) => Math.min(255, Math.round(code * 1.3));
    const seen = this.about.heat.map((colour, code) => (colour & 0xffffff) | (alpha(code) << 24));
    return painted(width, height, (i) => seen[data[4 * i]]);
  }

  /** Write what is known so far, in these words. */
  write(words) {
    this.words = words;
    if (!this.answer) return;
    const { step, unit, note } = this.answer;
    const isPlace = unit?.channel === null || operation(step).labels; // which have one channel
    const title = isPlace ? 'held.title.place' : 'held.title';
    find(this.box, 'h3').textContent = unit ? words.t(title, { step: step.name, ...asText(unit) }) : step.name;
    const about = note ? [said(words.t(note.key, note.values))] : [];
    const isAsked = unit !== null && unit.channel !== null;
    find(this.box, 'div').replaceChildren(...about, ...(isAsked ? known(this.answer, this.about.heat, words) : []));
  }
}

/** Elements for what is known so far of a unit: value, arithmetic, field. */
function known({ trace, step, field, pieces }, heat, words) {
  const { arithmetic: sum, field: effective, error } = pieces;
  const lines = [];
  const [how, ...details] = sum ? arithmetic(sum, step, trace, words) : [];
  const value = sum && full(sum.value, words);
  const named = operation(step).labels ? className : () => words.t('held.value', { value });
  if (sum) lines.push(make('b', {}, named(trace, sum.value, words)), how);
  if (effective) {
    lines.push(said(effectiveText(effective, field, words)));
    if (!effective.silent) lines.push(heatRamp(heat, words.t('held.heat')));
  } else if (!error) lines.push(said(words.t('held.computing')));
  if (error) lines.push(said(words.t(`error.${error.code}`)));
  return [...lines, ...details];
}

/** Elements for a sum, a maximum, a choice or a value handed on; the first says it in a sentence. */
function arithmetic(sum, step, trace, words) {
  if (sum.kind === 'argmax') return [competition(sum, trace, words)];
  const number = (value) => full(value, words);
  const [first] = sum.terms;
  if (sum.kind === 'copy') {
    const key = operation(step).copied ?? 'held.copy';
    return [said(words.t(key, { value: number(first.value), ...placeOf(first) }))];
  }
  if (sum.kind === 'max') return [said(words.t('held.max', { count: sum.count, ...placeOf(first) }))];
  const value = number(sum.value);
  if (operation(step).summands) {
    const [one, other] = step.reads.map((name) => sum.terms.find(({ source }) => source === name));
    const [a, b] = [one, other].map((term) => number(term.value));
    const values = { a, source: one.source, b: other.value < 0 ? `(${b})` : b, other: other.source, value };
    return [said(words.t('held.summands', values))];
  }
  const products = sum.value - (sum.bias ?? 0);
  const values = { count: sum.count, products: number(products), bias: number(sum.bias ?? 0), value };
  return [
    said(words.t(sum.bias === null ? 'held.sum.plain' : 'held.sum', values)),
    ...(sum.outside ? [said(words.t('held.outside', { outside: sum.outside }))] : []),
    ...shares(sum, products, words),
    ...terms(sum, words),
  ];
}

/** The input channels that contribute most, as bars. */
function shares({ shares: parts, channels }, products, words) {
  if (parts.length < 2) return [];
  const rows = parts.slice(0, SHARES).map(({ source, channel, sum }) => ({ label: `${source} · ${channel}`, sum }));
  const others = channels - rows.length;
  const left = products - rows.reduce((total, { sum }) => total + sum, 0);
  if (others > 0) rows.push({ label: words.t('held.others', { others }), sum: left });
  const most = Math.max(...rows.map(({ sum }) => Math.abs(sum))) || 1; // many others may be more than any channel
  const bars = rows.map(({ label, sum }) => {
    const bar = make('i', { style: `--part: ${Math.abs(sum / most)}`, className: sum < 0 ? 'fx-negative' : '' });
    return make('li', {}, make('span', {}, label), bar, make('b', {}, full(sum, words)));
  });
  return [said(words.t('held.shares')), make('ul', { className: 'fx-shares' }, ...bars)];
}

/** The single products that are largest. */
function terms({ terms: all }, words) {
  if (typeof all[0]?.weight !== 'number') return [];
  const lines = all.slice(0, TERMS).map((term) => {
    const [weight, value, product] = [term.weight, term.value, term.weight * term.value].map((v) => full(v, words));
    return make('code', {}, words.t('held.term', { weight, value, product, ...placeOf(term) }));
  });
  return [said(words.t('held.terms')), ...lines];
}

/** Where the value of a term is from. */
function placeOf({ source, channel, row, column }) {
  return { source: source === 'image' ? 'input' : source, ...asText({ channel, row, column }) };
}

function effectiveText(effective, field, words) {
  if (effective.silent) return words.t(field ? 'held.silent' : 'held.silent.padding');
  const size = (field[2] - field[0]) * (field[3] - field[1]);
  const share = words.percent(effective.most / size);
  const [top, left, bottom, right] = effective.core;
  const { most, half } = effective;
  return words.t('held.field', { tall: bottom - top, wide: right - left, most, size, share, half });
}

const said = (text) => make('p', {}, text);

function heatRamp(table, text) {
  return make('p', { className: 'fx-heat-ramp' }, ramp(make('canvas', { width: 64 }), table), text);
}
