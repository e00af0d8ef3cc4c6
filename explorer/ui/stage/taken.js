/** Pictures to take along: what the page draws, at twice its size, with a caption of numbers below it. */

import { draw, make, pen } from './dom.js';
import { css, ramp } from './colour.js';
import { saved } from './files.js';

export const SCALE = 2; // pixels to one of the page
const PAD = 12; // CSS pixels
const LETTERS = 13;
const LINE = 19;
const LEAST = 520; // as wide is a picture at least, so that its caption has room
const BAR = [160, 9]; // of the colours, width and height

/** What a view draws, drawn once more on a canvas of its own; the view's own is as it was.
 * @param {any} view with `canvas`, `context` and `ratio` @param {() => void} drawn draws it
 * @returns {HTMLCanvasElement}
 */
export function redrawn(view, drawn) {
  const { canvas, context } = view;
  const own = make('canvas');
  Object.assign(view, { canvas: own, context: pen(own), ratio: SCALE });
  drawn();
  Object.assign(view, { canvas, context, ratio: undefined });
  drawn();
  return own;
}

/** Where a picture of `width` x `height` pixels and the lines of its caption lie; the first line is the title. `bar` is
 * {low, high, table}: colours with the values at their ends.
 * @param {Element} node whose colours and letters are taken
 * @param {{width: number, height: number, lines: string[], bar?: any}} shown
 */
export function laidOut(node, { width, height, lines, bar = null }) {
  const style = getComputedStyle(node);
  const [ground, ink] = ['--panel', '--ink'].map((name) => style.getPropertyValue(name).trim());
  const [pad, letters, line] = [PAD, LETTERS, LINE].map((pixels) => pixels * SCALE);
  const across = Math.max(width, LEAST * SCALE);
  const c = pen(new OffscreenCanvas(1, 1));
  const texts = [];
  let y = pad + height + 1.3 * line;
  lines.forEach((text, i) => {
    const weight = i ? 400 : 650;
    c.font = `${weight} ${letters}px ${style.fontFamily}`;
    for (const part of wrapped(text, (some) => c.measureText(some).width <= across)) {
      texts.push({ text: part, x: pad, y, weight });
      y += line;
    }
  });
  const at = bar && { ...bar, x: pad, y: y - letters / 2, width: BAR[0] * SCALE, height: BAR[1] * SCALE };
  if (at) {
    const low = pad + c.measureText(bar.low).width + pad / 2;
    Object.assign(at, { x: low });
    texts.push({ text: bar.low, x: pad, y: y + letters / 2, weight: 400 });
    texts.push({ text: bar.high, x: low + at.width + pad / 2, y: y + letters / 2, weight: 400 });
    y += line;
  }
  const whole = { width: across + 2 * pad, height: Math.ceil(y) };
  const picture = { width, height };
  return { ...whole, pad, letters, family: style.fontFamily, ground, ink, texts, bar: at, picture };
}

/** A text in lines that fit, broken between words, or anywhere in a word that fits in none.
 * @param {string} text @param {(part: string) => boolean} fits
 */
export function wrapped(text, fits) {
  const lines = [''];
  for (const word of text.split(/(?<= )/)) {
    if (fits((lines[lines.length - 1] + word).trimEnd())) lines[lines.length - 1] += word;
    else if (fits(word.trimEnd())) lines.push(word);
    else for (const letter of word) {
      if (fits(lines[lines.length - 1] + letter)) lines[lines.length - 1] += letter;
      else lines.push(letter);
    }
  }
  return lines.map((line) => line.trimEnd()).filter(Boolean);
}

/** A layout with its picture, as a canvas.
 * @param {ReturnType<typeof laidOut>} sheet @param {CanvasImageSource} picture
 */
export function onCanvas({ width, height, pad, letters, family, ground, ink, texts, bar }, picture) {
  const canvas = make('canvas', { width, height });
  const c = pen(canvas);
  c.fillStyle = ground;
  c.fillRect(0, 0, width, height);
  c.drawImage(picture, pad, pad);
  c.fillStyle = ink;
  for (const { text, x, y, weight } of texts) {
    c.font = `${weight} ${letters}px ${family}`;
    c.fillText(text, x, y);
  }
  if (bar) {
    c.drawImage(ramp(make('canvas', { width: 256 }), bar.table), bar.x, bar.y, bar.width, bar.height);
    c.strokeStyle = css('dark', 0.4);
    c.strokeRect(bar.x, bar.y, bar.width, bar.height);
  }
  return canvas;
}

/** A layout with its picture as SVG: `content` is made of elements in pixels of the picture.
 * @param {ReturnType<typeof laidOut>} sheet @param {Node[]} content
 */
export function asLines({ width, height, pad, letters, family, ground, ink, texts, picture }, content) {
  const size = { width: width / SCALE, height: height / SCALE, viewBox: `0 0 ${width} ${height}` };
  const lines = texts.map(({ text, x, y, weight }) =>
    draw('text', { x, y, 'font-family': family, 'font-size': letters, 'font-weight': weight, fill: ink }, text)
  );
  const whole = draw('svg', size,
    draw('rect', { width, height, fill: ground }),
    draw('svg', { x: pad, y: pad, ...picture }, ...content), // which cuts off what lies beyond
    ...lines
  );
  return new XMLSerializer().serializeToString(whole);
}

/** An SVG's element that shows a canvas.
 * @param {HTMLCanvasElement} canvas
 */
export function asImage(canvas) {
  const { width, height } = canvas;
  return draw('image', { width, height, href: canvas.toDataURL('image/png') });
}

/** Have the browser save text or a canvas under a name; how many bytes that took.
 * @param {string | HTMLCanvasElement} content @param {string} name @param {string} [type]
 */
export async function keep(content, name, type = 'image/png') {
  const blob = typeof content === 'string' ? new Blob([content], { type }) : await blobOf(content);
  await saved(URL.createObjectURL(blob), name);
  return blob.size;
}

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob>} */
function blobOf(canvas) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no picture'))), 'image/png');
  });
}

/** A name as file systems take it.
 * @param {...string} parts
 */
export function fileName(...parts) {
  return parts.join('-').replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|-+$/g, '').slice(0, 120) || 'image';
}
