/** The view "compare": two to four networks on one image, looked at together. */

import { find, makeButton, on, onButton } from '../dom.js';
import { radios } from '../bar.js';
import { Panel } from '../panel.js';
import { fetchBitmap, fetchPixels, saved } from '../files.js';
import { USUAL } from '../given.js';
import { complete } from '../selection.js';
import { Boards } from './boards.js';
import { csvOf, figuresOf } from './figures.js';
import { showTable } from './table.js';
import { Verdict } from './verdict.js';

const MOST = 4;
const MODES = ['beside', 'wipe', 'differ'];

export class Compare extends Panel {
  constructor(root, stage) {
    super(root, stage);
    const { catalog, words } = stage;
    this.catalog = catalog;
    this.chosen = this.#alike();
    this.file = null; // given, and not sent yet
    this.how = USUAL; // it is read
    this.own = false; // the last comparison was at the image's own size, where another suits a network better
    this.wish = false; // the one that runs is to be so
    this.answer = null;
    this.costs = null; // {of, records}: what the runs of certain networks are forecast to take
    const title = (result) => this.#title(result);
    this.boards = new Boards(root, { words, title });
    this.verdict = new Verdict(words, { title, turn: stage.turn, onSize: (own) => !this.busy && this.run(own) });
    onButton(find(root, '.fx-rivals'), ({ model: key }) => this.#toggle(key));
    this.chooseMode = radios(find(root, '.fx-modes'), 'mode', (mode) => this.#show(mode), this.boards.mode);
    onButton(find(root, '.fx-take'), ({ take }) => this.#take(take));
    onButton(find(root, '.fx-figures'), ({ kind, row }) => {
      this.send({ what: 'export', file: kind, tokens: [this.answer.results[Number(row)].token] });
    });
    on(find(root, '.fx-take input'), 'change', ({ target }) => this.#judge(target));
  }

  #toggle(key) {
    this.touched = true;
    const isChosen = (one) => this.chosen.includes(one) !== (one === key);
    this.chosen = this.catalog.models.map((model) => model.key).filter(isChosen);
    this.stage.say(null); // there were too few, perhaps
    this.#rivals();
    this.#figures();
    this.#forecast();
    this.stage.onSettle();
  }

  #show(mode) {
    this.boards.mode = mode;
    this.#lay();
    this.stage.onSettle();
  }

  /** What the address says of the comparison: networks that were chosen, and how they are looked at. */
  get address() {
    const { touched, chosen, boards: { mode } } = this;
    return [...(touched ? [['with', chosen.join()]] : []), ...(mode === 'beside' ? [] : [['mode', mode]])];
  }

  /** @param {URLSearchParams} address */
  restore(address) {
    const wanted = address.get('with')?.split(',') ?? [];
    const known = this.#able().map(({ key }) => key).filter((key) => wanted.includes(key));
    if (known.length) Object.assign(this, { chosen: known, touched: true });
    const mode = address.get('mode') ?? '';
    this.chooseMode((this.boards.mode = MODES.includes(mode) ? mode : 'beside'));
  }

  /** The view is shown; a comparison on another image is none any more. */
  enter({ image }) {
    if (this.answer?.image !== image) Object.assign(this, { answer: null, own: false });
    if (!this.touched && !this.answer) this.chosen = this.#alike();
    this.write();
    this.#forecast();
  }

  write() {
    this.#rivals();
    this.#figures();
    this.#lay();
  }

  /** A file was given: it becomes the image that is compared on. */
  add([file], how = USUAL) {
    Object.assign(this, { file, how, answer: null, own: false, costs: null });
    this.write();
    this.run();
  }

  /** A control of the bar was used: another image, most likely. */
  changed(change) {
    if (this.busy) this.cancel();
    if ('image' in change) Object.assign(this, { file: null, own: false });
    this.answer = null;
    if (!this.touched) this.chosen = this.#alike();
    this.write();
    this.#forecast();
  }

  /** The networks whose weights know the same classes as those of the stage's network: only they can agree. */
  #alike() {
    const data = (name) => this.catalog.cards.find((card) => card.name === name)?.data;
    const wanted = data(this.stage.selection().checkpoint);
    const alike = this.catalog.models.filter(({ cards }) => cards.some((name) => data(name) === wanted));
    return (alike.length > 1 ? alike : this.#able()).slice(0, MOST).map(({ key }) => key);
  }

  /** The networks that there are weights for. */
  #able() {
    return this.catalog.models.filter(({ cards }) => cards.length);
  }

  /** The selection of one network on the stage's image, with weights on the same data where there are such. */
  #selectionOf(key) {
    const old = this.stage.selection();
    const model = this.catalog.models.find((one) => one.key === key);
    const card = (name) => this.catalog.cards.find((one) => one.name === name);
    const alike = model.cards.find((name) => card(name).data === card(old.checkpoint)?.data) ?? model.cards[0];
    if (key === old.model) return old;
    return { ...complete(this.catalog, old, { model: key, checkpoint: alike }), image: old.image };
  }

  #question(what, own) {
    const selections = this.chosen.map((key) => this.#selectionOf(key));
    return { what, selection: this.stage.selection(), selections, options: { way: own ? 'own' : 'auto' } };
  }

