/** The words around the two canvases: chips, colour bar, crop, legend, facts. Each fills one element from a run. */

import { ramp } from '../colour.js';
import { chips } from './words.js';

export function showChips(root, trace, step, words) {
  root.querySelector('.fx-chips').replaceChildren(
    ...chips(trace, step, words).map(([label, value, help]) => {
      const chip = make('span', { title: words.t(help) });
      chip.append(make('small', { textContent: words.t(label) }), make('b', { textContent: value }));
      return chip;
    })
  );
}

/** The colour map with the values at its ends, where all tiles share them. */
export function showColourBar(root, { scheme, channel }, scale, words) {
  const own = scale === 'channel' && channel === null;
  const [low, high] = channel === null ? scheme.range : scheme.ends(channel);
  const sign = scheme.signed ? '.signed' : '';
  root.querySelector('.fx-low').textContent = own ? words.t(`maps.low${sign}`) : words.number(low, 3);
  root.querySelector('.fx-high').textContent = own ? words.t(`maps.high${sign}`) : words.number(high, 3);
  ramp(root.querySelector('.fx-bar-colours'), scheme.table);
}

/** The spread of a map's values; of one channel what is known of it. */
export function showStatistics(root, { stats, maps }, channel, words) {
  const number = (value) => (value === null ? '–' : words.number(value, 3));
  const values = { min: number(stats.min), max: number(stats.max), mean: number(stats.mean), std: number(stats.std), zeros: words.percent(stats.zeros) };
  root.querySelector('.fx-statistics').textContent =
    channel === null
      ? words.t('maps.statistics', values)
      : words.t('maps.statistics.channel', { channel: String(channel), min: number(maps.min[channel]), max: number(maps.max[channel]) });
}

/** What a crop keeps and drops, and the margin, in words beside the marks they are drawn with. */
export function showCrop(root, trace, step, crop, words) {
  const box = root.querySelector('.fx-explain');
  const { margin } = trace;
  const around = margin && step.name === margin.step ? [['margin', words.t('crop.margin', margin)]] : [];
  box.replaceChildren(...around.map(key));
  if (!crop) return;
  const [, height, width] = trace.step(crop.source).shape;
  const [rows, columns] = crop.kept;
  const share = words.percent((rows * columns) / (height * width));
  const { sees } = crop;
  const lines = [
    ['kept', words.t('crop.kept', { rows, columns, of: height, ofColumns: width, share })],
    [
      'sees',
      sees
        ? words.t('crop.sees', { top: sees[0], bottom: sees[2] - 1, left: sees[1], right: sees[3] - 1 })
        : words.t('crop.sees.none'),
    ],
    ['aligned', alignment(trace, crop, words)],
    ['dropped', words.t(crop.dropsNothing ? 'crop.dropped.none' : 'crop.dropped', { source: crop.source })],
  ];
  if (margin) lines.push(['margin', words.t('crop.margin', margin)]);
  else if (crop.standsWhole[0] < 0 || crop.standsWhole[1] < 0) lines.push(['outside', words.t('crop.outside')]);
  box.append(...lines.map(key));
}

function key([role, textContent]) {
  return make('p', { className: `fx-key fx-key-${role}`, textContent });
}

/** Both grids, and how far apart the units that meet stand: 0 input pixels when the crop aligns them. */
function alignment(trace, crop, words) {
  const [own, source, reference] = [crop.step, crop.source, crop.reference].map((name) => trace.grid(trace.step(name)));
  const [{ name }] = trace.steps;
  const most = trace.centresApart(trace.step(crop.step), trace.step(crop.reference));
  const centres = most ? words.t('crop.centres', { most: words.number(most) }) : '';
  return words.t(crop.reference === name ? 'crop.aligned.input' : 'crop.aligned', {
    source: crop.source, jump: source.jump, start: source.start,
    reference: crop.reference, otherJump: reference.jump, otherStart: reference.start,
    apart: own.start - reference.start,
  }) + centres;
}

