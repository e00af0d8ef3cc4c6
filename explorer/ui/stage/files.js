/** Files of the server: fetched, and pictures decoded to their pixels. */

import { make, pen } from './dom.js';

/** Fetch an address. Throws an Error with `status` where the server has no such file, without one where it is gone.
 * @param {string} address
 */
export async function fetchFile(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw Object.assign(new Error(`${answer.status} for ${address}`), { status: answer.status });
  return answer;
}

/** The bytes of a file of the server.
 * @param {string} address
 */
export async function fetchBlob(address) {
  return (await fetchFile(address)).blob();
}

/** The RGBA pixels of a picture of the server.
 * @param {string} address
 */
export async function fetchPixels(address) {
  return decode(await fetchBlob(address));
}

/** A picture of the server, to be drawn.
 * @param {string} address
 */
export async function fetchBitmap(address) {
  return createImageBitmap(await fetchBlob(address));
}

/** Have the browser save a file under a name: an address of the server has none.
 * @param {string} address
 * @param {string} name
 */
export async function saved(address, name) {
  const href = address.startsWith('blob:') ? address : URL.createObjectURL(await fetchBlob(address));
  make('a', { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60000);
}

/** What a person is told where a file could not be fetched; of a server that is gone, a proxy says 502 to 504.
 * @param {{status?: number}} error
 */
export function lost(error) {
  console.warn(error);
  return { code: error.status && error.status < 500 ? 'gone' : 'connection', details: {} };
}

/** The RGBA pixels of a picture, as its file has them.
 * @param {Blob} blob
 * @returns {Promise<ImageData>}
 */
export async function decode(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = pen(canvas, { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
