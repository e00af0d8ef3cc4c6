/** The controls: network, weights, geometry, working size, device, run. They show and change a selection. */

import { fill, find, makeButton, on, setAttributes } from './dom.js';
import { focused } from './keys.js';
import { training } from './selection.js';

const DOUBLE_CLICK = 400; // ms
const LONG = 4; // letters of a language's name, beyond which its code stands for it
const CHOICES = { weights: 'checkpoint', padding: 'padding', size: 'size', device: 'device' }; // select: of a selection

/** A group of role=radio buttons: click and arrow keys choose, one stop for the tab key.
 * @param {HTMLElement} group
 * @param {string} name of the buttons' data that tells them apart
 * @param {(value: any) => void} onPick
 * @param {any} [chosen] value at first
 * @returns {(value: any) => void} shows another choice
 */
export function radios(group, name, onPick, chosen) {
  /** @returns {any[]} */
  const buttons = () => [...group.querySelectorAll('[role=radio]')];
  const choose = (value) => {
    for (const button of buttons()) {
      const isChosen = button.dataset[name] === String(value);
      button.setAttribute('aria-checked', String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
  };
  on(group, 'click', (event) => {
    const button = event.target.closest('[role=radio]');
    if (!button) return;
    choose(button.dataset[name]);
    onPick(button.dataset[name]);
  });
  on(group, 'keydown', (event) => {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!move || !focused()) return;
    const all = buttons();
    const next = all[(all.indexOf(document.activeElement) + move + all.length) % all.length];
    next.focus();
    next.click();
    event.preventDefault();
    event.stopPropagation();
  });
  choose(chosen);
  return choose;
}

/** The switch of languages, each named in itself.
 * @param {HTMLElement} group
 * @param {Page.Catalog} catalog
 * @param {(code: string) => void} onPick
 */
function languageButtons(group, { languages, texts }, onPick) {
  const titles = new Set(languages.map(({ code }) => texts[code]['language.title'] ?? '').filter(Boolean));
  group.setAttribute('aria-label', [...titles].join(' / '));
  group.replaceChildren(
    ...languages.map(({ code, name }) => {
      const short = name.length > LONG ? code.toUpperCase() : name;
      return makeButton({ role: 'radio', lang: code, title: name, 'data-lang': code }, short);
    })
  );
  return radios(group, 'lang', onPick);
}

export class Bar {
  /**
   * @param {HTMLElement} root
   * @param {Page.Catalog} catalog
   * @param {{onChange: (change: Partial<Page.Selection>) => void, onRun: () => void,
   *   onLanguage: (code: string) => void}} heard
   */
  constructor(root, catalog, { onChange, onRun, onLanguage }) {
    this.catalog = catalog;
    const networks = find(root, '.fx-networks');
    const network = ({ key, title }) => makeButton({ role: 'radio', 'data-model': key }, title);
    networks.replaceChildren(...catalog.models.map(network));
    this.chooseNetwork = radios(networks, 'model', (model) => onChange({ model }));
    /** @type {Record<string, HTMLSelectElement>} by what they choose of a selection */
    this.selects = {};
    for (const [name, key] of Object.entries(CHOICES)) {
      this.selects[key] = on(find(root, `.fx-${name} select`), 'change', ({ target: { value } }) => {
        onChange({ [key]: key === 'size' ? Number(value) : value });
      });
    }
    this.training = new Training(find(root, '.fx-training'), (checkpoint) => onChange({ checkpoint }));
    this.runButton = on(find(root, '.fx-run'), 'click', () => {
      if (Date.now() - this.began > DOUBLE_CLICK) onRun();
    });
    drawer(find(root, '.fx-more'), find(root, '.fx-settings'));
    this.chooseLanguage = languageButtons(find(root, '.fx-languages'), catalog, onLanguage);
    this.progress = find(root, '.fx-progress');
    /** @type {{fraction: number | null, text: string, details: any}} */
    this.going = { fraction: null, text: '', details: {} };
    this.began = 0;
  }

  show(selection, words) {
    const { catalog } = this;
    const { cards: names, paddings } = catalog.models.find((m) => m.key === selection.model) ?? catalog.models[0];
    this.chooseNetwork(selection.model);
    const trainings = new Map(names.map((name) => {
      const made = training(catalog, names, name);
      return [made[made.length - 1].name, made]; // the last ones stand for all
    }));
    const made = training(catalog, names, selection.checkpoint);
    const entries = [...trainings].map(([name, cards]) => [name, words.of(cards[cards.length - 1].title)]);
    this.#fill('checkpoint', entries, made[made.length - 1]?.name);
    this.training.show(made, selection.checkpoint, words);
    this.#fill('padding', paddings.map((name) => [name, words.t(`padding.${name}`)]), selection.padding);
    this.#fill('size', catalog.sizes.map((size) => [size, words.t('bar.pixels', { size })]), selection.size);
    this.#fill('device', catalog.devices.map((name) => [name, words.t(`device.${name}`)]), selection.device);
  }

  #fill(key, choices, chosen) {
    const select = this.selects[key];
    fill(select, choices, chosen);
    select.title = select.selectedOptions[0]?.textContent ?? ''; // where there is no room for all of it
    select.disabled = choices.length < 2;
  }

  /** What goes on: a fraction 0..1 with the key of a text and what fills it; null when idle. */
  running(fraction, text, details, words) {
    this.going = { fraction, text, details };
    this.write(words);
  }

  /** Say that something is waited for, if it takes longer than a moment and nothing else is said: the first run of a
   * server that has only just begun.
   * @param {Promise<void>} coming @param {Page.Words} words
   */
  async waiting(coming, words) {
    let said = null;
    const late = setTimeout(() => {
      if (this.going.fraction !== null) return;
      this.running(0.05, 'progress.weights', {}, words);
      said = this.going;
    }, 500);
    await coming.finally(() => clearTimeout(late));
    if (said === this.going) this.running(null, '', {}, words);
  }

  /** Say it in the language that is chosen. */
  write(words) {
    const { fraction, text: key, details } = this.going;
    this.chooseLanguage(words.language);
    const busy = fraction !== null;
    const text = busy ? words.t(key, details) : '';
    if (busy && this.progress.hidden) this.began = Date.now(); // the second half of a double click is no cancel
    this.progress.hidden = !busy;
    this.runButton.classList.toggle('fx-busy', busy);
    this.runButton.firstElementChild.textContent = busy ? text : words.t('bar.run');
    if (!busy) return;
    const percent = Math.round(fraction * 100);
    setAttributes(this.progress, { 'aria-valuenow': percent, 'aria-valuetext': text });
    this.progress.firstElementChild.style.width = `${percent}%`;
  }
}

