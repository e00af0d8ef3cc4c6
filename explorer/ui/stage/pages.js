/** The note on what of a file is read, page and channels, and the choice of others where the file is still at hand. */

import { make, makeButton, on } from './dom.js';

const COLOURS = ['red', 'green', 'blue'];

/** A note on how an image was read; of several pages or channels with a choice. `turn(how)` reads it in another way,
 * null where it cannot.
 * @param {keyof HTMLElementTagNameMap} tag @param {Page.Note} note @param {Page.Words} words
 * @param {((how: Partial<Page.How>) => void) | null} turn
 */
export function readNote(tag, note, words, turn) {
  const line = make(tag, {}, words.note(note));
  if (turn && note.code === 'image.page') line.append(' ', pageChoice(note, words, turn));
  if (turn && note.code === 'image.channels') line.append(' ', channelChoice(note, words, turn));
  return line;
}

/** @param {Page.Note} note */
function pageChoice({ details: { page, pages } }, words, turn) {
  const select = choice(words, words.t('segment.pages'), pages, page - 1);
  on(select, 'change', () => turn({ page: Number(select.value) }));
  return select;
}

/** Which channels stand for red, green and blue, or which one is grey. They are read once all are chosen.
 * @param {Page.Note} note
 */
function channelChoice({ details: { taken, channels } }, words, turn) {
  const now = taken.split(', ').map((number) => Number(number) - 1);
  const kinds = ['colour', 'grey'].map((kind) => new Option(words.t(`channels.${kind}`), kind));
  const kind = make('select', { className: 'fx-turn', 'aria-label': words.t('channels.kind') }, ...kinds);
  kind.value = now.length > 1 ? 'colour' : 'grey';
  const named = (name, i) => choice(words, words.t(`channels.${name}`), channels, now[i] ?? Math.min(i, channels - 1));
  const [grey, ...colours] = [named('one', 0), ...COLOURS.map(named)];
  const letters = COLOURS.map((name) => words.t(`channels.letter.${name}`));
  const lettered = colours.map((select, i) => make('label', {}, letters[i], ' ', select));
  const show = () => {
    grey.hidden = kind.value !== 'grey';
    for (const label of lettered) label.hidden = kind.value === 'grey';
  };
  const read = makeButton({ className: 'fx-pill' }, words.t('channels.read'));
  on(kind, 'change', show);
  on(read, 'click', () => {
    turn({ channels: (kind.value === 'grey' ? [grey] : colours).map((select) => Number(select.value)) });
  });
  show();
  const label = { className: 'fx-channels', role: 'group', 'aria-label': words.t('channels.label') };
  return make('span', label, kind, grey, ...lettered, read);
}

/** A list of numbers from 1; values count from 0. */
function choice(words, label, count, chosen) {
  const option = (_, i) => new Option(words.number(i + 1), String(i), false, i === chosen);
  const options = Array.from({ length: count }, option);
  return make('select', { className: 'fx-turn', 'aria-label': label, title: label }, ...options);
}