/** The classes of the prediction with their colours and shares, the largest first; `only` is the one shown alone. */
export function showLegend(root, trace, only, words) {
  const found = trace.classes.map((info, index) => ({ info, index, share: trace.shares[index] }));
  const order = found.filter(({ share }) => share > 0).sort((a, b) => b.share - a.share);
  root.querySelector('.fx-legend').replaceChildren(
    ...order.map(({ info, index, share }) => {
      const button = make('button', { type: 'button' });
      button.dataset.index = String(index);
      button.setAttribute('aria-pressed', String(only === index));
      const swatch = make('i', {});
      swatch.style.background = `rgb(${info.colour})`;
      const percent = share < 0.001 ? `< ${words.percent(0.001)}` : words.percent(share);
      button.append(swatch, make('span', { textContent: words.of(info.name) }), make('small', { textContent: percent }));
      const item = make('li', {});
      item.append(button);
      return item;
    })
  );
}

/** Device, time and cost of the run; what a person should know about weights and image. */
export function showFacts(root, trace, card, words) {
  const { deviceName, macs, parameters, steps } = trace;
  const run = {
    device: words.device({ device: trace.device, name: deviceName }),
    seconds: words.number(steps.reduce((sum, step) => sum + step.ms, 0) / 1000, 2),
    macs: words.count(macs),
    parameters: words.count(parameters),
  };
  const lines = [
    ...trace.notes.map((note) => [
      note.code.startsWith('image.') ? '' : 'note', // what was done to the image is no warning
      words.note(note),
    ]),
    ['', words.t('facts.run', run)],
    ...narrower(card, trace.selection.model, words),
    ...measured(trace, card, words),
    ['', words.t('facts.weights', { title: words.of(card.title), licence: words.of(card.licence) })],
    ['', words.of(card.note)],
  ];
  root.querySelector('.fx-facts').replaceChildren(
    ...lines.map(([kind, textContent]) => make('span', { textContent, className: kind && `fx-${kind}` }))
  );
}

/** By how much the network is narrower than the paper's. */
function narrower({ family, width }, model, words) {
  if (!width) return [];
  const [fc, fcWhole] = [width.fc, width.fcWhole].map((channels) => words.number(channels));
  const values = { share: words.percent(width.share), fc, fcWhole, whole: words.count(width.whole[model]) };
  return [['', words.t(family === 'unet' ? 'facts.width.unet' : 'facts.width.fcn', values)]];
}

/** How good this network is in this geometry, as its card says: first, where it does, on images of several folds that
 * had no say in its recipe; then on those that these very weights left out, which had a say unless theirs is among them. */
function measured(trace, { unseen, validation, fold }, words) {
  const { padding, model } = trace.selection;
  const of = (part, key) => part?.[key]?.[padding]?.[model];
  const own = of(validation, 'figures');
  if (!own) return [];
  const nuclei = typeof own.nucleus_dice === 'number'; // null: no image says
  const said = (key, part, role) => {
    const [figures, errors] = [of(part, 'figures'), of(part, 'standard_errors')];
    const { images, groups, folds } = part;
    const values = { images, folds: folds?.join(', '), role, within: '' };
    if (errors) values.within = groups < images ? words.t('facts.within.groups', { groups }) : words.t('facts.within');
    for (const [name, figure] of [['accuracy', 'pixel_accuracy'], ['iou', 'mean_iou'], ['dice', 'nucleus_dice']]) {
      const share = figures[figure];
      values[name] = typeof share === 'number' ? words.percentWithin(share, errors?.[figure]) : '–';
    }
    return ['', words.t(key, values)];
  };
  if (!of(unseen, 'figures') || !unseen.folds?.length) return [said(nuclei ? 'facts.measured.dice' : 'facts.measured', validation)];
  const role = unseen.folds.includes(fold) ? words.t('facts.own.left', { fold }) : words.t('facts.own.chosen');
  return [
    said(nuclei ? 'facts.unseen.dice' : 'facts.unseen', unseen),
    said(nuclei ? 'facts.own.dice' : 'facts.own', validation, role),
  ];
}

function make(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
