/** What is said of a comparison: the classes found, notes on the networks, and how far each two of them agree. */

import { make, makeButton, on, swatch } from '../dom.js';
import { readNote } from '../pages.js';

const NAMED = 8; // classes in the legend

export class Verdict {
  /** `title(result)` names a network; `onSize(own)` is told when a run at its own size or as a copy is wanted; 
   *  `turn(image)` gives what reads its file in another way. */
  constructor(words, { title, turn, onSize }) {
    this.words = words;
    this.title = title;
    this.onSize = onSize;
    this.turn = turn;
  }

  lines(answer) {
    return [...this.#notes(answer), ...answer.pairs.map((pair) => this.#pair(answer.results, pair))];
  }

  /** The classes that were found, the largest first; or what the colours of disagreement mean. */
  legend(answer, mode) {
    const line = (...parts) => make('span', {}, ...parts);
    if (mode === 'differ') {
      const strange = new Set(answer.results.map(({ classes }) => classes.map(({ id }) => id).join())).size > 1;
      return [line(this.words.t('compare.legend')), ...(strange ? [line(this.words.t('compare.strange'))] : [])];
    }
    const found = answer.results.flatMap(({ areas, classes }) =>
      areas.map(({ index, pixels }) => ({ ...classes[index], pixels }))
    );
    const areas = new Map();
    for (const { id, name, colour, pixels } of found) {
      const key = `${id} ${colour}`;
      if (pixels) areas.set(key, { name, colour, pixels: pixels + (areas.get(key)?.pixels ?? 0) });
    }
    const largest = [...areas.values()].sort((a, b) => b.pixels - a.pixels).slice(0, NAMED);
    return largest.map(({ name, colour }) => line(swatch(colour), this.words.of(name)));
  }

  /** What a person should know about weights that run in another way than they were trained, and about the size. */
  #notes({ results, image }) {
    const notes = new Set(results.flatMap(({ networkNotes }) => networkNotes.map((note) => this.words.note(note))));
    return [
      ...results[0].notes.map((note) => readNote('li', note, this.words, this.turn(image))),
      ...[...notes].map((text) => make('li', { className: 'fx-note' }, text)),
      ...this.#copies(results),
      ...this.#larger(results),
    ];
  }

  /** Networks that were run on a copy of the image, and the way to its own size. */
  #copies(results) {
    const copies = results.filter(({ run_at, size }) => run_at.join() !== size.join());
    return [...new Set(copies.map(({ run_at }) => run_at.join()))].map((size) => {
      const alike = copies.filter(({ run_at }) => run_at.join() === size);
      const [height, width] = alike[0].run_at;
      const values = { networks: alike.map((one) => this.title(one)).join(', '), height, width };
      return this.#sized(this.words.t('compare.copy', values), 'compare.own', true);
    });
  }

  /** Networks that were run on an image of things larger than they were trained on, and the way back to the copy. */
  #larger(results) {
    const remarks = results.flatMap((one) => one.remarks.filter(({ code }) => code === 'larger_than_trained'));
    const texts = new Set(remarks.map(({ code, details }) => this.words.t(`remark.${code}`, details)));
    return [...texts].map((text) => this.#sized(text, 'compare.trained', false));
  }

  #sized(text, key, own) {
    const again = on(makeButton({ className: 'fx-pill' }, this.words.t(key)), 'click', () => this.onSize(own));
    return make('li', { className: 'fx-note' }, `${text} `, again);
  }

  /** How far two networks agree, and how far apart their boundaries lie. */
  #pair(results, { a, b, agreement, apart }) {
    const { words } = this;
    const values = { a: this.title(results[a]), b: this.title(results[b]), agreement: words.percent(agreement) };
    if (!apart) return make('li', {}, words.t('compare.pair.none', values));
    const [median, mean, most] = [apart.median, apart.mean, apart.most95].map((pixels) => words.number(pixels, 3));
    return make('li', {}, words.t('compare.pair', { ...values, median, mean, most, near: words.percent(apart.near) }));
  }
}
