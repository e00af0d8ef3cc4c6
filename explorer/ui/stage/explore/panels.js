/** The words around the two canvases: chips, colour bar, crop, legend. Each fills one element from a run. */

import { find, make, makeButton, swatch } from '../dom.js';
import { ramp } from '../colour.js';
import { apart } from '../operations.js';
import { chips } from './words.js';

const FIRST = 3; // facts beside the name; the others unfold with the sentence

/** @param {HTMLElement} root @param {Page.Trace} trace @param {Page.Step} step @param {Page.Words} words */
export function showChips(root, trace, step, words) {
  const all = chips(trace, step, words).map(([label, value, help]) =>
    make('span', { title: words.t(help) }, make('small', {}, words.t(label)), make('b', {}, value))
  );
  find(root, '.fx-chips').replaceChildren(...all.slice(0, FIRST));
  find(root, '.fx-more-chips').replaceChildren(...all.slice(FIRST));
}

/** The colour map with the values at its ends: those of `channel`, or of all channels (null). Where each channel has
 * its own ends (`own`), all of them lie between those that are shown.
 * @param {HTMLElement} root @param {any} maps @param {boolean} own @param {number | null} channel
 * @param {Page.Words} words
 */
export function showColourBar(root, { scheme, shown }, own, channel, words) {
  root.classList.toggle('fx-labels', Boolean(shown.step.maps.labels)); // classes have their own colours, and no scale
  const [low, high] = (channel === null ? scheme.range : scheme.ends(channel)).map((end) => words.number(end, 3));
  const all = own && channel === null;
  find(root, '.fx-low').textContent = all ? words.t('maps.low', { low }) : low;
  find(root, '.fx-high').textContent = all ? words.t('maps.high', { high }) : high;
  ramp(find(root, '.fx-bar-colours'), scheme.table);
}

/** The spread of a map's values; of one channel what is known of it.
 * @param {HTMLElement} root @param {Page.Step} step @param {number | null} channel @param {Page.Words} words
 */
export function showStatistics(root, { stats, maps }, channel, words) {
  if (!stats) return void (find(root, '.fx-statistics').textContent = words.t('maps.statistics.labels'));
  const number = (value) => (value === null ? '–' : words.number(value, 3));
  const values = {
    min: number(stats.min), max: number(stats.max), mean: number(stats.mean), std: number(stats.std),
    zeros: words.percent(stats.zeros),
  };
  const ofOne = channel !== null && { min: number(maps.min[channel]), max: number(maps.max[channel]) };
  find(root, '.fx-statistics').textContent = ofOne
    ? words.t('maps.statistics.channel', { channel: String(channel), ...ofOne })
    : words.t('maps.statistics', values);
}

/** What a crop keeps and drops, and the margin, in words beside the marks they are drawn with; the grids unfold with
 * the step's sentence.
 * @param {HTMLElement} root @param {Page.Trace} trace @param {Page.Step} step
 * @param {Page.Crop | null} crop @param {Page.Words} words
 */
export function showCrop(root, trace, step, crop, words) {
  const { margin } = trace;
  const here = crop ? cropLines(trace, crop, words) : [];
  if (margin && (crop || step.name === margin.step)) here.push(['margin', words.t('crop.margin', margin)]);
  find(root, '.fx-explain').replaceChildren(...here.map(key));
  find(root, '.fx-grids').textContent = crop ? grids(trace, crop, words) : '';
}

/** Roles and texts of a crop's marks. */
function cropLines(trace, crop, words) {
  const [, height, width] = trace.step(crop.source).shape;
  const [rows, columns] = crop.kept;
  const share = words.percent((rows * columns) / (height * width));
  const { sees, reference } = crop;
  const meets = reference === trace.steps[0].name ? 'crop.meets.input' : 'crop.meets';
  const lines = [
    ['kept', words.t('crop.kept', { rows, columns, of: height, ofColumns: width, share })],
    [
      'sees',
      sees
        ? words.t('crop.sees', { top: sees[0], bottom: sees[2] - 1, left: sees[1], right: sees[3] - 1 })
        : words.t('crop.sees.none'),
    ],
    ['aligned', words.t(meets, { reference, apart: apart(trace.step(crop.step), words) })],
    ['dropped', words.t(crop.dropsNothing ? 'crop.dropped.none' : 'crop.dropped', { source: crop.source })],
  ];
  const isOutside = !trace.margin && (crop.standsWhole[0] < 0 || crop.standsWhole[1] < 0);
  return isOutside ? [...lines, ['outside', words.t('crop.outside')]] : lines;
}

/** @param {string[]} line role and text */
function key([role, textContent]) {
  return make('p', { className: `fx-key fx-key-${role}`, textContent });
}

/** Both grids, and how far apart the units that meet stand: 0 input pixels when the crop aligns them. */
function grids(trace, crop, words) {
  const [source, reference] = [crop.source, crop.reference].map((name) => trace.grid(trace.step(name)));
  const [{ name }] = trace.steps;
  const most = trace.centresApart(trace.step(crop.step), trace.step(crop.reference));
  const centres = most ? words.t('crop.centres', { most: words.number(most) }) : '';
  return words.t(crop.reference === name ? 'crop.aligned.input' : 'crop.aligned', {
    source: crop.source, jump: source.jump, start: source.start, reference: crop.reference,
    otherJump: reference.jump, otherStart: reference.start, apart: apart(trace.step(crop.step), words),
  }) + centres;
}

/** The classes that are laid over the image with their colours and shares, the largest first; `only` is the one shown
 * alone, which stays where it has no pixel.
 * @param {HTMLElement} root @param {{classes: Page.Class[], shares: number[]}} laid @param {number | null} only
 * @param {Page.Words} words
 */
export function showLegend(root, laid, only, words) {
  const said = (share) => (share ? words.areaShare(share) : words.percent(0));
  find(root, '.fx-legend').replaceChildren(
    ...presentClasses(laid, only).map(({ name, colour, index, share }) => {
      const about = { 'data-index': index, 'aria-pressed': only === index };
      const text = make('span', {}, words.of(name));
      return make('li', {}, makeButton(about, swatch(colour), text, make('small', {}, said(share))));
    })
  );
}

/** The classes that a prediction shows, with their indices and shares, the largest first; with them `only`.
 * @param {{classes: Page.Class[], shares: number[]}} prediction @param {number | null} [only]
 */
export function presentClasses({ classes, shares }, only = null) {
  const all = classes.map((info, index) => ({ ...info, index, share: shares[index] }));
  return all.filter(({ share, index }) => share > 0 || index === only).sort((a, b) => b.share - a.share);
}
