/** Plotly's figures: drawn with the plotly.js of plotly's Python package, in the page's language and theme. */

import { make, on } from '../dom.js';

const PREFIX = 't:'; // of texts in figures that are keys
const NAMES = 'n:'; // of names in several languages

let loading = null;

/** plotly.js, fetched once, compressed; the browser unpacks it.
 * @param {string} address @returns {Promise<any>}
 */
export function plotly(address) {
  loading ??= load(address).catch((error) => {
    loading = null; // the next figure tries again
    throw error;
  });
  return loading;
}

async function load(address) {
  const response = await fetch(address);
  if (!response.ok || !response.body) throw new Error(`plotly.js: ${response.status}`);
  const script = await new Response(response.body.pipeThrough(new DecompressionStream('gzip'))).blob();
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  await new Promise((resolve, reject) => {
    document.head.append(on(on(make('script', { src: url }), 'load', resolve), 'error', reject));
  });
  URL.revokeObjectURL(url);
  return Reflect.get(window, 'Plotly');
}

/** A figure's texts in words: "t:key" or 't:key|{"name": value}', and 'n:{"en": name, ...}'.
 * @param {any} part @param {Page.Words} words @returns {any}
 */
export function spoken(part, words) {
  if (typeof part === 'string') {
    if (part.startsWith(NAMES)) return words.of(JSON.parse(part.slice(NAMES.length)));
    if (!part.startsWith(PREFIX)) return part;
    const [key, params] = part.slice(PREFIX.length).split(/\|(.*)/s);
    return words.t(key, params ? JSON.parse(params) : {});
  }
  if (Array.isArray(part)) return typeof part[0] === 'number' ? part : part.map((one) => spoken(one, words));
  if (!part || typeof part !== 'object' || ArrayBuffer.isView(part)) return part;
  return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, spoken(value, words)]));
}

/** A layout with the page's colours, which follow its theme.
 * @param {any} layout @param {HTMLElement} node whose styles say them
 */
export function themed(layout, node) {
  const style = getComputedStyle(node);
  const [ink, soft, line] = ['--ink', '--soft', '--line'].map((name) => style.getPropertyValue(name).trim());
  const own = { xaxis: {}, yaxis: {}, ...layout };
  const made = {
    ...own,
    paper_bgcolor: 'transparent',
    plot_bgcolor: 'transparent',
    font: { family: style.fontFamily, size: 12, color: ink, ...layout.font },
    legend: { bgcolor: 'transparent', ...layout.legend },
    title: layout.title && { ...layout.title, font: { size: 13 } },
    dragmode: false,
    autosize: true,
  };
  for (const name of Object.keys(own).filter((key) => /^[xy]axis\d*$/.test(key))) {
    const title = { standoff: 6, ...(own[name].title ?? {}) };
    made[name] = { gridcolor: line, linecolor: soft, zerolinecolor: soft, automargin: true, ...own[name], title };
  }
  return made;
}

/** Draw a figure, or draw it again; the library is loaded before the first one.
 * @param {any} library @param {any} node @param {any} figure @param {Page.Words} words
 */
export function draw(library, node, figure, words) {
  const { data, layout } = spoken(figure, words);
  const settings = { displayModeBar: false, responsive: true };
  return library.react(node, data, themed(layout, node), settings);
}

/** Figures that are drawn while they are on the screen, and else when they come onto it. */
export class OnScreen {
  /** @param {Iterable<Element>} nodes @param {(node: HTMLElement) => Promise<void>} drawn draws a node's figure anew */
  constructor(nodes, drawn) {
    this.drawn = drawn;
    this.there = new Set();
    this.old = new Set();
    const watch = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) this.there.delete(target);
        else {
          this.there.add(target);
          if (this.old.delete(target)) this.drawn(/** @type {HTMLElement} */ (target));
        }
      }
    });
    for (const node of nodes) watch.observe(node);
  }

  /** Draw those on the screen; the others are old now. @param {Iterable<HTMLElement>} nodes */
  async draw(nodes) {
    for (const node of nodes) {
      if (this.there.has(node)) await this.drawn(node);
      else this.old.add(node);
    }
  }
}

/** Hear which place of a figure is pressed, in the units of its axes: (row, column).
 * @param {any} node @param {(row: number, column: number) => void} act
 */
export function onPlace(node, act) {
  on(node, 'pointerdown', ({ target, clientX, clientY }) => {
    const area = target.closest('.nsewdrag');
    if (!area) return;
    const [x, y] = (area.dataset.subplot ?? 'xy').split(/(?=y)/);
    const axis = (name) => node._fullLayout[`${name[0]}axis${name.slice(1)}`];
    const { left, top } = area.getBoundingClientRect();
    const [row, column] = node.layout.meta?.origin ?? [0, 0]; // of what is chosen, on the figure
    act(Math.round(axis(y).p2d(clientY - top)) - row, Math.round(axis(x).p2d(clientX - left)) - column);
  }, { capture: true });
}
