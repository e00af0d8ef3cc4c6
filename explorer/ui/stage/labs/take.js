/** A lab's plots, to take along: as plotly draws them, with what the lab says beside them as a caption. */

import { draw as element, find, make, makeButton, on, onButton } from '../dom.js';
import { SCALE, asLines, fileName, keep, laidOut, onCanvas } from '../taken.js';
import { plotly, spoken, themed } from './plot.js';

export class TakeFigures {
  /** `labs` is the view whose figures are taken. */
  constructor(root, labs) {
    this.root = root;
    this.labs = labs;
    this.dialog = find(root, '.fx-taking-figures');
    on(find(root, '.fx-figures-open'), 'click', () => this.open());
    on(this.dialog, 'click', (event) => event.target === this.dialog && this.dialog.close());
    onButton(find(this.dialog, 'dl'), ({ slot, kind }) => slot && this.#take(slot, kind));
  }

  /** The figures that the open lab has drawn: their nodes. @returns {HTMLElement[]} */
  get #nodes() {
    const { rooms, answer: { figures } } = this.labs;
    const room = rooms.find((one) => !one.hidden);
    return [...room.querySelectorAll('[data-figure]')].filter(({ dataset }) => figures[dataset.figure]);
  }

  open() {
    const { words } = this.labs;
    const rows = this.#nodes.flatMap((node) => {
      const { figure: slot } = node.dataset;
      const buttons = ['PNG', 'SVG'].map((name) =>
        makeButton({ className: 'fx-pill', 'data-slot': slot, 'data-kind': name.toLowerCase() }, name)
      );
      const [first, second] = buttons;
      return [make('dt', {}, make('b', {}, this.#title(node))), make('dd', {}, first, ' ', second)];
    });
    find(this.dialog, 'dl').replaceChildren(...rows);
    this.#say(rows.length ? '' : words.t('take.figures.none'));
    this.dialog.showModal();
  }

  #title(node) {
    const { title } = spoken(this.labs.answer.figures[node.dataset.figure], this.labs.words).layout;
    const said = typeof title === 'string' ? title : title?.text;
    return [node.closest('.fx-lab-card').querySelector('h3')?.textContent, said].filter(Boolean).join(' · ');
  }

  /** Lines of the caption: what the figure is, what its card says, and of which network and image. */
  #lines(node) {
    const { labs, root } = this;
    const { stage, words } = labs;
    const { model, checkpoint, padding, image } = stage.selection();
    const { models, cards } = stage.catalog;
    const card = node.closest('.fx-lab-card');
    const facts = [...card.querySelectorAll('[data-facts] p')].map(({ textContent }) => textContent);
    const network = [
      stage.imageName(image), models.find(({ key }) => key === model)?.title,
      words.of(cards.find(({ name }) => name === checkpoint)?.title ?? { en: checkpoint }),
      words.t(`padding.${padding}`),
    ];
    const lab = find(root, `.fx-lab-choice [data-lab="${labs.lab}"]`).textContent;
    return [`${lab} · ${this.#title(node)}`, ...facts, network.filter(Boolean).join(' · ')];
  }

  async #take(slot, kind) {
    const { labs } = this;
    const node = this.#nodes.find(({ dataset }) => dataset.figure === slot);
    if (!node) return;
    const name = `${fileName(labs.lab, slot)}.${kind}`;
    try {
      const Plotly = await plotly(labs.library);
      const { data, layout } = spoken(labs.answer.figures[slot], labs.words);
      const { clientWidth: width, clientHeight: height } = node;
      const figure = { data, layout: { ...themed(layout, node), width, height }, config: {} };
      const scale = kind === 'png' ? SCALE : 1;
      const picture = await Plotly.toImage(figure, { format: kind, width, height, scale });
      const size = { width: width * SCALE, height: height * SCALE };
      const sheet = laidOut(this.root, { ...size, lines: this.#lines(node) });
      const made = kind === 'png'
        ? onCanvas(sheet, await loaded(picture)) : asLines(sheet, [inside(picture, size)]);
      const bytes = await keep(made, name, 'image/svg+xml');
      this.#say(labs.words.t('take.saved', { name, size: labs.words.bytes(bytes) }));
    } catch (error) {
      console.warn(error);
      this.#say(labs.words.t('error.taken'));
    }
  }

  #say(text) {
    find(this.dialog, '.fx-taking-said').textContent = text;
  }
}

/** @param {string} address @returns {Promise<HTMLImageElement>} */
function loaded(address) {
  return new Promise((resolve, reject) => {
    const image = make('img', {});
    on(on(image, 'load', () => resolve(image)), 'error', reject);
    image.src = address;
  });
}

/** The drawing in an SVG's address, as an element of another one. */
function inside(address, { width, height }) {
  const text = decodeURIComponent(address.replace(/^data:image\/svg\+xml,/, ''));
  const own = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  const viewBox = own.getAttribute('viewBox') ?? `0 0 ${own.getAttribute('width')} ${own.getAttribute('height')}`;
  return element('svg', { width, height, viewBox }, ...own.childNodes);
}
