/** The view "labs": experiments in which a person changes one thing and reads what is measured then and there. */

import { find, on, onButton } from '../dom.js';
import { radios } from '../bar.js';
import { USUAL } from '../given.js';
import { Panel } from '../panel.js';
import { TakeFigures } from './take.js';
import { Controls } from './controls.js';
import { OnScreen, draw, onPlace, plotly } from './plot.js';
import { onRegion } from './region.js';
import { onRow, showFacts, showTable } from './telling.js';

const SETTLED = 250; // ms without a change, after which what takes longer is measured
const PREFIX = 'lab.'; // of settings in the address
const JUDGING = ['crop', 'tap']; // labs that judge predictions
const KINDS = ['figures', 'facts', 'tables', 'pictures'];

export class Labs extends Panel {
  constructor(root, stage) {
    super(root, stage, 'lab');
    this.box = find(root, '.fx-labs');
    this.settings = {}; // by lab: those that were changed
    this.lab = 'crop';
    this.truth = ''; // token of true labels that were given
    this.answers = {}; // by lab: what is shown, slot by slot
    this.rooms = [...this.box.querySelectorAll('.fx-lab')];
    const set = (name, value) => this.#set({ [name]: value });
    this.controls = new Controls(find(root, '.fx-lab-controls'), stage.words, set);
    this.choose = radios(find(root, '.fx-lab-choice'), 'lab', (lab) => this.open(lab), this.lab);
    onButton(this.box, ({ ask }) => ask && this.ask(ask));
    const truth = find(root, '.fx-lab-truth input');
    on(truth, 'change', () => this.judging(truth, (sent) => this.#send('values', { sent })));
    on(find(root, '.fx-lab-reset'), 'click', () => this.#reset());
    for (const node of this.box.querySelectorAll('[data-pick]')) this.#picked(node);
    for (const node of this.box.querySelectorAll('[data-draw]')) {
      onRegion(node, (...edges) => this.#set({ [node.dataset.draw]: edges.join() }));
    }
    for (const node of this.box.querySelectorAll('[data-table]')) {
      onRow(node, (row) => {
        const { pick, open } = this.answer.tables[node.dataset.table].rows[row];
        return pick ? this.#set(pick) : stage.onOpen(open);
      });
    }
    this.take = new TakeFigures(root, this);
    this.figures = new OnScreen(this.box.querySelectorAll('[data-figure]'), (node) => this.#draw(node));
    new MutationObserver(() => this.#figures()).observe(document.body, { attributeFilter: ['class'] });
  }

  get answer() {
    const empty = { figures: {}, facts: {}, tables: {}, pictures: {}, controls: [], measured: {} };
    return (this.answers[this.lab] ??= empty);
  }

  /** Whether an answer is on its way, or about to be asked for. */
  get isUnderWay() {
    return this.runner.request !== null || this.waits || this.box.dataset.state === undefined;
  }

  get isQuiet() {
    return this.asked === 'geometry';
  }

  /** What the address says of the lab that is open. */
  get address() {
    const own = this.settings[this.lab] ?? {};
    return [['lab', this.lab], ...Object.entries(own).map(([name, value]) => [PREFIX + name, String(value)])];
  }

  /** Take lab and settings from an address that has one. @param {URLSearchParams} address */
  restore(address) {
    const lab = address.get('lab');
    if (!this.rooms.some((room) => room.dataset.lab === lab)) return;
    this.lab = String(lab);
    const own = [...address].filter(([name]) => name.startsWith(PREFIX));
    this.settings[this.lab] = Object.fromEntries(own.map(([name, text]) => [name.slice(PREFIX.length), typed(text)]));
  }

  /** Open a lab; it goes on where it was left. */
  open(lab) {
    if (this.runner.request) this.cancel();
    this.lab = lab;
    this.stage.say(null);
    this.enter();
    this.stage.onSettle();
  }

  enter() {
    this.#forget(() => true); // of an image or a network before, perhaps
    this.choose(this.lab);
    for (const room of this.rooms) room.hidden = room.dataset.lab !== this.lab;
    find(this.root, '.fx-lab-truth').hidden = !JUDGING.includes(this.lab);
    this.write();
    this.ask('geometry');
  }

  /** Another network, other weights or another image. */
  changed() {
    if (this.runner.request) this.cancel();
    this.enter();
  }

  /** A file was given: it becomes the image that experiments are made with. */
  add([file], how = USUAL) {
    clearTimeout(this.timer);
    this.#send('values', { ...how, follow: this.stage.left() }, file);
  }

  run() {
    this.ask('values');
  }

  cancel() {
    clearTimeout(this.timer);
    super.cancel();
  }

  #set(change) {
    const own = (this.settings[this.lab] ??= {});
    Object.assign(own, change);
    this.stage.onSettle();
    this.ask('geometry');
  }

  #reset() {
    this.settings[this.lab] = {};
    this.stage.onSettle();
    this.ask('geometry');
  }

  /** Ask; while geometry is on its way, the latest settings wait for it. */
  ask(what) {
    clearTimeout(this.timer);
    if (what === 'geometry' && this.runner.request && this.isQuiet) {
      this.waits = true;
      return;
    }
    this.#send(what);
  }

  #send(what, more = {}, file = undefined) {
    this.waits = false;
    const { lab, truth } = this;
    if (what === 'geometry' && this.busy) super.cancel(); // what runs is of other settings
    const settings = this.settings[lab] ?? {};
    this.send({ what, lab, selection: this.stage.selection(), settings, truth, ...more }, file);
  }

  async done(message) {
    this.truth = message.truth ?? this.truth; // of one image; with others the server takes no notice of it
    if (message.lab !== this.lab) return;
    if (this.waits) setTimeout(() => this.ask('geometry'));
    if (message.plotly) this.library = this.resolve(message.plotly);
    const { answer } = this;
    if (message.what === 'geometry') {
      this.stage.say(null);
      this.#forget((what) => what !== 'values'); // of other settings; what is measured by itself stays until it is anew
      this.box.dataset.state = 'measuring';
      if (!this.waits) this.timer = setTimeout(() => this.ask('values'), SETTLED);
    } else {
      this.#forget((what) => what === message.what);
      this.answer.measured[message.what] = slotsOf(message);
      this.box.dataset.state = 'measured';
    }
    for (const kind of KINDS) Object.assign(answer[kind], message[kind]);
    if (message.controls) answer.controls = message.controls;
    if (message.imageName) this.stage.onImage(message.image, { ...message, name: message.imageName });
    this.latest = message;
    await this.write();
    if (this.latest === message) this.box.dataset.answered = `${message.lab} ${message.what}`; // and drawn
  }

  /** Empty the slots that some experiments filled. */
  #forget(isOld) {
    for (const what of Object.keys(this.answer.measured).filter(isOld)) {
      for (const kind of KINDS) for (const slot of this.answer.measured[what]) delete this.answer[kind][slot];
      delete this.answer.measured[what];
    }
  }

  failed(problem) {
    this.stage.say(problem);
    if (this.waits) this.ask('geometry');
  }

  /** Show what is known of the lab, in the language that is chosen. */
  async write() {
    const { answer, words } = this;
    this.controls.show(answer.controls);
    const room = this.rooms.find((one) => !one.hidden);
    for (const box of room.querySelectorAll('[data-facts]')) {
      showFacts(box, words, answer.facts[box.dataset.facts] ?? []);
    }
    for (const box of room.querySelectorAll('[data-table]')) {
      const table = answer.tables[box.dataset.table];
      if (table) showTable(box, words, table);
      else box.replaceChildren();
    }
    const coming = [...room.querySelectorAll('[data-picture]')].map((image) => {
      const name = answer.pictures[image.dataset.picture];
      image.hidden = !name;
      if (name) image.src = this.resolve(name);
      return name && image.decode().catch(() => null); // another is to be shown meanwhile
    });
    const later = this.answer.measured.values ?? [];
    for (const node of room.querySelectorAll('[data-facts], [data-figure], [data-picture]')) {
      const { facts, figure, picture } = node.dataset;
      node.toggleAttribute('data-later', later.includes(facts ?? figure ?? picture));
    }
    for (const card of room.querySelectorAll('.fx-lab-card')) card.hidden = !this.#isFilled(card);
    await Promise.all([this.#figures(), ...coming]);
  }

  /** Whether a card has something to show, or a button that gets it. */
  #isFilled(card) {
    const { figures, facts, tables, pictures } = this.answer;
    const filled = { figure: figures, facts, table: tables, picture: pictures };
    if (card.querySelector('[data-ask]') && !card.dataset.needs) return true;
    return Object.entries(filled).some(([kind, slots]) =>
      [...card.querySelectorAll(`[data-${kind}]`)].some((node) => slots[node.dataset[kind]])
    );
  }

  async #figures() {
    const room = this.rooms.find((one) => !one.hidden);
    if (!this.library || !room || this.box.hidden) return;
    const nodes = [...room.querySelectorAll('[data-figure]')];
    for (const node of nodes) node.hidden = !this.answer.figures[node.dataset.figure];
    await this.figures.draw(nodes.filter((node) => !node.hidden));
  }

  async #draw(node) {
    try {
      const Plotly = await plotly(this.library);
      const figure = this.answer.figures[node.dataset.figure];
      if (figure) await draw(Plotly, node, figure, this.words);
    } catch (error) {
      console.warn(error);
      this.stage.say({ code: 'connection', details: {} });
    }
  }

  /** A place in a figure or a picture is chosen by pressing it. */
  #picked(node) {
    const choose = (row, column) => this.#set({ [node.dataset.pick]: `${row},${column}` });
    if (node.dataset.figure) return onPlace(node, choose);
    on(node, 'click', ({ offsetX, offsetY }) => {
      choose(
        Math.floor((offsetY / node.clientHeight) * node.naturalHeight),
        Math.floor((offsetX / node.clientWidth) * node.naturalWidth)
      );
    });
  }
}

/** The slots that an answer fills. */
function slotsOf({ figures = {}, facts = {}, tables = {}, pictures = {} }) {
  return [figures, facts, tables, pictures].flatMap((slots) => Object.keys(slots));
}

/** A value of an address as what it was. */
function typed(text) {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text === 'true' ? true : text === 'false' ? false : text;
}
