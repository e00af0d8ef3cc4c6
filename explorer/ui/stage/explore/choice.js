/** How argmax comes about at a place: the classes that come closest, by their scores. */

import { make, swatch } from '../dom.js';
import { full } from './readout.js';

const LISTED = 5;

/** What class a unit of labels has.
 * @param {Page.Trace} trace @param {number} index @param {Page.Words} words
 */
export function className(trace, index, words) {
  return words.of(trace.classes[index].name);
}

/** What tells which class wins, and by which scores the others lose.
 * @param {any} choice as the server gives it @param {Page.Trace} trace @param {Page.Words} words
 */
export function competition({ terms, count }, trace, words) {
  const [first, second] = terms;
  const name = className(trace, first.channel, words);
  const values = { name, value: full(first.value, words), count, source: first.source };
  const ahead = second && {
    other: className(trace, second.channel, words), ahead: full(first.value - second.value, words),
  };
  return make(
    'div',
    { className: 'fx-choice' },
    make('p', {}, words.t(second ? 'held.argmax' : 'held.argmax.alone', { ...values, ...ahead })),
    make('ul', { className: 'fx-scores' }, ...bars(terms.slice(0, LISTED), trace, words)),
    make('p', {}, words.t('held.argmax.field', { name }))
  );
}

/** Scores as bars from the smallest one listed, since scores have no zero that means something. */
function bars(terms, trace, words) {
  const low = terms[terms.length - 1].value;
  const span = terms[0].value - low || 1;
  return terms.map(({ channel, value }) => {
    const bar = make('i', { style: `--part: ${0.06 + 0.94 * ((value - low) / span)}` });
    const label = make('span', {}, swatch(trace.classes[channel].colour), className(trace, channel, words));
    return make('li', {}, label, bar, make('b', {}, full(value, words)));
  });
}
