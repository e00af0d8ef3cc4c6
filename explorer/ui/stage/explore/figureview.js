/** The dialog with the paper's figure of the network shown: boxes lead to steps, numbers open their derivation. */

import { channelsOf, derivation } from './derive.js';
import { figure } from './figure.js';

const NS = 'http://www.w3.org/2000/svg';
const KINDS = ['conv', 'conv1', 'copy', 'pool', 'up'];

export class FigureView {
  constructor(root, { onStep }) {
    this.dialog = root.querySelector('.fx-figure');
    this.svg = this.dialog.querySelector('svg');
    this.lines = this.dialog.querySelector('.fx-derivation');
    root.querySelector('.fx-figure-open').addEventListener('click', () => this.open());
    const act = (event) => {
      const number = event.target.closest('[data-number]');
      if (number) return this.#derive(number);
      const box = event.target.closest('[data-step]');
      if (!box) return;
      this.dialog.close();
      onStep(box.dataset.step);
    };
    this.svg.addEventListener('click', act);
    this.svg.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      act(event);
    });
  }

  load(trace, words) {
    Object.assign(this, { trace, words });
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
    if (step) sheet.scrollLeft = step.left + step.width / 2 - sheet.getBoundingClientRect().left - sheet.clientWidth / 2;
  }

  draw() {
    const { trace, words, svg } = this;
    const plan = figure(trace);
    const unet = trace.steps.some(({ op }) => op === 'concat');
    this.dialog.querySelector('h2').textContent = words.t(unet ? 'figure.unet' : 'figure.fcn', { title: trace.title });
    svg.setAttribute('viewBox', `0 0 ${Math.ceil(plan.width)} ${Math.ceil(plan.height)}`);
    svg.style.setProperty('--high', `${Math.ceil(plan.height)}px`);
    svg.replaceChildren(arrowHeads(), ...plan.arrows.map((arrow) => this.#arrow(arrow)), ...plan.boxes.flatMap((box) => this.#box(box)));
    this.lines.replaceChildren();
    this.#say(words.t('figure.hint'));
    const legend = KINDS.filter((kind) => plan.arrows.some((arrow) => arrow.kind === kind));
    if (plan.boxes.some(({ thin }) => thin)) legend.unshift('thin');
    this.dialog.querySelector('.fx-figure-legend').replaceChildren(
      ...legend.map((kind) => {
        const item = document.createElement('li');
        item.append(Object.assign(document.createElement('i'), { className: `fx-arrow-${kind}` }), unet ? words.t(`figure.unet.${kind}`) : words.t(`figure.fcn.${kind}`));
        return item;
      })
    );
  }

  #arrow({ kind, step, points: [x1, y1, x2, y2] }) {
    const { words } = this;
    const path = make('path', { class: `fx-arrow fx-arrow-${kind}`, d: `M${x1} ${y1}L${x2} ${y2}`, 'marker-end': `url(#fx-head-${kind})` });
    const wide = make('path', { class: 'fx-arrow-hit', d: `M${x1} ${y1}L${x2} ${y2}` });
    const group = make('g', { role: 'button', tabindex: '0', 'aria-label': `${step.name}, ${words.t(`op.${step.op}`)}` }, [path, wide]);
    group.dataset.step = step.name;
    group.append(make('title', {}, [document.createTextNode(step.name)]));
    if (step.op === 'bilinear') {
      const at = { class: 'fx-factor', x: (x1 + x2) / 2 + (x1 === x2 ? 16 : 0), y: (y1 + y2) / 2 + (x1 === x2 ? 4 : -6) };
      group.append(make('text', at, [document.createTextNode(`×${step.settings.stride[0]}`)]));
    }
    return group;
  }

  #box(box) {
    const { words } = this;
    const { step, x, y, width, height, role } = box;
    const parts = [make('rect', { class: `fx-box fx-${role}`, x, y, width, height })];
    if (box.pasted) parts.push(make('rect', { class: 'fx-box fx-pasted', x, y, width: width * box.pasted, height }));
    if (box.grid) parts.push(make('path', { class: 'fx-cells', d: cells(box) }));
    if (box.kept) {
      const [top, left, tall, wide] = box.kept;
      parts.push(make('rect', { class: 'fx-kept', x: x + left * width, y: y + top * height, width: wide * width, height: tall * height }));
    }
    const group = make('g', { role: 'button', tabindex: '0', 'aria-label': `${step.name}, ${words.t(`op.${step.op}`)}` }, parts);
    group.dataset.step = step.name;
    group.append(make('title', {}, [document.createTextNode(step.name)]));
    if (step.name === this.at) group.setAttribute('aria-current', 'step');
    const [channels, rows, columns] = step.shape;
    const middle = x + width / 2;
    const count = this.#number(step, 'channels', String(channels), box.thin ? { transform: `translate(${middle + 3} ${y - 5}) rotate(-90)`, class: 'fx-number fx-upright' } : { x: middle, y: y - 5 });
    if (box.thin) return [group, count];
    const size = this.#number(step, 'size', `${rows} × ${columns}`, { x: middle, y: y + height + (box.grid ? 25 : 13) });
    if (!box.grid) return [group, count, size];
    const label = make('text', { class: 'fx-name', x: middle, y: y + height + 12 }, [document.createTextNode(step.name)]);
    return [group, label, count, size];
  }

  #number(step, number, text, attributes) {
    const key = number === 'channels' ? 'figure.channels' : 'figure.size';
    const node = make('text', { class: 'fx-number', role: 'button', tabindex: '0', 'aria-label': this.words.t(key, { value: text, step: step.name }), ...attributes }, [document.createTextNode(text)]);
    node.dataset.number = number;
    node.dataset.of = step.name;
    return node;
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
    const axes = step.shape[1] === step.shape[2] ? [1] : [1, 2];
    this.#say(words.t('figure.derivation', { size: `${step.shape[1]} × ${step.shape[2]}`, step: step.name }));
    this.lines.replaceChildren(
      ...axes.map((axis) => {
        const list = document.createElement('ol');
        for (const { step: at, formula } of derivation(trace, step, axis, words)) {
          const item = document.createElement('li');
          item.append(Object.assign(document.createElement('code'), { textContent: formula }), Object.assign(document.createElement('small'), { textContent: at.name }));
          list.append(item);
        }
        return list;
      })
    );
    this.lines.scrollTop = 0;
  }

  #say(text) {
    this.dialog.querySelector('.fx-figure-said').textContent = text;
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
  const heads = KINDS.map((kind) =>
    make('marker', { id: `fx-head-${kind}`, viewBox: '0 0 8 8', refX: '7', refY: '4', markerWidth: '7', markerHeight: '7', markerUnits: 'userSpaceOnUse', orient: 'auto' }, [
      make('path', { class: `fx-head-${kind}`, d: 'M0 0L8 4L0 8z' }),
    ])
  );
  return make('defs', {}, heads);
}

function make(tag, attributes, children = []) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}
