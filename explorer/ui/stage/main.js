/** The stage: wires controls, runs and the views. Python is called to run a network, for nothing else. */

import { find } from './dom.js';
import { Bar } from './bar.js';
import { Colours, roles } from './colour.js';
import { isThere } from './files.js';
import { Explore } from './explore/explore.js';
import { Given, USUAL } from './given.js';
import { ImageButton } from './image.js';
import { Words, pickLanguage } from './i18n.js';
import { keysDialog } from './keys.js';
import { Message } from './message.js';
import { Notice } from './notice.js';
import { ownImage, stored, themeButton } from './preferences.js';
import { Lessons } from './lessons/lessons.js';
import { Runner } from './runner.js';
import { Address, complete, follows, leaves } from './selection.js';
import { Share } from './share.js';
import { Sources } from './sources.js';
import { Views } from './views.js';
import { Visits } from './visits.js';

/** @param {any} gradio of its HTML component, and the page's address; a page without a server has files of its own */
export function mount({ element, ...gradio }) {
  new Stage(find(element, '.fx'), JSON.parse(gradio.props.value), gradio);
}

class Stage {
  say = (problem) => this.message.say(problem); // an error {code, details} in words, or nothing

  constructor(root, start, gradio) {
    this.root = root;
    this.gradio = gradio;
    this.catalog = start.catalog;
    this.resolve = gradio.resolve ?? ((name) => new URL(`${this.catalog.files}/${name}`, gradio.base).href);
    this.address = new URLSearchParams(location.search || gradio.search);
    this.position = new Address();
    this.words = new Words(start.catalog.texts, pickLanguage(this.address, Object.keys(start.catalog.texts)));
    this.colours = new Colours(start.catalog.colours);
    for (const [role, colour] of Object.entries(roles)) root.style.setProperty(`--fx-${role}`, colour);
    this.selection = start.selection;
    this.left = follows(this.catalog, start.selection); // to the image
    this.message = new Message(root, this.words);
    this.image = new ImageButton(root, this);
    this.runner = new Runner({ ...gradio, alive: () => isThere(this.gradio.base), mostBytes: this.catalog.mostBytes }, {
      onProgress: (...news) => this.#progress(...news),
      onDone: (message) => this.#done(message),
      onError: (problem) => this.#failed(problem, start),
    });
    this.bar = new Bar(root, this.catalog, {
      onChange: (change) => this.change(change),
      onRun: () => (this.busy ? this.cancel() : this.run()),
      onLanguage: (lang) => {
        this.chosenLanguage = stored('language', lang);
        this.words.use(lang).then(() => this.translate());
      },
    });
    this.given = new Given((files, how) => this.#read(files, how), () => this.show('segment'));
    this.notice = new Notice(root, this, (change) => this.change(change));
    this.sources = new Sources(root, {
      onFiles: (files) => this.given.take(files),
      onExample: (file) => this.change({ image: file }),
      onNothing: () => this.say({ code: 'nothing_dropped', details: {} }),
      t: (key, values) => this.words.t(key, values),
    });
    const shared = this.#shared(start.selection);
    this.explore = new Explore(root, shared);
    this.views = new Views(root, shared, { onShow: (view) => this.show(view) });
    this.lessons = new Lessons(root, shared);
    this.share = new Share(root, shared);
    themeButton(find(root, '.fx-theme'), this.address);
    keysDialog(root);
    this.visits = new Visits(this);
    this.translate().then(() => this.visits.begin(start)).then(() => this.lessons.restore(this.address));
    gradio.watch('value', () => {
      const message = JSON.parse(gradio.props.value);
      for (const listener of [this.runner, this.explore, this.views, this.share]) listener.hear(message);
    });
  }

  /** What the views need of the stage. */
  #shared(start) {
    const { gradio, catalog, colours, words, resolve } = this;
    return {
      gradio, catalog, colours, words, resolve, alive: () => isThere(this.gradio.base),
      selection: () => this.selection,
      change: (change) => this.change(change),
      onEdited: (file, against) => // the image was painted on: it is shown as the difference from the one before
        this.doing(() => this.runner.sendFile(file, { selection: { ...this.selection, against } })),
      imageName: (image) => this.image.name(image),
      picture: () => this.image.best(this.selection.image, this.trace),
      /** A step of a lesson keeps the image that is looked at, unless it names one. */
      visit: (address) => this.visits.visit(address, { ...start, image: this.selection.image }),
      isStale: () => this.isStale(), isOwn: () => !this.image.example(this.selection.image),
      explore: () => this.explore, labs: () => this.views.labs,
      settled: () => this.position.now(),
      say: (problem) => this.say(problem),
      onProgress: (...news) => this.#progress(...news),
      turn: (image) => this.given.turn(image), given: this.given, left: () => this.left,
      selectionOf: (image) => this.#on(image),
      onSettle: () => this.settle(),
      onOpen: (place) => this.#openAt(place),
      know: (...known) => this.#know(...known),
      onImage: (image, known) => {
        this.#know(image, known);
        this.#follow(this.#on(image));
        this.settle();
      },
    };
  }

  /** Show everything in the chosen language; what the person was doing stays. */
  async translate() {
    await this.words.use(this.words.language);
    this.words.apply(this.root);
    this.bar.show(this.selection, this.words);
    this.bar.write(this.words);
    this.sources.list(this.catalog.examples, this.resolve, this.words);
    this.#written();
    this.message.write();
    this.views.panel?.write();
    this.explore.write();
    this.lessons.write();
  }

