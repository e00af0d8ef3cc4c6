/** The unit that is held: its value, the arithmetic that makes it, and what of the input moves it. */

import { painted, ramp } from '../colour.js';
import { asText, full } from './readout.js';
import { decode, fetchFile } from '../files.js';

const SHARES = 6; // input channels listed
const TERMS = 4; // single products listed

export class Held {
  constructor(root, { asker, resolve, heat, onHeat, onClose, onShares, onValue }) {
    Object.assign(this, { root, asker, resolve, heat, onHeat, onShares, onValue });
    this.box = root.querySelector('.fx-held');
    this.box.querySelector('button').addEventListener('click', onClose);
    const jump = root.querySelector('.fx-to-held'); // where the panes are stacked, the panel lies below the screen
    jump.addEventListener('click', () => this.box.scrollIntoView({ block: 'center' }));
    new IntersectionObserver(([{ isIntersecting }]) => (jump.hidden = isIntersecting)).observe(this.box);
    this.unit = null;
  }

  /** Hold unit {channel, row, column} of a step; `field` is its receptive field in input pixels, or null. */
  show(trace, step, unit, field, words) {
    this.answer = { trace, step, unit, field, pieces: {} };
    this.unit = unit;
    this.root.classList.add('fx-holding');
    this.onHeat(null);
    this.write(words);
    const question = { what: 'unit', run: trace.file, step: step.name, ...unit };
    this.asker.ask(question, (piece) => this.#take(piece, words));
  }

  /** The maps were drawn anew: the most contributing channel of each source is shown once more. */
  again() {
    const [most] = this.answer?.pieces.arithmetic?.shares ?? [];
    if (most) this.onShares(most.source, most.channel);
  }

  /** The value of a unit of a step as the network has it; null for any but the held one, and until it has come. */
  valueOf(step, { channel, row, column }) {
    const { unit, answer } = this;
    const same = unit && answer.step === step && unit.channel === channel && unit.row === row && unit.column === column;
    return same ? (answer.pieces.arithmetic?.value ?? null) : null;
  }

  release() {
    if (!this.unit) return;
    this.asker.forget('unit');
    this.unit = this.answer = null;
    this.root.classList.remove('fx-holding');
    this.onHeat(null);
  }

  async #take(piece, words) {
    const { answer } = this;
    if (!answer) return;
    answer.pieces = piece.kind === 'error' ? { ...answer.pieces, error: piece } : piece;
    this.write(this.words ?? words);
    this.onValue();
    const [most] = piece.arithmetic?.shares ?? [];
    if (most) this.onShares(most.source, most.channel);
    const { file, box, core } = piece.field ?? {};
    if (!file) return;
    try {
      const image = await decode(await (await fetchFile(this.resolve(file))).blob());
      if (this.answer === answer) this.onHeat({ canvas: this.#paint(image), box, core });
    } catch (error) {
      console.warn(error);
      answer.pieces.error = { code: 'connection' };
      this.write(this.words ?? words);
    }
  }

  /** Square roots of magnitudes as colours; what hardly matters lets the image through. */
  #paint({ data, width, height }) {
    const seen = this.heat.map((colour, code) => (colour & 0xffffff) | (Math.min(255, Math.round(code * 1.3)) << 24));
    return painted(width, height, (i) => seen[data[4 * i]]);
  }

  /** Write what is known so far, in these words. */
  write(words) {
    this.words = words;
    if (!this.answer) return;
    const { step, unit, field, pieces } = this.answer;
    this.box.querySelector('h3').textContent = words.t('held.title', { step: step.name, ...asText(unit) });
    const lines = [];
    const { arithmetic: sum, field: effective, error } = pieces;
    const [how, ...details] = sum ? arithmetic(sum, step, words) : [];
    if (sum) lines.push(['b', words.t('held.value', { value: full(sum.value, words) })], how);
    if (effective) {
      lines.push(['p', effectiveText(effective, field, words)]);
      if (!effective.silent) lines.push(['ramp', { table: this.heat, text: words.t('held.heat') }]);
    } else if (!error) lines.push(['p', words.t('held.computing')]);
    if (error) lines.push(['p', words.t(`error.${error.code}`)]);
    this.box.querySelector('div').replaceChildren(...[...lines, ...details].map(element));
  }
}

/** Lines [tag, text or parts] for a sum, a maximum or a value handed on; the first says it in a sentence. */
function arithmetic(sum, step, words) {
  const number = (value) => full(value, words);
  const value = number(sum.value);
  const out = [];
  const [first] = sum.terms;
  const at = (term) => ({ source: term.source === 'image' ? 'input' : term.source, ...asText({ channel: term.channel, row: term.row, column: term.column }) });
  if (sum.kind === 'copy') return [...out, ['p', words.t(step.op === 'relu' ? 'held.relu' : 'held.copy', { value: number(first.value), ...at(first) })]];
  if (sum.kind === 'max') return [...out, ['p', words.t('held.max', { count: sum.count, ...at(first) })]];
  if (step.op === 'add') {
    const [a, b] = sum.terms;
    return [['p', words.t('held.summands', { a: number(a.value), source: a.source, b: number(b.value), other: b.source, value })]];
  }
  const products = sum.value - (sum.bias ?? 0);
  const values = { count: sum.count, products: number(products), bias: number(sum.bias ?? 0), value };
  out.push(['p', words.t(sum.bias === null ? 'held.sum.plain' : 'held.sum', values)]);
  if (sum.outside) out.push(['p', words.t('held.outside', { outside: sum.outside })]);
  if (sum.shares.length > 1) {
    const rows = sum.shares.slice(0, SHARES).map((share) => [`${share.source} · ${share.channel}`, share.sum]);
    const left = products - rows.reduce((total, [, part]) => total + part, 0);
    const others = sum.channels - rows.length;
    if (others > 0) rows.push([words.t('held.others', { others }), left]);
    const most = Math.max(...rows.map(([, part]) => Math.abs(part))) || 1; // many others may be more than any channel
    out.push(['p', words.t('held.shares')], ['bars', rows.map(([label, part]) => ({ label, value: number(part), length: part / most }))]);
  }
  if (first?.weight !== null && first?.weight !== undefined) {
    out.push(['p', words.t('held.terms')]);
    for (const term of sum.terms.slice(0, TERMS)) {
      const { value: x, weight } = term;
      out.push(['code', words.t('held.term', { weight: number(weight), value: number(x), product: number(weight * x), ...at(term) })]);
    }
  }
  return out;
}

function effectiveText(effective, field, words) {
  if (effective.silent) return words.t(field ? 'held.silent' : 'held.silent.padding');
  const size = (field[2] - field[0]) * (field[3] - field[1]);
  const share = words.percent(effective.most / size);
  const [top, left, bottom, right] = effective.core;
  return words.t('held.field', { tall: bottom - top, wide: right - left, most: effective.most, size, share, half: effective.half });
}

function heatRamp({ table, text }) {
  const line = document.createElement('p');
  line.className = 'fx-heat-ramp';
  line.append(ramp(Object.assign(document.createElement('canvas'), { width: 64 }), table), text);
  return line;
}

function element([tag, content]) {
  if (tag === 'ramp') return heatRamp(content);
  if (tag !== 'bars') return Object.assign(document.createElement(tag), { textContent: content });
  const list = document.createElement('ul');
  list.className = 'fx-shares';
  for (const { label, value, length } of content) {
    const item = document.createElement('li');
    const bar = document.createElement('i');
    bar.style.setProperty('--part', String(Math.abs(length)));
    bar.className = length < 0 ? 'fx-negative' : '';
    const name = Object.assign(document.createElement('span'), { textContent: label });
    item.append(name, bar, Object.assign(document.createElement('b'), { textContent: value }));
    list.append(item);
  }
  return list;
}
