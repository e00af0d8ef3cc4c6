/** What is said of a choice at the control it concerns: weights that know nothing of what the image shows, with others
 *  that do; a working size that memory had no room for. It lies over the page, so that nothing moves. */

import { find, make, makeButton, on } from './dom.js';
import { better, domainOf } from './selection.js';

const WEIGHTS = ['.fx-weights', '.fx-image']; // where it is said: at the first of these that is seen
const SIZE = ['.fx-size', '.fx-more'];

export class Notice {
  /** `onChange(change)` is called with a change of the selection that a person takes.
   * @param {HTMLElement} root @param {{catalog: Page.Catalog, words: Page.Words}} stage
   * @param {(change: Partial<Page.Selection>) => void} onChange
   */
  constructor(root, { catalog, words }, onChange) {
    this.root = root;
    this.catalog = catalog;
    this.words = words;
    this.onChange = onChange;
    /** @type {string[]} */ this.at = [];
    this.box = find(root, '.fx-notice');
    this.closed = new Set(); // what was read and put away
    /** @type {{selection: Page.Selection, before: string} | null} */ this.taken = null; // weights that followed
    on(window, 'resize', () => this.#place());
  }

  /** Say what there is to say of a selection; `notes` are those of the run of it that is shown.
   * @param {Page.Selection} selection @param {Page.Note[]} notes
   */
  show(selection, notes) {
    const said = this.#taken(selection) ?? this.#weights(selection) ?? this.#size(selection, notes);
    const sized = find(this.root, '.fx-size-said');
    const note = notes.find(({ code }) => code === 'smaller_for_room');
    sized.textContent = note ? this.words.note(note) : '';
    sized.hidden = !note;
    this.box.hidden = !said || this.closed.has(said.key);
    if (!said || this.box.hidden) return;
    const close = makeButton({ className: 'fx-notice-close', title: this.words.t('message.close') }, '×');
    close.setAttribute('aria-label', close.title);
    on(close, 'click', () => {
      this.closed.add(said.key);
      this.box.hidden = true;
    });
    const parts = [make('p', {}, said.text), ...(said.button ? [said.button] : []), close];
    this.box.replaceChildren(...parts);
    this.at = said.at;
    this.#place();
  }

  /** Weights were taken because they are usual for an image; `before`: those that were chosen until then.
   * @param {Page.Selection} selection @param {string} before
   */
  took(selection, before) {
    this.taken = { selection, before };
  }

  #taken(selection) {
    const { catalog, words, taken } = this;
    const isOld = !taken || ['image', 'model', 'checkpoint'].some((key) => taken.selection[key] !== selection[key]);
    const names = catalog.models.find(({ key }) => key === selection.model)?.cards ?? [];
    if (isOld || !names.includes(taken.before)) return null;
    const titled = (checkpoint) => words.of(catalog.cards.find(({ name }) => name === checkpoint)?.title ?? { en: '' });
    const [weights, before] = [selection.checkpoint, taken.before].map(titled);
    const button = makeButton({ className: 'fx-notice-take' }, words.t('notice.back', { weights: before }));
    on(button, 'click', () => {
      this.taken = null; // from here on weights are those that were chosen
      this.onChange({ checkpoint: taken.before });
    });
    const text = words.t('notice.taken', { weights });
    return { key: `taken ${selection.image} ${selection.checkpoint}`, text, button, at: WEIGHTS };
  }

  #weights(selection) {
    const { catalog, words } = this;
    const change = better(catalog, selection);
    if (!change) return null;
    const domain = domainOf(catalog, selection.image);
    const model = catalog.models.find(({ key }) => key === (change.model ?? selection.model));
    const card = catalog.cards.find(({ name }) => name === change.checkpoint);
    const values = { model: model?.title ?? '', weights: card ? words.of(card.title) : '' };
    const button = makeButton(
      { className: 'fx-notice-take', title: words.t('notice.take', values) }, words.t(`notice.take.${domain}`)
    );
    on(button, 'click', () => this.onChange(change));
    const key = `${selection.image} ${selection.checkpoint}`;
    return { key, text: words.t(`notice.${domain}`), button, at: WEIGHTS };
  }

  #size(selection, notes) {
    const note = notes.find(({ code }) => code === 'smaller_for_room');
    if (!note || note.details.size !== selection.size) return null;
    return { key: JSON.stringify([note, selection.image]), text: this.words.note(note), button: null, at: SIZE };
  }

  /** Below its control, within the page. */
  #place() {
    if (this.box.hidden) return;
    const { box, root } = this;
    const seen = this.at.find((name) => find(root, name).offsetWidth) ?? '.fx-bar';
    const [page, control] = [root, find(root, seen)].map((element) => element.getBoundingClientRect());
    const most = Math.max(8, page.width - box.offsetWidth - 8);
    const left = Math.min(most, Math.max(8, control.left - page.left));
    Object.assign(box.style, { left: `${left}px`, top: `${control.bottom - page.top + 9}px` });
    box.style.setProperty('--tip', `${Math.max(14, control.left - page.left - left + 18)}px`);
  }
}
