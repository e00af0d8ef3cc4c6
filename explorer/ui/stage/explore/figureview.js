/** The dialog with the paper's figure of the network shown: boxes lead to steps, numbers open their derivation. */

import { draw, find, make, on } from '../dom.js';
import { operationName, stacks } from '../operations.js';
import { channelsOf, derivation } from './derive.js';
import { figure } from './figure.js';

const KINDS = ['conv', 'conv1', 'copy', 'pool', 'up'];

export class FigureView {
  constructor(root, { onStep }) {
    this.dialog = find(root, '.fx-figure');
    this.svg = find(this.dialog, 'svg');
    this.lines = find(this.dialog, '.fx-derivation');
    on(find(root, '.fx-figure-open'), 'click', () => this.open());
    const act = (event) => {
      const number = event.target.closest('[data-number]');
      if (number) return this.#derive(number);
      const box = event.target.closest('[data-step]');
      if (!box) return;
      this.dialog.close();
      onStep(box.dataset.step);
    };
    on(this.svg, 'click', act);
    on(this.svg, 'keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      act(event);
    });
  }

  load(trace, words) {
    this.trace = trace;
    this.words = words;
    if (this.dialog.open) this.draw();
  }

  mark(name) {
    this.at = name;
  }

  open() {
    this.draw();
    this.dialog.showModal();
    this.#scrollToStep();
  }

  /** Where the figure is wider than the screen: the step shown in its middle. */
  #scrollToStep() {
    const sheet = this.svg.parentNode;
    sheet.scrollLeft = 0;
    const step = this.svg.querySelector('[aria-current]')?.getBoundingClientRect();
    if (step)
      sheet.scrollLeft = step.left + step.width / 2 - sheet.getBoundingClientRect().left - sheet.clientWidth / 2;
  }

  draw() {
    const { trace, words, svg } = this;
    const plan = figure(trace);
    const unet = stacks(trace);
    find(this.dialog, 'h2').textContent = words.t(unet ? 'figure.unet' : 'figure.fcn', { title: trace.title });
    svg.setAttribute('viewBox', `0 0 ${Math.ceil(plan.width)} ${Math.ceil(plan.height)}`);
    svg.style.setProperty('--high', `${Math.ceil(plan.height)}px`);
    svg.replaceChildren(
      arrowHeads(),
      ...plan.arrows.map((arrow) => this.#arrow(arrow)),
      ...plan.boxes.flatMap((box) => this.#box(box))
    );
    this.lines.replaceChildren();
    this.#say(words.t('figure.hint'));
    const legend = KINDS.filter((kind) => plan.arrows.some((arrow) => arrow.kind === kind));
    if (plan.boxes.some(({ thin }) => thin)) legend.unshift('thin');
    const said = (kind) => (unet ? words.t(`figure.unet.${kind}`) : words.t(`figure.fcn.${kind}`));
    find(this.dialog, '.fx-figure-legend').replaceChildren(
      ...legend.map((kind) => make('li', {}, make('i', { className: `fx-arrow-${kind}` }), said(kind)))
    );
  }

  /** @param {import('./figure.js').Arrow} arrow */
  #arrow({ kind, step, factor, points: [x1, y1, x2, y2] }) {
    const d = `M${x1} ${y1}L${x2} ${y2}`;
    /** @type {SVGElement[]} */
    const parts = [
      draw('path', { class: `fx-arrow fx-arrow-${kind}`, d, 'marker-end': `url(#fx-head-${kind})` }),
      draw('path', { class: 'fx-arrow-hit', d }), draw('title', {}, step.name),
    ];
    if (factor) {
      const upright = x1 === x2;
      const at = { x: (x1 + x2) / 2 + (upright ? 16 : 0), y: (y1 + y2) / 2 + (upright ? 4 : -6) };
      parts.push(draw('text', { class: 'fx-factor', ...at }, `×${factor}`));
    }
    return this.#group(step, parts);
  }

  /** What leads to a step. */
  #group(step, parts) {
    const said = `${step.name}, ${operationName(step, this.words)}`;
    return draw('g', { role: 'button', tabindex: 0, 'aria-label': said, 'data-step': step.name }, ...parts);
  }

  #box(box) {
    const { step, x, y, width, height, thin, grid } = box;
    const group = this.#group(step, [...this.#drawn(box), draw('title', {}, step.name)]);
    if (step.name === this.at) group.setAttribute('aria-current', 'step');
    const [channels, rows, columns] = step.shape;
    const middle = x + width / 2;
    const upright = { transform: `translate(${middle + 3} ${y - 5}) rotate(-90)`, class: 'fx-number fx-upright' };
    const above = thin ? upright : { x: middle, y: y - 5 };
    const count = this.#number(step, 'channels', String(channels), above);
    if (thin) return [group, count];
    const size = this.#number(step, 'size', `${rows} × ${columns}`, { x: middle, y: y + height + (grid ? 25 : 13) });
    if (!grid) return [group, count, size];
    return [group, draw('text', { class: 'fx-name', x: middle, y: y + height + 12 }, step.name), count, size];
  }

  /** A box, and what of it is pasted, kept by a crop, or a unit. */
  #drawn({ x, y, width, height, path, pasted, grid, kept }) {
    /** @type {SVGElement[]} */
    const parts = [draw('rect', { class: `fx-box fx-${path}`, x, y, width, height })];
    if (pasted) parts.push(draw('rect', { class: 'fx-box fx-pasted', x, y, width: width * pasted, height }));
    if (grid) parts.push(draw('path', { class: 'fx-cells', d: cells({ x, y, width, height, grid }) }));
    if (kept) {
      const [top, left, tall, wide] = kept;
      const place = { x: x + left * width, y: y + top * height, width: wide * width, height: tall * height };
      parts.push(draw('rect', { class: 'fx-kept', ...place }));
    }
    return parts;
  }

  #number(step, number, text, place) {
    const key = number === 'channels' ? 'figure.channels' : 'figure.size';
    const said = this.words.t(key, { value: text, step: step.name });
    const about = { 'aria-label': said, 'data-number': number, 'data-of': step.name };
    return draw('text', { class: 'fx-number', role: 'button', tabindex: 0, ...about, ...place }, text);
  }

  /** Write where a number comes from. */
  #derive(node) {
    const { trace, words } = this;
    this.svg.querySelector('.fx-chosen')?.classList.remove('fx-chosen');
    node.classList.add('fx-chosen');
    const step = trace.step(node.dataset.of);
    if (node.dataset.number === 'channels') {
      this.lines.replaceChildren();
      return this.#say(channelsOf(trace, step, words));
    }
    /** @type {(1 | 2)[]} */
    const axes = step.shape[1] === step.shape[2] ? [1] : [1, 2];
    this.#say(words.t('figure.derivation', { size: `${step.shape[1]} × ${step.shape[2]}`, step: step.name }));
    const item = ({ step: { name }, formula }) => make('li', {}, make('code', {}, formula), make('small', {}, name));
    const list = (axis) => make('ol', {}, ...derivation(trace, step, axis, words).map(item));
    this.lines.replaceChildren(...axes.map(list));
    this.lines.scrollTop = 0;
  }

  #say(text) {
    find(this.dialog, '.fx-figure-said').textContent = text;
  }
}

/** Lines between the units of a grid. */
function cells({ x, y, width, height, grid }) {
  let d = '';
  for (let at = grid; at < width - 0.5; at += grid) d += `M${x + at} ${y}v${height}`;
  for (let at = grid; at < height - 0.5; at += grid) d += `M${x} ${y + at}h${width}`;
  return d;
}

function arrowHeads() {
  const size = { markerWidth: 7, markerHeight: 7, markerUnits: 'userSpaceOnUse', orient: 'auto' };
  const heads = KINDS.map((kind) => {
    const head = draw('path', { class: `fx-head-${kind}`, d: 'M0 0L8 4L0 8z' });
    return draw('marker', { id: `fx-head-${kind}`, viewBox: '0 0 8 8', refX: 7, refY: 4, ...size }, head);
  });
  return draw('defs', {}, ...heads);
}