/** The slider over the steps of a training that weights were kept of. */
class Training {
  /** @param {HTMLElement} box @param {(checkpoint: string) => void} onChoose */
  constructor(box, onChoose) {
    this.box = box;
    /** @type {Page.Card[]} */
    this.cards = [];
    this.slider = find(box, 'input');
    on(this.slider, 'input', () => onChoose(this.cards[Number(this.slider.value)].name));
  }

  /** @param {Page.Card[]} cards of one training, in order @param {string} chosen @param {Page.Words} words */
  show(cards, chosen, words) {
    this.cards = cards;
    this.box.hidden = cards.length < 2;
    if (this.box.hidden) return;
    const at = cards.findIndex(({ name }) => name === chosen);
    const text = words.t('bar.training.steps', { steps: cards[at].steps });
    Object.assign(this.slider, { max: cards.length - 1, value: at });
    setAttributes(this.slider, { 'aria-valuetext': text });
    find(this.box, 'output').textContent = text;
  }
}

/** Settings that a button opens and closes, and a click elsewhere or Escape closes. */
function drawer(more, settings) {
  const show = (open) => {
    settings.classList.toggle('fx-open', open);
    more.setAttribute('aria-expanded', String(open));
  };
  on(more, 'click', () => show(!settings.classList.contains('fx-open')));
  on(document, 'pointerdown', ({ target }) => {
    if (!settings.contains(target) && !more.contains(target)) show(false);
  });
  on(document, 'keydown', ({ key }) => key === 'Escape' && show(false));
}
