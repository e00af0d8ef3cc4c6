/** A lesson on paper: one page a step, with its texts, its answers and a picture of what it points at. */

import { find, make } from '../dom.js';
import { placeOf } from './ring.js';

/** What a step points at, or what it is about, as it looks now.
 * @param {HTMLElement} root @param {string[]} ring
 * @returns {Node[]}
 */
function pictures(root, ring) {
  const isLab = root.dataset.view === 'labs';
  const place = placeOf(root, ring);
  const seen = place?.closest('.fx-lab-card') ?? (isLab || !place ? null : place);
  const nodes = isLab ? [seen ?? root.querySelector('.fx-lab:not([hidden]) .fx-lab-card')] : [
    root.querySelector('.fx-mosaic'), root.querySelector('.fx-view'),
  ];
  return nodes.flatMap((node) => (node ? [copy(node)] : []));
}

/** A copy of an element; canvases become pictures, since a copy of one is empty.
 * @param {Element} node
 */
function copy(node) {
  const made = /** @type {HTMLElement} */ (node.cloneNode(true));
  const canvases = node.querySelectorAll('canvas');
  made.querySelectorAll('canvas').forEach((canvas, i) => {
    const { width, height } = canvases[i];
    if (!width || !height) return canvas.remove();
    const image = make('img', { src: canvases[i].toDataURL(), alt: '' });
    image.style.width = canvases[i].style.width;
    canvas.replaceWith(image);
  });
  for (const button of made.querySelectorAll('table button')) button.replaceWith(button.textContent ?? '');
  for (const control of made.querySelectorAll('button, input, select')) control.remove();
  return make('figure', {}, made);
}

/** One page. `texts` is the strip's text as it stands, answered.
 * @param {HTMLElement} root @param {{title: string, number: string, ring: string[]}} step
 * @returns {HTMLElement}
 */
export function pageOf(root, { title, number, ring }) {
  const texts = find(root, '.fx-lesson-body').cloneNode(true);
  for (const button of texts.querySelectorAll('button, form')) button.remove();
  texts.removeAttribute('tabindex');
  const head = make('p', { className: 'fx-print-head' }, title, make('span', {}, number));
  const seen = make('div', { className: 'fx-print-pictures' }, ...pictures(root, ring));
  return make('section', { className: 'fx-print-page' }, head, texts, seen);
}
