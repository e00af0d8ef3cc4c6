/** Files of the server: fetched, and pictures decoded to their pixels. */

import { pen } from './dom.js';

/** Fetch an address. Throws an Error with `status` where the server has no such file, without one where it is gone.
 * @param {string} address
 */
export async function fetchFile(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw Object.assign(new Error(`${answer.status} for ${address}`), { status: answer.status });
  return answer;
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

/** Whether the server still answers.
 * @param {string | URL} base the page's own address: of others Gradio allows no HEAD
 */
export async function isThere(base) {
  try {
    await fetch(base, { method: 'HEAD', cache: 'no-store' });
    return true;
  } catch {
    return false;
  }
}
