/** What is said of a comparison: the classes found, notes on the networks, and how far each two of them agree. */

const NAMED = 8; // classes in the legend

export class Verdict {
  /** `title(result)` names a result's network. */
  constructor(words, title) {
    Object.assign(this, { words, title });
  }

  lines(answer) {
    return [...this.#notes(answer), ...answer.pairs.map((pair) => this.#pair(answer.results, pair))];
  }

  /** The classes that were found, the largest first; or what the colours of disagreement mean. */
  legend(answer, mode) {
    const { words } = this;
    const line = (text) => made('span', text);
    if (mode === 'differ') {
      const strange = new Set(answer.results.map(({ classes }) => classes.map(({ name }) => name.en).join())).size > 1;
      return [line(words.t('versus.legend')), ...(strange ? [line(words.t('versus.strange'))] : [])];
    }
    const areas = new Map();
    for (const { areas: found, classes } of answer.results) {
      for (const { index, pixels } of found) {
        const { name, colour } = classes[index];
        const key = `${name.en} ${colour}`;
        if (pixels) areas.set(key, { name, colour, pixels: pixels + (areas.get(key)?.pixels ?? 0) });
      }
    }
    return [...areas.values()].sort((a, b) => b.pixels - a.pixels).slice(0, NAMED).map(({ name, colour }) => {
      const entry = line('');
      entry.append(Object.assign(document.createElement('i'), { style: `background: rgb(${colour})` }), name[words.language]);
      return entry;
    });
  }

  /** What a person should know about weights that run in another way than they were trained, and on copies. */
  #notes({ results }) {
    const { words } = this;
    const notes = new Set(results.flatMap(({ networkNotes }) => networkNotes.map((note) => words.note(note))));
    const copies = results.filter(({ run_at, size }) => run_at.join() !== size.join());
    for (const size of new Set(copies.map(({ run_at }) => run_at.join()))) {
      const alike = copies.filter(({ run_at }) => run_at.join() === size);
      const [height, width] = alike[0].run_at;
      notes.add(words.t('versus.copy', { networks: alike.map((one) => this.title(one)).join(', '), height, width }));
    }
    return [...notes].map((text) => made('li', text, 'fx-note'));
  }

  /** How far two networks agree, and how far apart their boundaries lie. */
  #pair(results, { a, b, agreement, apart }) {
    const { words } = this;
    const values = { a: this.title(results[a]), b: this.title(results[b]), agreement: words.percent(agreement) };
    const text = apart
      ? words.t('versus.pair', { ...values, median: words.number(apart.median, 3), mean: words.number(apart.mean, 3), most: words.number(apart.most95, 3), near: words.percent(apart.near) })
      : words.t('versus.pair.none', values);
    return made('li', text);
  }
}

function made(tag, textContent, className = '') {
  return Object.assign(document.createElement(tag), { textContent, className });
}
