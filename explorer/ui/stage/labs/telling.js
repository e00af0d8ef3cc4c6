/** What a lab tells, in words: sentences [key, what fills it], names, shares and plain numbers. */

import { make, onButton } from '../dom.js';

/** One piece: [key, params], {percent}, {count}, {names}, {t: key}, a number or plain text.
 * @param {Page.Words} words @param {any} piece @returns {string}
 */
export function tell(words, piece) {
  if (piece === null || piece === undefined) return '–';
  if (Array.isArray(piece)) {
    const [key, params = {}] = piece;
    const filled = Object.entries(params).map(([name, value]) => [name, isPlain(value) ? value : tell(words, value)]);
    return words.t(key, Object.fromEntries(filled));
  }
  if (piece.names) return words.of(piece.names);
  if (piece.t) return words.t(piece.t);
  if ('count' in Object(piece)) return words.count(piece.count);
  if ('percent' in Object(piece)) {
    if (piece.percent === null) return '–';
    return piece.percent > 0 ? words.areaShare(piece.percent) : words.percent(piece.percent);
  }
  return typeof piece === 'number' ? words.number(piece) : String(piece);
}

const isPlain = (value) => typeof value === 'number' || typeof value === 'string';

/** Sentences, a paragraph each.
 * @param {HTMLElement} box @param {Page.Words} words @param {any[]} facts
 */
export function showFacts(box, words, facts) {
  box.replaceChildren(...facts.map((fact) => make('p', {}, tell(words, fact))));
}

/** A table; rows that choose or open something have a button in their first cell, and are pressed anywhere.
 * @param {HTMLElement} box @param {Page.Words} words @param {{head: any[], rows: any[]}} table
 */
export function showTable(box, words, { head, rows }) {
  const heads = head.map((cell) => make('th', { scope: 'col' }, tell(words, cell)));
  const body = rows.map(({ cells, pick, open, chosen }, row) => {
    const [first, ...others] = cells.map((cell) => tell(words, cell));
    const pressed = { type: 'button', 'aria-pressed': Boolean(chosen), 'data-row': row };
    const name = make('th', { scope: 'row' }, pick || open ? make('button', pressed, first) : first);
    const line = make('tr', { className: chosen ? 'fx-chosen-row' : '' }, name);
    line.append(...others.map((text) => make('td', {}, text)));
    if (pick || open) line.dataset.row = String(row);
    return line;
  });
  const table = make('table', {}, make('thead', {}, make('tr', {}, ...heads)), make('tbody', {}, ...body));
  box.replaceChildren(make('div', { className: 'fx-lab-table', tabIndex: 0, role: 'group' }, table));
}

/** Hear which row of a table is pressed.
 * @param {HTMLElement} box @param {(row: number) => void} act
 */
export function onRow(box, act) {
  onButton(box, () => {}); // keys press the button, which is in the row
  box.addEventListener('click', (event) => {
    const line = /** @type {HTMLElement} */ (event.target).closest('tr[data-row]');
    if (line instanceof HTMLElement) act(Number(line.dataset.row));
  });
}
