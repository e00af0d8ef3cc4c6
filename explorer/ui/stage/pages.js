/** The note on which page of a file is read, and the choice of another one where the file is still at hand. */

import { make, on } from './dom.js';

/** A note on how an image was read; of several pages with a choice. `turn(page)` reads another, null where it cannot.
 * @param {keyof HTMLElementTagNameMap} tag @param {Page.Note} note @param {Page.Words} words
 * @param {((page: number) => void) | null} turn
 */
export function readNote(tag, note, words, turn) {
  const line = make(tag, {}, words.note(note));
  if (note.code !== 'image.page' || !turn) return line;
  const { page, pages } = note.details;
  const option = (_, i) => new Option(words.number(i + 1), String(i), false, i + 1 === page);
  const options = Array.from({ length: pages }, option);
  const select = make('select', { className: 'fx-turn', 'aria-label': words.t('segment.pages') }, ...options);
  on(select, 'change', () => turn(Number(select.value)));
  line.append(' ', select);
  return line;
}
