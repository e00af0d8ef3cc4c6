/** One channel out of a step's mosaic, as a canvas of its own. */

import { painted } from '../colour.js';

/** `canvas` (or a new one) gets the tile's pixels in the colours of `scheme`.
 * @param {Page.Step} step
 * @param {number} channel
 * @param {Page.Codes} picture
 * @param {Page.Scheme} scheme
 * @param {any} [canvas]
 */
export function channelCanvas({ maps }, channel, { pixels, width }, scheme, canvas) {
  const [th, tw] = maps.tile;
  const table = scheme.codes(channel);
  const top = Math.floor(channel / maps.columns) * th;
  const left = (channel % maps.columns) * tw;
  return painted(tw, th, (i) => table[pixels[(top + Math.floor(i / tw)) * width + left + (i % tw)]], canvas);
}

/** The channel whose values differ most: the one to show where any would do.
 * @param {Page.Step} step
 */
export function widestChannel({ maps }) {
  const spread = maps.max.map((high, c) => high - maps.min[c]);
  return spread.indexOf(Math.max(...spread));
}
