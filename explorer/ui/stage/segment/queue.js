/** The list of images to segment: each with its state, one looked at; each can be taken off while there are others. */

import { find, make, makeButton, onButton } from '../dom.js';

export class Queue {
  /** `choose(index)` looks at an image, `remove(index)` takes it off the list. */
  constructor(root, { words, choose, remove }) {
    this.words = words;
    this.entries = new WeakMap(); // by item
    this.box = find(root, '.fx-queue');
    this.list = onButton(find(this.box, 'ol'), ({ item, off }) => {
      if (item) choose(Number(item));
      if (off) remove(Number(off));
    });
  }

  /** `state(item)` is a key "segment.state.<state>" of the texts; `left`: how many have no result of what is chosen. */
  show(items, { current, state, left }) {
    items.forEach((item, index) => {
      if (!this.entries.has(item)) this.entries.set(item, this.#entry());
      const entry = this.entries.get(item);
      this.#write(entry, index, item.name || this.words.t('segment.unnamed'), state(item));
      if (item === current) entry.firstChild.setAttribute('aria-current', 'true');
      else entry.firstChild.removeAttribute('aria-current');
      entry.lastChild.hidden = items.length < 2;
      // one that stays in its place keeps the focus, and a click that has begun on it
      if (this.list.children[index] !== entry) this.list.insertBefore(entry, this.list.children[index] ?? null);
    });
    while (this.list.children.length > items.length) this.list.lastChild.remove();
    const all = find(this.box, '.fx-all');
    all.hidden = items.length < 2;
    all.disabled = !left;
    find(this.box, '.fx-take-all').hidden = items.filter(({ result }) => result).length < 2;
  }

  /** Give the focus to the image looked at: the button that was pressed is gone. */
  focus() {
    this.list.querySelector('[aria-current]').focus();
  }

  #entry() {
    const look = makeButton({}, make('b'), make('small'));
    return make('li', {}, look, makeButton({ className: 'fx-off' }, '×'));
  }

  #write(entry, index, name, state) {
    const [look, off] = entry.children;
    look.dataset.item = off.dataset.off = String(index);
    look.firstChild.textContent = name;
    look.lastChild.textContent = this.words.t(`segment.state.${state}`);
    off.title = this.words.t('segment.remove', { name });
    off.setAttribute('aria-label', off.title);
  }
}
