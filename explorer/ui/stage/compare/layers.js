/** What lies over the image of a comparison: each network's classes, or where the networks differ. Painted once. */

import { pack, packed, painted } from '../colour.js';

const DIFFERENT = { two: 0.7, three: 0.85, four: 1 }; // how many classes the networks give a pixel: role and opacity

/** The classes of the i-th network of an answer.
 * @param {any} answer @param {number} i
 */
export function coloured(answer, i) {
  const layer = answer.layers[i];
  const { width, height, data } = layer.labels;
  const table = pack(answer.results[i].classes.map(({ colour }) => colour));
  return (layer.coloured ??= painted(width, height, (k) => table[data[4 * k]]));
}

/** How many different classes the networks give each pixel.
 * @param {any} answer
 */
export function disagreement(answer) {
  const ids = answer.results.map(({ classes }) => classes.map(({ id }) => id));
  const maps = answer.layers.map(({ labels }) => labels.data);
  const table = [0, ...Object.entries(DIFFERENT).map(([role, alpha]) => packed(role, alpha))];
  const { width, height } = answer.layers[0].labels;
  const found = (k) => new Set(maps.map((data, i) => ids[i][data[4 * k]])).size;
  return (answer.differ ??= painted(width, height, (k) => table[found(k) - 1]));
}
