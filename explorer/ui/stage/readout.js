/** What stands under the pointer, in words: a unit of a map, a pixel of the picture. */

import { pointIn, toFrame } from './frames.js';

/** Channel, place and value of a unit, and what it sees in the frame shown. `field` is in network input pixels. */
export function unitText({ trace, step, unit, value, field, frame, words }) {
  const reduced = step.maps.reduction > 1;
  const where = { ...asText(unit), value: words.number(value, 3) };
  if (trace.scores.has(step.name)) where.channel += ` (${trace.classes[unit.channel].name[words.language]})`;
  const box = toFrame(trace, field, frame);
  const sees = box ? words.t(`unit.field.${frame}`, edges(box, frame)) : words.t(field ? 'unit.border' : 'unit.padding');
  const share = trace.paddingShare(step, unit.row, unit.column);
  const percent = words.number(Math.round(share * 1000) / 10);
  const outside = share > 0 && share < 1 ? words.t('unit.outside', { share: percent }) : '';
  return words.t(reduced ? 'unit.mean' : 'unit.value', where) + sees + outside;
}

/** Numbers that name something (a channel, a place) are not grouped by thousands. */
export function asText(numbers) {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)]));
}

/** First and last pixel of a box; in the original, where edges fall between pixels, the edges themselves. */
function edges([top, left, bottom, right], frame) {
  if (frame !== 'original') return { top, bottom: bottom - 1, left, right: right - 1 };
  const [a, b, c, d] = [top, left, bottom, right].map((edge) => String(Math.round(edge * 10) / 10));
  return { top: a, left: b, bottom: c, right: d };
}

/** Place, class and confidence of a pixel {row, column, label, confidence} of the resized image, in the frame shown. */
export function pixelText({ trace, pixel, frame, words }) {
  if (!pixel) return '';
  if (pixel.border) return words.t('picture.border');
  const [row, column] = pointIn(trace, [pixel.row, pixel.column], frame);
  const name = trace.classes[pixel.label].name[words.language];
  return words.t('picture.pixel', { row, column, name, percent: Math.round(pixel.confidence * 100) });
}
