/** The left pane: the network drawn from its graph, down one column and up the other. Every layer is a button. */

import { draw, find, make, makeButton, onButton, setAttributes } from '../dom.js';
import { stored } from '../preferences.js';
import { layout, nodeName } from './graph.js';
import { nameText, shapeText } from './words.js';

const PAD = 8; // CSS pixels above and below
const TALLEST = { layers: 26, blocks: 42 }; // of a row; the shortest is what is readable
const SHORTEST = 15;
const TWO_LINES = 29; // from here on a row has room for the size
const STRIP = 11; // above each level of the blocks: their sizes leave no room beside the resolution
const TAIL = 7; // letters of a long name that stay when it is cut: what tells crop_upscore2 from crop_upscore_pool4
const WIDEST_BAR = 31;
const CENTRE = 20; // of a bar, from the middle of the pane

export class NetMap {
  /** @type {any} as `layout` gives it */ plan;
  /** @type {Page.Trace} */ trace;

  constructor(root, { onStep }) {
    this.pane = find(root, '.fx-net');
    this.lines = find(this.pane, 'svg');
    this.grain = stored('blocks') === 'blocks' ? 'blocks' : 'layers';
    this.list = onButton(find(this.pane, 'ol'), ({ step }) => onStep(Number(step)));
    new ResizeObserver(() => this.trace && this.#place()).observe(this.pane);
  }

  /** Draw the network by its "layers" or "blocks". */
  use(grain) {
    this.grain = grain;
    stored('blocks', grain);
    if (this.trace) this.load(this.trace, this.words);
  }

  /** The steps that one stops at: all, or the last one of every block. */
  stops() {
    return this.plan.nodes.map(({ last }) => last);
  }

  load(trace, words) {
    this.trace = trace;
    this.words = words;
    this.plan = layout(trace, this.grain === 'blocks');
    const most = Math.max(...trace.steps.map((s) => s.shape[0]));
    const largest = Math.max(...trace.steps.map((s) => s.shape[1]));
    this.list.replaceChildren(...this.plan.nodes.map((node) => this.#button(node, most, largest)));
    this.#place();
    this.mark(Math.min(this.at ?? 0, trace.steps.length - 1));
  }

  #button(node, most, largest) {
    const step = this.trace.steps[node.last];
    const name = nodeName(this.trace, node);
    const said = [name, nameText(this.trace, this.trace.steps[node.first], this.words), shapeText(step)];
    // as wide as it has channels, as tall as the map is large
    const wide = Math.max(4, Math.round(Math.sqrt(step.shape[0] / most) * WIDEST_BAR));
    const tall = Math.max(0.18, Math.sqrt(step.shape[1] / largest));
    const glyph = make('span', { className: 'fx-glyph' }, make('i', { style: `width: ${wide}px; --tall: ${tall}` }));
    const label = make('span', { className: 'fx-label' }, cutInside(name), make('small', {}, shapeText(step)));
    node.button = makeButton(
      {
        tabIndex: -1, className: `fx-${node.path}`, title: said.join(' · '), 'data-step': node.last,
        'aria-label': said.join(', '),
      },
      ...(node.column ? [glyph, label] : [label, glyph])
    );
    return make('li', {}, node.button);
  }

  /** Positions follow from the pane's size: rows share its height, columns its width. */
  #place() {
    const { nodes, rows, bands } = this.plan;
    const width = this.pane.clientWidth;
    const most = TALLEST[this.grain];
    const strip = this.grain === 'blocks' ? STRIP : 0;
    const around = 2 * PAD + strip * (bands.length - 1);
    const tall = Math.max(SHORTEST, Math.min(most, (this.pane.clientHeight - around) / rows));
    this.pane.classList.toggle('fx-sizes', tall >= TWO_LINES);
    const half = width / 2;
    for (const node of nodes) {
      const { style } = node.button.parentElement;
      node.top = PAD + node.level * strip + node.row * tall;
      const [left, top] = [node.column ? half : 0, node.top];
      Object.assign(style, { left: `${left}px`, top: `${top}px`, width: `${half}px`, height: `${tall}px` });
      node.x = node.column ? half + CENTRE : half - CENTRE;
      node.y = node.top + tall / 2;
    }
    const high = around + rows * tall;
    this.scrolls = high > this.pane.clientHeight;
    this.list.style.height = `${high}px`;
    setAttributes(this.lines, { width, height: high });
    this.lines.replaceChildren(
      ...bands.slice(1)
        .flatMap(({ level, row, jump }) => this.#band(jump, PAD + (level - 1) * strip + row * tall, width)),
      ...this.plan.edges.map((edge) => this.#edge(edge))
    );
  }

  /** The line above a level, and its resolution. */
  #band(jump, y, width) {
    return [line('fx-band', `M0 ${y}H${width}`), draw('text', { x: 5, y: y + 10 }, `1/${jump}`)];
  }

  #edge({ from, to, skip }) {
    const [a, b] = [this.plan.nodes[from], this.plan.nodes[to]];
    if (a.column === b.column) {
      const apart = Math.abs(a.row - b.row) > 1; // past something else: around it
      const side = a.column ? -1 : 1;
      const d = apart
        ? `M${a.x} ${a.y}C${a.x + 26 * side} ${a.y} ${b.x + 26 * side} ${b.y} ${b.x} ${b.y}`
        : `M${a.x} ${a.y}L${b.x} ${b.y}`;
      return line('fx-edge', d);
    }
    const middle = (a.x + b.x) / 2;
    return line(
      skip ? 'fx-edge fx-edge-skip' : 'fx-edge',
      `M${a.x} ${a.y}C${middle} ${a.y} ${middle} ${b.y} ${b.x} ${b.y}`
    );
  }

  mark(step) {
    this.at = step;
    const old = this.list.querySelector('[aria-current]');
    const focused = old !== null && old === document.activeElement;
    old?.removeAttribute('aria-current');
    if (old) old.tabIndex = -1; // the map is one stop for the tab key
    const node = this.plan?.nodes.find((n) => n.steps.includes(step));
    if (!node) return '';
    node.button.setAttribute('aria-current', 'step');
    node.button.tabIndex = 0;
    if (focused) node.button.focus({ preventScroll: true });
    if (this.scrolls) {
      const least = node.top - this.pane.clientHeight + 60;
      this.pane.scrollTop = Math.min(node.top - 40, Math.max(least, this.pane.scrollTop));
    }
    return this.#said(step);
  }

  #said(step) {
    return `${this.trace.steps[step].name}, ${shapeText(this.trace.steps[step])}`;
  }
}

/** A name that loses its middle, not its end, where there is no room for all of it. */
function cutInside(name) {
  if (name.length <= TAIL + 3) return make('b', {}, name);
  return make('b', {}, make('span', {}, name.slice(0, -TAIL)), make('span', {}, name.slice(-TAIL)));
}

function line(className, d) {
  return draw('path', { class: className, d });
}
