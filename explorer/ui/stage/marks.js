/** Marks over a picture as data, so that a canvas and a file of lines (SVG) show the same ones. */

import { fillAround, hatch, outline, roles } from './colour.js';
import { draw } from './dom.js';

/** A box in input pixels in a role's colour: its outline, or, with `inner`, a hatch of what lies around that.
 * @typedef {{box: Page.Box, role: string, dash?: number[], inner?: Page.Box}} Mark
 */

const HATCH = 8; // as in hatch, pixels
const DARK = 'dark';

/** @param {any} context @param {Mark[]} marks @param {(box: Page.Box) => number[]} place @param {number} ratio */
export function drawMarks(context, marks, place, ratio) {
  for (const { box, role, dash, inner } of marks) {
    if (inner) fillAround(context, place(box), place(inner), hatch(context, role, ratio));
    else outline(context, place(box), role, ratio, dash);
  }
}

/** The same marks as elements of an SVG.
 * @param {Mark[]} marks @param {(box: Page.Box) => number[]} place @param {number} ratio
 */
export function marksAsLines(marks, place, ratio) {
  return marks.flatMap(({ box, role, dash = [], inner }) => {
    if (inner) return hatched(place(box), place(inner), role, ratio);
    const [x, y, width, height] = place(box);
    const own = { 'data-mark': role, 'stroke-dasharray': dash.map((d) => d * ratio).join(' ') || 'none' };
    const line = (more) => draw('rect', { x, y, width, height, fill: 'none', ...more });
    return [
      line({ stroke: roles[DARK], 'stroke-opacity': 0.75, 'stroke-width': 4 * ratio }),
      line({ stroke: roles[role], 'stroke-width': 2 * ratio, ...own }),
    ];
  });
}

/** A hatch of what lies in `outer` and not in `inner`, both [x, y, w, h]. */
function hatched(outer, inner, role, ratio) {
  const size = HATCH * ratio;
  const id = `hatch-${role}`;
  const lines = draw('path', {
    d: [-size, 0, size].map((at) => `M${at} ${size}L${at + size} 0`).join(''),
    stroke: roles[role], 'stroke-width': 1.2 * ratio,
  });
  const ground = draw('rect', { width: size, height: size, fill: roles[DARK], 'fill-opacity': 0.3 });
  const around = ([x, y, w, h]) => `M${x} ${y}h${w}v${h}h${-w}z`;
  return [
    draw('pattern', { id, width: size, height: size, patternUnits: 'userSpaceOnUse' }, ground, lines),
    draw('path', { 'data-mark': role, d: around(outer) + around(inner), fill: `url(#${id})`, 'fill-rule': 'evenodd' }),
  ];
}
