/** The stage: wires controls, runs and the views. Python is called to run a network, for nothing else. */

import { find, on } from './dom.js';
import { Bar } from './bar.js';
import { Colours, roles } from './colour.js';
import { Explore } from './explore/explore.js';
import { wishOf } from './explore/looked.js';
import { Given } from './given.js';
import { ImageButton } from './image.js';
import { Words, pickLanguage } from './i18n.js';
import { keysDialog } from './keys.js';
import { Message } from './message.js';
import { Notice } from './notice.js';
import { ownImage, stored, themeButton } from './preferences.js';
import { Lessons } from './lessons/lessons.js';
import { Returning } from './returning.js';
import { Runner } from './runner.js';
import { Address, OWN, complete, fromAddress } from './selection.js';
import { Share } from './share.js';
import { Sources } from './sources.js';
import { Views } from './views.js';

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
    this.returning = new Returning(this, start.selection);
    this.message = new Message(root, this.words, (problem) => this.returning.mind(problem));
    this.image = new ImageButton(root, this);
    this.runner = new Runner({ ...gradio, alive: this.returning.alive, mostBytes: this.catalog.mostBytes }, {
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
    this.given = new Given((files, page) => this.#read(files, page), () => this.show('segment'));
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
    this.translate().then(() => this.begin(start)).then(() => this.lessons.restore(this.address));
    gradio.watch('value', () => {
      const message = JSON.parse(gradio.props.value);
      for (const listener of [this.runner, this.explore, this.views, this.share]) listener.hear(message);
    });
  }

  /** What the views need of the stage. */
  #shared(start) {
    const { gradio, catalog, colours, words, resolve } = this;
    return {
      gradio, catalog, colours, words, resolve, alive: this.returning.alive,
      selection: () => this.selection,
      change: (change) => this.change(change),
      onEdited: (file, against) => // the image was painted on: it is shown as the difference from the one before
        this.#with(() => this.runner.sendFile(file, { selection: { ...this.selection, against } })),
      imageName: (image) => this.image.name(image),
      picture: () => this.image.best(this.selection.image, this.trace),
      /** A step of a lesson keeps the image that is looked at, unless it names one. */
      visit: (address) => this.visit(address, { ...start, image: this.selection.image }),
      isStale: () => this.#isStale(), isOwn: () => !this.image.example(this.selection.image),
      explore: () => this.explore, labs: () => this.views.labs,
      settled: () => this.position.now(),
      say: (problem) => this.say(problem),
      onProgress: (...news) => this.#progress(...news),
      turn: () => this.given.turn,
      onSettle: () => this.settle(),
      onOpen: (place) => this.#openAt(place),
      onImage: (image, name, picture, domain) => {
        this.image.learn(image, { name, picture, domain });
        this.#choose({ ...this.selection, image });
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

  /** Start with the run that came with the page, or the one that the address asks for. */
  async begin(start) {
    if (this.returning.isAnother()) setTimeout(() => this.say({ code: 'restarted', details: {} }));
    const wish = this.#wish(this.address, start.selection);
    const view = this.address.get('view');
    this.views.restore(this.address);
    on(window, 'popstate', () => this.#back(start.selection));
    if (this.views.has(view)) {
      if (wish) this.#choose(wish);
      this.root.dataset.state = 'ready';
      return this.show(view);
    }
    if (wish) {
      this.#choose(wish);
      this.run();
    } else if (start.trace) await this.bar.waiting(this.open(start.trace, start.selection), this.words);
  }

  /** What an address asks for, null if it is what the page opens on; without an image in it, this tab's own. */
  #wish(address, standard) {
    const own = this.image.ownFor(address);
    const isMissing = !own && address.get('image') === OWN; // said once what is shown has begun
    if (isMissing) setTimeout(() => this.say({ code: 'own_image', details: {} }));
    const wish = fromAddress(this.catalog, address, standard, own?.image);
    if (own && wish) this.image.recall(own);
    this.explore.wished = wishOf(address);
    return wish;
  }

  /** The browser's buttons back and forward: the address is another one, and what it asks for is shown. */
  #back(standard) {
    this.position.turned();
    const address = new URLSearchParams(location.search);
    this.visit(address, standard);
    this.lessons.restore(address);
  }

  /** Show what an address asks for, filled up from `standard`. */
  visit(address, standard) {
    const view = this.views.has(address.get('view')) ? address.get('view') : 'explore';
    this.views.restore(address);
    const { image: before } = this.selection;
    this.#choose(this.#wish(address, standard) ?? standard);
    const { image } = this.selection;
    if (view !== this.views.shown) this.show(view);
    else if (this.views.panel)
      this.#with(() => this.views.panel.changed(image === before ? {} : { image }, this.image.name(image)));
    else if (this.#isStale()) this.#with(() => this.runner.send({ selection: this.selection }, { ownImage: false }));
    if (view !== 'explore' || this.#isStale()) return;
    if (this.runner.request) this.runner.cancel(); // of another, asked for meanwhile
    this.explore.revisit();
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
    if (!this.views.panel && this.#isStale()) this.run();
    this.settle();
  }

  /** A channel of a step was pressed in a lab: it is shown large, in a run of what the lab looked at. */
  #openAt(place) {
    this.explore.wished = place;
    this.show('explore');
    if (!this.#isStale()) this.explore.revisit();
  }

  /** Read files, the first of them from a page of it. */
  #read(files, page = 0) {
    const { views: { panel }, selection } = this;
    this.#with(() => (panel ? panel.add(files, page) : this.runner.sendFile(files[0], { selection, page })));
  }

  /** A control was used: complete the selection so that it fits together, and run it. */
  change(change) {
    this.explore.wished = null;
    if ('image' in change) this.given.forget();
    this.#choose(complete(this.catalog, this.selection, change));
    if (this.views.panel) {
      this.settle();
      return this.#with(() => this.views.panel.changed(change, this.image.name(this.selection.image)));
    }
    this.#with(() => this.runner.send({ selection: this.selection }, { ownImage: !('image' in change) }));
  }

  #choose(selection) {
    this.selection = selection;
    this.bar.show(selection, this.words);
    this.#written();
  }

  /** The image's button, and what there is to say of the choice: of its run only beside its steps. */
  #written() {
    this.image.show(this.selection.image);
    this.explore?.probe.write();
    this.notice.show(this.selection, this.views?.panel || this.#isStale() ? [] : this.trace.notes);
  }

  /** Whether no run of what is chosen is shown. */
  #isStale() {
    return !this.trace || JSON.stringify(this.trace.selection) !== JSON.stringify(this.selection);
  }

  /** Stop the run; the controls go back to what is shown. */
  cancel() {
    this.explore.wished = null;
    if (this.views.panel) return this.views.panel.cancel();
    this.runner.cancel();
    if (this.trace) this.#choose(this.trace.selection);
  }

  run() {
    this.#with(() => (this.views.panel ? this.views.panel.run() : this.runner.send({ selection: this.selection })));
  }

  #with(begin) {
    this.say(null);
    begin();
  }

  async #done(message) {
    const { selection: { image }, imageName: name, domain } = message;
    this.image.learn(image, { name, domain });
    this.#choose(message.selection);
    await this.open(message.trace, message.selection);
  }

  /** A run failed. Where a reloaded page asked for an image that the server no longer has, it begins anew. */
  async #failed(problem, { selection, trace }) {
    this.say(problem);
    const { trace: shown } = this;
    if (problem.code === 'image_gone') {
      ownImage(null);
      if (shown && shown.selection.image !== this.selection.image) this.#choose(shown.selection);
    }
    if (shown || !trace || problem.code === 'connection') return; // else nothing would be shown at all
    this.#choose(selection);
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
