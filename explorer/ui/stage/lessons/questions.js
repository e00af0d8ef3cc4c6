/** A lesson's question: asking, taking the answer, and showing the measured one beside it. */

import { find, make, makeButton, on } from '../dom.js';

/** Whether a choice is the measured answer.
 * @param {Page.LessonChoice} choice @param {number | string | null} value
 */
export function isAnswer({ low, high, word }, value) {
  if (word !== null) return String(value) === word;
  if (typeof value !== 'number') return false;
  return (low === null || value >= low) && (high === null || value <= high);
}

/** The question, open: `onAnswer(given)` hears the number of a choice, or a number; null shows the answer unguessed.
 * @param {{ask: Page.LessonAsk, write: (text: any[]) => Node[], words: Page.Words,
 *   onAnswer: (given: any) => void}} about
 * @returns {Node[]}
 */
export function asked({ ask, write, words, onAnswer }) {
  const text = make('p', { className: 'fx-lesson-question' }, ...ask.text.flatMap(write));
  const skip = makeButton({ className: 'fx-lesson-skip' }, words.t('lesson.skip'));
  on(skip, 'click', () => onAnswer(null));
  if (ask.kind === 'choice') {
    const buttons = ask.choices.map((choice, i) =>
      on(makeButton({ className: 'fx-guessed' }, ...write(choice.text)), 'click', () => onAnswer(i))
    );
    return [text, make('div', { className: 'fx-guesses' }, ...buttons), skip];
  }
  if (ask.kind === 'place') return [text, make('p', { className: 'fx-hint' }, words.t('lesson.place')), skip];
  const input = make('input', { type: 'number', step: 'any', 'aria-label': words.t('lesson.number') });
  const take = make('button', { className: 'fx-pill' }, words.t('lesson.guess'));
  const form = make('form', { className: 'fx-guess' }, input, make('span', {}, ask.unit), take);
  on(form, 'submit', (event) => {
    event.preventDefault();
    if (input.value !== '' && input.checkValidity()) onAnswer(Number(input.value));
  });
  return [text, form, skip];
}

/** The question with its answer: what was said, and beside it what is measured (`found`, null until it is known).
 * @param {{ask: Page.LessonAsk, given: any, found: import('./values.js').Found | null, write: (text: any[]) => Node[],
 *   words: Page.Words}} about
 * @returns {Node[]}
 */
export function answered({ ask, given, found, write, words }) {
  const text = make('p', { className: 'fx-lesson-question' }, ...ask.text.flatMap(write));
  if (ask.kind === 'choice') return [text, choices({ ask, given, found, write, words })];
  if (ask.kind === 'place') return [text, make('p', { className: 'fx-verdict' }, place(given, words))];
  const unit = ask.unit ? ` ${ask.unit}` : '';
  const said = (key, value) => make('span', {}, `${words.t(key)} `, make('b', {}, value));
  const own = given === null ? [] : [said('lesson.own', words.number(given) + unit)];
  const real = said('lesson.measured', found ? found.text + unit : '…');
  return [text, make('p', { className: 'fx-verdict' }, ...own, real)];
}

function choices({ ask, given, found, write, words }) {
  const rows = ask.choices.map((choice, i) => {
    const isRight = Boolean(found && isAnswer(choice, found.raw));
    const marks = [...(isRight ? ['lesson.measured'] : []), ...(i === given ? ['lesson.own'] : [])];
    const said = marks.map((key) => make('small', {}, words.t(key)));
    const names = ['fx-guessed', ...(isRight ? ['fx-guess-right'] : found && i === given ? ['fx-guess-wrong'] : [])];
    return make('div', { className: names.join(' ') }, make('span', {}, ...write(choice.text)), ...said);
  });
  return make('div', { className: 'fx-guesses' }, ...rows);
}

/** @param {{inside: boolean, apart: number} | null} given */
function place(given, words) {
  if (!given) return words.t('lesson.place.shown');
  return words.t(given.inside ? 'lesson.place.inside' : 'lesson.place.outside', { apart: Math.round(given.apart) });
}

/** Hear where the picture is pressed, once: its place in input pixels. Returns what stops listening.
 * @param {HTMLElement} root @param {any} picture of the stage @param {(at: [number, number]) => void} onPlace
 */
export function onPicture(root, picture, onPlace) {
  const canvas = find(root, '.fx-view canvas');
  const hear = (event) => {
    const at = picture.placeAt(event);
    if (!at) return;
    event.stopPropagation();
    stop();
    onPlace(at);
  };
  const stop = () => canvas.removeEventListener('click', hear, true);
  on(canvas, 'click', hear, { capture: true });
  return stop;
}

/** How a pressed place lies to the measured box.
 * @param {[number, number]} at @param {Page.Box} box
 */
export function compared([row, column], [top, left, bottom, right]) {
  const off = (x, low, high) => Math.max(low - x, 0, x - high);
  return {
    inside: row >= top && row < bottom && column >= left && column < right,
    apart: Math.hypot(off(row, top, bottom), off(column, left, right)),
  };
}