  /** Compare; at the own size of the image if that is wanted or, unless said otherwise, was done before. */
  run(own = this.own) {
    if (this.chosen.length < 2) return this.stage.say({ code: 'two_networks', details: {} });
    this.boards.wipe.sides = null;
    this.wish = own;
    this.send({ ...this.#question('compare', own), ...this.how, follow: this.stage.left() }, this.file);
  }

  /** Whether what is shown is not of the networks that are chosen. */
  get #isOld() {
    return this.answer?.results.map(({ model }) => model).join() !== this.chosen.join();
  }

  /** Ask how long the networks chosen take, unless they were run or cannot be; a file that waits is sent by its run. */
  #forecast() {
    if (this.busy || this.file || !this.#isOld || this.chosen.length < 2) return;
    this.send(this.#question('forecast', this.own));
  }

  #rivals() {
    const { root, chosen, words } = this;
    find(root, '.fx-rivals').replaceChildren(
      ...this.#able().map(({ key, title }) =>
        makeButton({ className: 'fx-pill', 'data-model': key, 'aria-pressed': chosen.includes(key) }, title)
      )
    );
    const seconds = this.#forecasts()?.reduce((sum, one) => sum + one.seconds, 0);
    const time = seconds ? words.t('compare.takes', { time: { seconds } }) : '';
    const hint = !this.answer ? words.t('compare.begin') : this.#isOld ? words.t('compare.again') : '';
    find(root, '.fx-compare .fx-hint').textContent = hint && `${time} ${hint}`.trim();
  }

  /** What the networks chosen are forecast to take, once that is known. */
  #forecasts() {
    const { costs } = this;
    return costs?.of === JSON.stringify(this.#question('forecast', this.own)) ? costs.records : null;
  }

  /** The table and what can be taken along: of a comparison, or of a forecast where there is none of the choice. */
  #figures() {
    const { root, answer, words } = this;
    const forecasts = answer && !this.#isOld ? null : this.#forecasts();
    const records = forecasts ?? (answer ? figuresOf(answer, this.judged) : []);
    const table = find(root, '.fx-figures');
    table.hidden = !records.length;
    find(root, '.fx-take').hidden = !answer;
    find(root, '.fx-judged-by').textContent = this.#judgedBy();
    const noted = ({ weights, run_at: [height, width] }) => {
      const card = this.catalog.cards.find(({ name }) => name === weights);
      return `${card ? words.of(card.title) : weights} · ${words.t('segment.pixels', { height, width })}`;
    };
    const [titles, notes] = [records.map((record) => this.#title(record)), records.map(noted)];
    if (records.length) showTable(table, { words, titles, notes, records, isForecast: Boolean(forecasts) });
  }

  async done(message) {
    if (message.kind === 'timed') this.#timed(message);
    else if (message.kind === 'exported') await saved(this.resolve(message.file), message.name);
    else if (message.kind === 'judged') this.judged = message.each;
    else await this.#compared(message);
    if (message.kind === 'compared') this.write();
    else this.#figures();
  }

  #timed({ costs }) {
    const of = JSON.stringify(this.#question('forecast', this.own));
    if (of !== this.questioned || costs.some(({ seconds }) => seconds === null)) return;
    const records = costs.map(({ size, bytes, seconds, parameters, macs }, i) => ({
      model: this.chosen[i], weights: this.#selectionOf(this.chosen[i]).checkpoint, run_at: size, memory: bytes,
      seconds, parameters, macs, pixel_accuracy: null, mean_iou: null,
    }));
    this.costs = { of, records };
    this.#rivals();
  }

  async #compared(message) {
    const { resolve } = this;
    const layers = await Promise.all(
      message.results.map(async ({ pictures }) => {
        const coming = [fetchBitmap(resolve(pictures.image)), fetchPixels(resolve(pictures.labels))];
        const [image, labels] = await Promise.all(coming);
        return { image, labels };
      })
    );
    Object.assign(this, { answer: { ...message, layers }, own: this.wish, file: null, judged: [] });
    this.boards.view.fit();
    const { image, imageName: name, results: [{ pictures: { image: picture } }] } = message;
    this.stage.onImage(image, { ...message, name, picture });
  }

  /** The boards, and what is said of them. */
  #lay() {
    const { root, answer, boards } = this;
    boards.lay(answer, async () => {
      const { file } = this;
      const image = await (file ? createImageBitmap(file) : fetchBitmap(this.resolve(this.stage.picture())));
      return { image, small: !file };
    });
    find(root, '.fx-pairs').replaceChildren(...(answer ? this.verdict.lines(answer) : []));
    find(root, '.fx-compare-legend').replaceChildren(...(answer ? this.verdict.legend(answer, boards.mode) : []));
  }

  /** Files to take along: figures are those of the table. */
  #take(kind) {
    const { answer } = this;
    const tokens = answer.results.map(({ token }) => token);
    if (kind === 'zip') return this.send({ what: 'export', file: 'zip', tokens });
    const records = figuresOf(answer, this.judged);
    const text = kind === 'csv' ? csvOf(records) : `${JSON.stringify(records, null, 1)}\n`;
    saved(URL.createObjectURL(new Blob([text])), `compared.${kind}`);
  }

  /** Hold all networks against true labels. */
  #judge(input) {
    const question = { what: 'judge', tokens: this.answer.results.map(({ token }) => token) };
    this.judged = []; // figures are of labels before
    this.#figures();
    this.judging(input, (sent) => this.send({ ...question, sent }));
  }

  /** Which true labels figures are of, and what there is to say of these. */
  #judgedBy() {
    const { words } = this;
    const one = this.answer && this.judged?.find(Boolean);
    if (!one) return '';
    return [words.t('segment.judged.by', { name: one.labels }), ...one.remarks.map((it) => words.remark(it))].join(' ');
  }

  #title({ model }) {
    return this.catalog.models.find(({ key }) => key === model).title;
  }
}
