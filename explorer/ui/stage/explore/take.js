/** What is shown, to take along: pictures and numbers are made here, exact values and whole runs by the server. */

import { find, on, onButton } from '../dom.js';
import { lost, saved } from '../files.js';
import { drawMarks, marksAsLines } from '../marks.js';
import { SCALE, asImage, asLines, fileName, keep, laidOut, onCanvas, redrawn } from '../taken.js';
import { Asker } from './asker.js';
import { stepsAsCsv } from './numbers.js';
import { chips, sentence } from './words.js';

export class Take {
  /** @type {Page.Words} */ words;

  /** `explore` is the view whose run is taken along. */
  constructor(root, stage, explore) {
    this.root = root;
    this.stage = stage;
    this.words = stage.words;
    this.explore = explore;
    this.dialog = find(root, '.fx-taking');
    this.asker = new Asker(stage.gradio.trigger, stage.alive, 'take');
    on(find(root, '.fx-taking-open'), 'click', () => this.open());
    on(this.dialog, 'click', (event) => event.target === this.dialog && this.dialog.close());
    onButton(find(this.dialog, 'dl'), ({ take }) => take && this.take(take));
  }

  hear(message) {
    this.asker.hear(message);
  }

  open() {
    const { trace, look: { drawn } } = this.explore;
    if (!trace || !drawn) return;
    const [channels, height, width] = drawn.shape;
    find(this.dialog, '.fx-taking-map').textContent =
      this.words.t('take.values', { name: drawn.name, channels, height, width });
    this.#say('');
    this.dialog.showModal();
  }

  /** Make one of the files, by the name of its button. */
  async take(kind) {
    const made = {
      'mosaic.png': this.#maps, 'boxes.png': this.#picture, 'boxes.svg': this.#lines, 'numbers.csv': this.#numbers,
    };
    if (!(kind in made)) return this.#ask(kind);
    const isOfStep = kind !== 'numbers.csv';
    const name = fileName(this.#stem, ...(isOfStep ? [this.explore.name] : []), kind);
    try {
      this.#said(name, await made[kind].call(this, name));
    } catch (error) {
      console.warn(error);
      this.#say(this.words.t('error.taken'));
    }
  }

  get #stem() {
    const { trace: { selection: { image, model } }, stage } = this.explore;
    const own = stage.imageName(image);
    const isExample = stage.catalog.examples.some(({ file }) => file === image);
    return fileName((isExample ? image : own).replace(/\.\w+$/, ''), model);
  }

  #maps(name) {
    const { maps } = this.explore.look;
    const drawn = redrawn(maps, () => maps.redraw());
    const [low, high] = ['.fx-low', '.fx-high'].map((end) => find(this.root, end).textContent);
    const bar = this.root.classList.contains('fx-labels') ? null : { low, high, table: maps.scheme.table };
    const lines = [...this.#ofStep(), this.#ofRun()];
    return keep(onCanvas(laidOut(this.root, { width: drawn.width, height: drawn.height, lines, bar }), drawn), name);
  }

  /** The picture, its marks and its caption, laid out. */
  #laid() {
    const taken = this.explore.output.picture.take();
    const { width, height } = taken.canvas;
    const lines = [...this.#ofPicture(), ...this.#ofStep(), this.#ofRun()];
    return { ...taken, sheet: laidOut(this.root, { width, height, lines }) };
  }

  #picture(name) {
    const { canvas, marks, place, sheet } = this.#laid();
    drawMarks(canvas.getContext('2d'), marks, place, SCALE);
    return keep(onCanvas(sheet, canvas), name);
  }

  #lines(name) {
    const { canvas, marks, place, sheet } = this.#laid();
    return keep(asLines(sheet, [asImage(canvas), ...marksAsLines(marks, place, SCALE)]), name, 'image/svg+xml');
  }

  #numbers(name) {
    return keep(stepsAsCsv(this.explore.trace), name, 'text/csv');
  }

  /** Lines of a caption: the frame, the unit that is held, what a crop keeps. */
  #ofPicture() {
    const { output: { picture }, trace } = this.explore;
    const [height, width] = trace.frames[picture.frame];
    const shown = [...this.root.querySelectorAll('.fx-unit, .fx-explain .fx-key')];
    const frame = `${this.words.t(`picture.${picture.frame}`)} ${height} × ${width}`;
    return [frame, ...shown.map((line) => line.textContent.trim())].filter(Boolean);
  }

  #ofStep() {
    const { words } = this;
    const { trace, step, look } = this.explore;
    const at = trace.steps[step];
    const facts = chips(trace, at, words).map(([label, value]) => `${words.t(label)} ${value}`);
    const { channel } = look.maps;
    const one = channel === null ? [] : [words.t('take.channel', { channel: String(channel) })];
    return [[at.name, ...one, ...facts].join(' · '), sentence(trace, at, words)];
  }

  #ofRun() {
    const { trace, stage: { catalog, imageName } } = this.explore;
    const { checkpoint, padding, image, altered, against } = trace.selection;
    const card = catalog.cards.find(({ name }) => name === checkpoint);
    const changed = trace.notes.filter(() => altered || against).map((note) => this.words.note(note));
    return [imageName(image), trace.title, this.words.of(card?.title ?? { en: checkpoint }),
      this.words.t(`padding.${padding}`), ...changed].filter(Boolean).join(' · ');
  }

  /** Files that the server makes of its run. */
  #ask(what) {
    const { trace, look: { drawn }, address, name: step } = this.explore;
    const look = String(new URLSearchParams([['step', step], ...address]));
    this.#say(this.words.t('take.making'));
    const { file: run, selection } = trace;
    const { language } = this.words;
    const question = { what, run, step: drawn.name, selection, stem: this.#stem, look, language };
    this.asker.ask(question, async (piece) => {
      if (piece.kind === 'begun') return;
      if (piece.kind === 'error') return this.#say(this.words.error(piece));
      try {
        await saved(this.stage.resolve(piece.file), piece.name);
        this.#said(piece.name, piece.bytes);
      } catch (error) {
        this.#say(this.words.error(lost(error)));
      }
    });
  }

  #said(name, bytes) {
    this.#say(this.words.t('take.saved', { name, size: this.words.bytes(bytes) }));
  }

  #say(text) {
    find(this.dialog, '.fx-taking-said').textContent = text;
  }
}
