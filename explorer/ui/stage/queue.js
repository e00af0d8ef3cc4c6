/** The list of images to segment: each with its state, one of them looked at; each can be taken off while there are others. */

export class Queue {
  /** `choose(index)` looks at an image, `remove(index)` takes it off the list. */
  constructor(root, { words, choose, remove }) {
    this.words = words;
    this.box = root.querySelector('.fx-queue');
    this.list = this.box.querySelector('ol');
    this.list.addEventListener('click', ({ target }) => {
      const { item, off } = target.closest('button')?.dataset ?? {};
      if (item) choose(Number(item));
      if (off) remove(Number(off));
    });
  }

  /** `state(item)` is a key "full.state.<state>" of the texts; `left`: how many have no result of what is chosen. */
  show(items, { current, state, left }) {
    const entries = items.map((item, index) => {
      const entry = document.createElement('li');
      const name = item.name || this.words.t('full.unnamed');
      entry.append(this.#look(index, name, state(item), item === current), ...(items.length > 1 ? [this.#off(index, name)] : []));
      return entry;
    });
    this.list.replaceChildren(...entries);
    const all = this.box.querySelector('.fx-all');
    all.hidden = items.length < 2;
    all.disabled = !left;
    this.box.querySelector('.fx-take-all').hidden = items.filter(({ result }) => result).length < 2;
  }

  /** Give the focus to the image looked at: the button that was pressed is gone. */
  focus() {
    this.list.querySelector('[aria-current]').focus();
  }

  #look(index, name, state, current) {
    const button = Object.assign(document.createElement('button'), { type: 'button' });
    button.dataset.item = String(index);
    if (current) button.setAttribute('aria-current', 'true');
    const parts = { b: name, small: this.words.t(`full.state.${state}`) };
    button.append(...Object.entries(parts).map(([tag, textContent]) => Object.assign(document.createElement(tag), { textContent })));
    return button;
  }

  #off(index, name) {
    const title = this.words.t('full.remove', { name });
    const button = Object.assign(document.createElement('button'), { type: 'button', className: 'fx-off', textContent: '×', title });
    button.setAttribute('aria-label', title);
    button.dataset.off = String(index);
    return button;
  }
}