  get trace() {
    return this.explore.trace;
  }

  get busy() {
    return this.views.panel ? this.views.panel.busy : this.runner.request !== null;
  }

  /** Look inside, segment, compare, or open the labs; what goes on in the view that is left ends. */
  show(view) {
    if (this.views.shown === view) return;
    if (this.busy || this.views.panel) (this.views.panel ?? this.runner).cancel(); // the choice stays
    this.explore.steps.play(false);
    this.say(null);
    this.views.show(view, { image: this.selection.image, name: this.image.name(this.selection.image) });
    this.#written();
    if (!this.views.panel && this.isStale()) this.run();
    this.settle();
  }

  /** A channel of a step was pressed in a lab: it is shown large, in a run of what the lab looked at. */
  #openAt(place) {
    this.explore.wished = place;
    this.show('explore');
    if (!this.isStale()) this.explore.revisit();
  }

  /** Read files, the first of them from a page of it. */
  #read(files, how = USUAL) {
    const { views: { panel } } = this;
    this.doing(() => (panel ? panel.add(files, how) : this.runner.sendFile(files[0], { ...this.#question, ...how })));
  }

  /** What is asked of the server: a run of the selection. Of a file that comes with it some is left to the image. */
  get #question() {
    return { selection: this.selection, follow: this.left };
  }

  /** The selection on another image. */
  #on(image) {
    const { catalog, selection, left } = this;
    return image === undefined || image === selection.image ? selection : complete(catalog, selection, { image }, left);
  }

  /** What is known of an image now, and of what file it is: of the latest, if it came with an answer. */
  #know(image, known, given = known.imageName ? this.given.latest : null) {
    this.image.learn(image, known);
    if (!this.image.example(image)) this.given.learn(image, given);
  }

  /** Weights that nobody chose follow an own image, and that is said. */
  #follow(selection) {
    const { checkpoint: before } = this.selection;
    const isOwn = !this.image.example(selection.image);
    if (isOwn && before !== selection.checkpoint) this.notice.took(selection, before);
    this.choose(selection);
  }

  /** A control was used: complete the selection so that it fits together, and run it. */
  change(change) {
    this.explore.wished = null;
    if ('image' in change) this.given.forget();
    this.choose(complete(this.catalog, this.selection, change, this.left));
    this.left = leaves(this.catalog, this.left, change, this.selection);
    if (this.views.panel) {
      this.settle();
      return this.doing(() => this.views.panel.changed(change, this.image.name(this.selection.image)));
    }
    this.doing(() => this.runner.send(this.#question, { ownImage: !('image' in change) }));
  }

  choose(selection) {
    this.selection = selection;
    this.bar.show(selection, this.words);
    this.#written();
  }

  /** The image's button, and what there is to say of the choice: of its run only beside its steps. */
  #written() {
    this.image.show(this.selection.image);
    this.explore?.probe.write();
    this.notice.show(this.selection, this.views?.panel || this.isStale() ? [] : this.trace.notes);
  }

  /** Whether no run of what is chosen is shown. */
  isStale() {
    return !this.trace || JSON.stringify(this.trace.selection) !== JSON.stringify(this.selection);
  }

  /** Stop the run; the controls go back to what is shown. */
  cancel() {
    this.explore.wished = null;
    if (this.views.panel) return this.views.panel.cancel();
    this.runner.cancel();
    if (this.trace) this.choose(this.trace.selection);
  }

  run() {
    this.doing(() => (this.views.panel ? this.views.panel.run() : this.runner.send(this.#question)));
  }

  doing(begin) {
    this.say(null);
    begin();
  }

  async #done(message) {
    this.#know(message.selection.image, { ...message, name: message.imageName });
    this.#follow(message.selection);
    await this.open(message.trace, message.selection);
  }

  /** A run failed. Where a reloaded page asked for an image that the server no longer has, it begins anew. */
  async #failed(problem, { selection, trace }) {
    this.say(problem);
    const { trace: shown } = this;
    if (problem.code === 'image_gone') {
      ownImage(null);
      if (shown && shown.selection.image !== this.selection.image) this.choose(shown.selection);
    }
    if (shown || !trace || problem.code === 'connection') return; // else nothing would be shown at all
    this.choose(selection);
    await this.open(trace, selection);
  }

  #progress(fraction, text = '', details = {}) {
    this.bar.running(fraction, text, details, this.words);
    if (fraction !== null) this.root.dataset.state = 'running';
    else if (this.trace || this.views.panel) this.root.dataset.state = 'ready';
  }

  /** Show a finished run. */
  async open(file, selection) {
    if (!(await this.explore.open(file, selection))) return;
    this.image.learn(this.trace.selection.image, { picture: this.trace.pictures.resized });
    this.#written();
    this.settle(); // now with the picture
    if (!this.runner.request) this.root.dataset.state = 'ready';
    this.root.dataset.run = file;
  }

  settle() {
    const own = this.image.keep(this.selection.image);
    const { selection, chosenLanguage: lang, explore: { name: step }, views: { shown: view } } = this;
    const parts = this.views.panel ? this.views.panel.address ?? [] : this.explore.address;
    this.position.settle({ selection, step, lang, own, view, parts: [...parts, ...this.lessons.address] });
  }
}
