/** One channel out of a step's mosaic: its place, its codes, its values, and a canvas of its own. */

import { painted } from '../colour.js';

/** Where a channel lies among the pixels of a mosaic.
 * @param {Pick<Page.Mosaic, 'tile' | 'columns'>} maps @param {number} channel
 */
export function tileOf({ tile: [height, width], columns }, channel) {
  return { top: Math.floor(channel / columns) * height, left: (channel % columns) * width, height, width };
}

/** The codes of a channel, row by row.
 * @param {Page.Mosaic} maps @param {number} channel @param {Page.Codes} picture
 */
export function codesOf(maps, channel, picture) {
  const { top, left, height, width } = tileOf(maps, channel);
  const codes = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    const from = (top + y) * picture.width + left;
    codes.set(picture.pixels.subarray(from, from + width), y * width);
  }
  return codes;
}

/** The value that a code of a channel stands for.
 * @param {Page.Mosaic} maps @param {number} channel @param {number} code
 */
export function valueOf({ min, max }, channel, code) {
  return min[channel] + (code / 255) * (max[channel] - min[channel]);
}

/** `canvas` (or a new one) gets the tile's pixels in the colours of `scheme`.
 * @param {Page.Step} step
 * @param {number} channel
 * @param {Page.Codes} picture
 * @param {Page.Scheme} scheme
 * @param {any} [canvas]
 */
export function channelCanvas({ maps }, channel, picture, scheme, canvas) {
  const [table, codes] = [scheme.codes(channel), codesOf(maps, channel, picture)];
  return painted(maps.tile[1], maps.tile[0], (i) => table[codes[i]], canvas);
}

/** The channel whose values differ most: the one to show where any would do.
 * @param {Page.Step} step
 */
export function widestChannel({ maps }) {
  const spread = maps.max.map((high, c) => high - maps.min[c]);
  return spread.indexOf(Math.max(...spread));
}
