/** What stands under the pointer, in words: a unit of a map, a pixel of the picture. */

import { operation } from '../operations.js';
import { pointIn, toFrame } from './frames.js';

/**
 * Channel, place and value of a unit, and what it sees in the frame shown. `field` is in network input pixels. A unit
 * of the whole layer (channel null) has no one value; the others' values come from 8-bit codes, with the digits that
 * these determine, unless the network's own value is known (`exact`). Where the mosaic averages (`mean`), it is said.
 * @param {{trace: Page.Trace, step: Page.Step, unit: Page.Unit, value: number | null, exact: number | null,
 *   mean: boolean, field: Page.Box | null, frame: Page.Frame, words: Page.Words}} at
 */
export function unitText({ trace, step, unit, value, exact, mean, field, frame, words }) {
  const known = exact !== null;
  const near = value === null ? '' : coded(value, step.maps, unit.channel, words);
  const { labels } = operation(step);
  const name = labels && value !== null ? words.of(trace.classes[value].name) : '';
  const reduction = String(step.maps.reduction);
  /** @type {Record<string, string>} */
  const where = { ...asText(unit), name, reduction, value: known ? full(exact, words) : near };
  const coarse = mean && !known ? 'unit.mean' : 'unit.value';
  const key = labels ? 'unit.label' : unit.channel === null ? 'unit.place' : coarse;
  if (unit.channel !== null && step.scores) where.channel += ` (${words.of(trace.classes[unit.channel].name)})`;
  const box = toFrame(trace, field, frame);
  const sees = box
    ? words.t(`unit.field.${frame}`, edges(box, frame))
    : words.t(field ? 'unit.border' : 'unit.padding');
  const share = trace.paddingShare(step, unit.row, unit.column);
  const outside = share > 0 && share < 1 ? words.t('unit.outside', { share: words.percent(share) }) : '';
  return words.t(key, where) + sees + outside;
}

/** A value with the digits that its 8-bit code determines. */
function coded(value, { min, max }, channel, words) {
  const step = (max[channel] - min[channel]) / 255;
  const decimals = step > 0 ? Math.max(0, Math.min(20, Math.floor(-Math.log10(step)))) : 4;
  return words.number(Number(value.toFixed(decimals)), 6);
}

/** A value as precisely as float32 holds it.
 * @param {number | null} value @param {Page.Words} words
 */
export function full(value, words) {
  return value === null ? '–' : words.number(value, 7);
}

/** Numbers that name something (a channel, a place) are not grouped by thousands.
 * @param {object} numbers
 * @returns {Record<string, string>}
 */
export function asText(numbers) {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)]));
}

/** First and last pixel of a box; in the original, where edges fall between pixels, the edges themselves. */
function edges([top, left, bottom, right], frame) {
  if (frame !== 'original') return { top, bottom: bottom - 1, left, right: right - 1 };
  const [a, b, c, d] = [top, left, bottom, right].map((edge) => String(Math.round(edge * 10) / 10));
  return { top: a, left: b, bottom: c, right: d };
}

/** Place of a pixel in the frame shown, and its class in predictions on the way: `of` are their labels, `width` columns
 * each, one after the other.
 * @param {{trace: Page.Trace, pixel: any, width: number, of: ArrayLike<number>[], frame: Page.Frame,
 *   words: Page.Words}} at
 */
export function labelText({ trace, pixel, width, of, frame, words }) {
  if (pixel.border) return words.t('picture.border');
  const [row, column] = pointIn(trace, [pixel.row, pixel.column], frame);
  const found = new Set(of.map((labels) => labels[pixel.row * width + pixel.column]));
  const names = [...found].map((label) => words.of(trace.classes[label].name));
  return words.t('picture.label', { row, column, name: names.join(' → ') || '–' });
}

/** Place, class and confidence of a pixel {row, column, label, confidence} of the resized image, in the frame shown.
 * @param {{trace: Page.Trace, pixel: any, frame: Page.Frame, words: Page.Words}} at
 */
export function pixelText({ trace, pixel, frame, words }) {
  if (!pixel) return '';
  if (pixel.border) return words.t('picture.border');
  const [row, column] = pointIn(trace, [pixel.row, pixel.column], frame);
  const name = words.of(trace.classes[pixel.label].name);
  return words.t('picture.pixel', { row, column, name, share: words.percent(pixel.confidence, 0) });
}
