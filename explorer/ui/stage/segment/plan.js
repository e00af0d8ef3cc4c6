/** What a plan offers to choose beside the way to run, and the pictures that a run came back with. */

import { fill, find } from '../dom.js';
import { fetchBitmap, fetchPixels } from '../files.js';

const CODED = ['labels', 'confidence', 'differs', 'outlines'];

/** The precisions of the device for an item, where there are several.
 * @param {HTMLElement} root @param {Page.Words} words @param {any} item @param {string} precision
 */
export function showPrecisions(root, words, item, precision) {
  const planned = item?.planned;
  const names = planned?.precisions ?? [];
  const precisions = find(root, '.fx-precision');
  precisions.hidden = names.length < 2;
  fill(find(precisions, 'select'), names.map((name) => [name, words.t(`precision.${name}`)]), precision);
}

/** The image and the layers of a result, decoded.
 * @param {{pictures: Record<string, string>}} result
 * @param {(file: string) => string} resolve
 */
export async function layersOf({ pictures }, resolve) {
  const image = await fetchBitmap(resolve(pictures.image));
  const there = CODED.filter((key) => pictures[key]);
  const coded = await Promise.all(there.map(async (key) => [key, await fetchPixels(resolve(pictures[key]))]));
  return { image, ...Object.fromEntries(coded) };
}
