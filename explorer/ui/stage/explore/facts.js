/** What the run took, beside the picture; on demand, how accurate the network is and where its weights are from. */

import { find, make, makeButton, on } from '../dom.js';
import { readNote } from '../pages.js';

/** Device, time and cost of the run, and what a person should know about weights and image.
 * @param {HTMLElement} root
 * @param {Page.Trace} trace
 * @param {Page.Card} card
 * @param {Page.Words} words
 * @param {((how: Partial<Page.How>) => void) | null} turn reads the file that was given in another way
 */
export function showFacts(root, trace, card, words, turn) {
  const { device, deviceName, macs, parameters, notes, steps } = trace;
  const run = {
    device: words.device({ device, name: deviceName }),
    seconds: words.number(steps.reduce((sum, step) => sum + (step.ms ?? 0), 0) / 1000, 2),
    macs: words.count(macs), parameters: words.count(parameters),
  };
  const line = (text, className = '') => make('p', { className }, text);
  find(root, '.fx-facts').replaceChildren(
    // what was done to the image is no warning
    ...notes.map((note) =>
      note.code.startsWith('image.') ? readNote('p', note, words, turn) : line(words.note(note), 'fx-note')
    ),
    line(words.t('facts.run', run))
  );
  find(root, '.fx-about > div').replaceChildren(
    line(words.t('facts.weights', { title: words.of(card.title), licence: words.of(card.licence) })),
    ...narrower(card, trace.selection.model, words).map((text) => line(text)),
    ...accuracy(trace, card, words),
    line(words.of(card.note))
  );
}

/** The dialog about the weights, behind its button.
 * @param {HTMLElement} root
 */
export function aboutWeights(root) {
  on(find(root, '.fx-about-open'), 'click', () => find(root, '.fx-about').showModal());
}

/** By how much the network is narrower than the paper's. */
function narrower({ width }, model, words) {
  if (!width) return [];
  const values = { share: words.percent(width.share), whole: words.count(width.whole[model]) };
  if (width.fc === null) return [words.t('facts.width', values)];
  return [words.t('facts.width.fc', { ...values, fc: words.number(width.fc), fcWhole: words.number(width.fcWhole) })];
}

/** How good this network is with this padding, as its card says: cross-validated where that was done, else on the
 * photographs that were left out of its training. A line, and a table of classes that opens on demand.
 * @param {Page.Trace} trace @param {Page.Card} card @param {Page.Words} words
 */
function accuracy(trace, { unseen, validation }, words) {
  const { padding, model } = trace.selection;
  const part = unseen?.figures?.[padding]?.[model] ? unseen : validation;
  const figures = part?.figures?.[padding]?.[model];
  if (!part || !figures) return [];
  const errors = part.standard_errors?.[padding]?.[model] ?? {};
  const told = (name, error) => (typeof figures[name] === 'number' ? words.percentWithin(figures[name], error) : '–');
  const key = typeof figures.nucleus_dice === 'number' ? 'dice' : 'accuracy';
  const text = words.t(part === unseen ? `facts.${key}.unseen` : `facts.${key}.validation`, {
    accuracy: told('pixel_accuracy'), iou: told('mean_iou', errors.mean_iou),
    dice: told('nucleus_dice', errors.nucleus_dice), images: part.images,
  });
  const table = part.classes && classTable(trace, part.classes, words);
  if (!table) return [make('p', {}, text)];
  const toggle = makeButton({ className: 'fx-pill', 'aria-expanded': false }, words.t('facts.classes'));
  table.hidden = true;
  on(toggle, 'click', () => {
    table.hidden = !table.hidden;
    toggle.setAttribute('aria-expanded', String(!table.hidden));
  });
  return [make('p', { className: 'fx-accuracy' }, `${text} `, toggle), table];
}

/** IoU and number of images of each class. */
function classTable(trace, classes, words) {
  const { padding } = trace.selection;
  const named = (key) => trace.classes.find(({ id }) => id === key)?.name;
  const row = (tag, ...texts) => make('tr', {}, ...texts.map((text) => make(tag, {}, text)));
  return make(
    'table',
    { className: 'fx-classes' },
    row('th', words.t('facts.classes.name'), 'IoU', words.t('facts.classes.images')),
    ...Object.entries(classes).map(([key, { images, [padding]: iou }]) =>
      row('td', words.of(named(key) ?? { en: key }), words.percentWithin(iou / 100), words.number(images))
    )
  );
}
