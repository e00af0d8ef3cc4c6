/** How a layer is looked at: scale, order, colour map, one channel or components; the tools above the maps. */

import { fill, find, on, pen } from '../dom.js';
import { radios } from '../bar.js';
import { halves } from './channels.js';
import { painted } from '../colour.js';
import { histogram, byActivity, byAgreement } from './order.js';
import { presentClasses, showColourBar, showStatistics } from './panels.js';
import { fetchBitmap, fetchPixels } from '../files.js';

const BINS = 48;
const SOON = 60; // ms after the maps are drawn

export class Layer {
  /** @type {() => void} called when a channel has come at full resolution */ onFull;
  /** @type {Page.Trace} */ trace;
  /** @type {Page.Step} that is shown */ step;
  /** @type {Page.Step} whose map is drawn */ drawn;
  /** @type {Page.Codes} */ picture;
  /** @type {Page.Words} */ words;

  /** `about` {asker, resolve, onChange, labels}: what it asks by, who is told, and the classes of the prediction. */
  constructor(root, maps, colours, about) {
    const { onChange } = about;
    this.root = root;
    this.maps = maps;
    this.colours = colours;
    this.about = about;
    this.scale = 'channel';
    this.sort = 'index';
    this.fixed = null; // [low, high] that "fixed" keeps from step to step
    this.components = null; // null, or what is known of the principal components
    const stretch = (scale) => {
      this.#stretch(scale);
      onChange();
    };
    this.chooseScale = radios(find(root, '.fx-scale'), 'scale', stretch, this.scale);
    this.sorts = on(find(root, '.fx-sort select'), 'change', ({ target }) => {
      this.sort = target.value;
      onChange();
    });
    this.tints = on(find(root, '.fx-colours select'), 'change', ({ target }) => {
      colours.use(target.value);
      onChange();
    });
    this.rgb = on(find(root, '.fx-rgb'), 'click', () => this.toggleComponents());
  }

  /** Show a step's maps as chosen. `crop` as in Maps.show. */
  show(trace, step, drawn, picture, crop, words) {
    const { maps } = this;
    if (maps.shown?.step !== drawn) this.components = null;
    if (maps.channel !== null && maps.channel >= drawn.shape[0]) maps.channel = null;
    Object.assign(this, { trace, step, drawn, picture, words });
    maps.order = this.#order();
    const names = drawn.scores ? trace.classes.map(({ name }) => words.of(name)) : null;
    const parts = halves(trace, drawn);
    // the halves of a concatenation are there to be compared: one scale for both
    this.shownScale = parts.length > 1 && this.scale === 'channel' ? 'layer' : this.scale;
    this.chooseScale(this.shownScale);
    const scheme = this.colours.scheme(drawn.maps, this.shownScale, this.fixed);
    maps.show(drawn, picture, scheme, { crop, names, halves: parts });
    this.write(words);
    this.#fetchFull();
  }

  /** Order and scale of the maps drawn next. */
  use(order, scale) {
    this.sort = order;
    if (scale !== this.scale || scale === 'fixed') this.#stretch(scale);
  }

  #stretch(scale) {
    this.scale = scale;
    this.fixed = scale === 'fixed' ? this.maps.scheme?.range ?? null : null;
  }

  #order() {
    const { trace, drawn, picture } = this;
    if (this.sort === 'activity') return byActivity(drawn, picture);
    const index = Number(this.sort.replace('class', ''));
    if (this.sort.startsWith('class') && trace.shares[index] > 0) {
      return byAgreement(trace, drawn, picture, this.about.labels(), index);
    }
    return null;
  }

  /** The words and figures of the tools. */
  write(words) {
    const { root, trace, maps } = this;
    if (!trace) return;
    this.words = words;
    const present = presentClasses(trace);
    this.#fill(this.sorts, this.sort, [
      ['index', words.t('maps.sort.index')],
      ['activity', words.t('maps.sort.activity')],
      ...present.map(({ index, name }) => [`class${index}`, words.t('maps.sort.class', { name: words.of(name) })]),
    ]);
    const { signed } = maps.scheme; // maps with a sign have their own colours
    const { name: tint, names: tints, divergingName } = this.colours;
    const choices = signed
      ? [[divergingName, divergingName]]
      : tints.map((name) => [name, words.t(`maps.colours.${name}`)]);
    this.#fill(this.tints, signed ? divergingName : tint, choices);
    this.tints.disabled = signed;
    this.tints.title = signed ? words.t('maps.colours.signed') : '';
    root.classList.toggle('fx-composed', Boolean(this.components?.shares)); // scale, order, colours are of channels
    this.rgb.setAttribute('aria-pressed', String(this.components !== null));
    this.rgb.classList.toggle('fx-absent', maps.channel !== null || this.drawn.shape[0] < 2);
    this.ends(maps.channel);
    showStatistics(root, this.drawn, maps.channel, words);
    clearTimeout(this.later); // counting takes a moment, and who steps on does not look at it
    this.later = setTimeout(() => this.#histogram(), SOON);
    this.#explain();
  }

  /** The values at the colour bar's ends: those of a channel, or of all (null). */
  ends(channel) {
    showColourBar(this.root, this.maps, this.shownScale === 'channel', channel, this.words);
  }

  #fill(select, chosen, choices) {
    const key = JSON.stringify(choices);
    select.value = chosen;
    if (select.dataset.filled === key) return;
    select.dataset.filled = key;
    fill(select, choices, chosen);
  }

  /** How often each value occurs, above the colour bar that it shares its ends with. */
  #histogram() {
    const canvas = find(this.root, '.fx-histogram');
    const { maps, drawn, picture } = this;
    const ofAll = this.shownScale !== 'channel' && maps.channel === null; // else between its channel's ends
    const ends = ofAll ? () => maps.scheme.range : maps.scheme.ends;
    const counts = histogram(drawn, picture, maps.channel, ends, BINS);
    const most = Math.log1p(Math.max(...counts)) || 1;
    const c = pen(canvas);
    c.clearRect(0, 0, canvas.width, canvas.height);
    c.fillStyle = getComputedStyle(canvas).color;
    const wide = canvas.width / BINS;
    counts.forEach((n, i) => {
      const tall = (Math.log1p(n) / most) * canvas.height;
      c.fillRect(i * wide, canvas.height - tall, wide - 0.5, tall);
    });
    const [low, high] = ['.fx-low', '.fx-high'].map((name) => find(this.root, name).textContent);
    canvas.title = this.words.t('maps.histogram', { low, high });
    canvas.setAttribute('aria-label', canvas.title);
  }

  /** What is drawn, where that is not obvious. */
  #explain() {
    const { words, step, drawn, components, maps } = this;
    const parts = [];
    if (step !== drawn) parts.push(words.t('maps.whole', { source: drawn.name, step: step.name }));
    if (components?.shares) {
      const [red, green, blue] = [0, 1, 2].map((i) => words.percent(components.shares[i] ?? 0));
      parts.push(words.t('maps.rgb.shares', { red, green, blue }));
    } else if (components) parts.push(components.failed ? words.error(components.failed) : words.t('held.computing'));
    else if (drawn.maps.reduction > 1 && !(maps.channel !== null && maps.full?.channel === maps.channel)) {
      parts.push(words.t('maps.reduced', { reduction: drawn.maps.reduction }));
    }
    find(this.root, '.fx-reduced').textContent = parts.join(' ');
  }

  /** One channel large, or all (null). A reduced one is fetched at full resolution. */
  pick(channel) {
    this.maps.channel = channel;
    this.maps.whole = this.components = null;
    this.maps.redraw();
    this.write(this.words);
    this.#fetchFull();
  }

  /** Ask for the large channel at full resolution, where the mosaic has it reduced; paint it as the others are. */
  #fetchFull() {
    const { maps, drawn } = this;
    const { channel } = maps;
    if (maps.full?.channel === channel && maps.full.step === drawn) {
      maps.full.canvas = this.#paint(maps.full.coded, maps.full.piece);
      return maps.redraw();
    }
    if (channel === null || drawn.maps.reduction === 1) return;
    this.about.asker.ask({ what: 'channel', run: this.trace.file, step: drawn.name, channel }, async (piece) => {
      if (piece.kind !== 'channel' || this.drawn !== drawn || maps.channel !== channel) return;
      const coded = await fetchPixels(this.about.resolve(piece.file)).catch(console.warn); // the reduced channel stays
      if (!coded || this.drawn !== drawn || maps.channel !== channel) return;
      maps.full = { channel, step: drawn, coded, piece, canvas: this.#paint(coded, piece) };
      maps.redraw();
      this.write(this.words);
      this.onFull?.();
    });
  }

  #paint({ data, width, height }, { channel, min, max }) {
    const { scheme } = this.maps;
    const table = scheme.codesBetween(min, max, ...scheme.ends(channel));
    return painted(width, height, (i) => table[data[4 * i]]);
  }

  /** The layer's first three principal components as one picture, or its channels again. */
  toggleComponents() {
    const { maps, drawn } = this;
    if (this.components) {
      this.components = maps.whole = null;
      maps.redraw();
      return this.write(this.words);
    }
    const mine = (this.components = {});
    this.write(this.words);
    this.about.asker.ask({ what: 'principal', run: this.trace.file, step: drawn.name }, async (piece) => {
      if (this.components !== mine) return;
      if (piece.kind === 'principal') {
        const bitmap = await fetchBitmap(this.about.resolve(piece.file));
        if (this.components !== mine) return;
        mine.shares = piece.shares;
        maps.whole = bitmap;
        maps.redraw();
      } else mine.failed = piece;
      this.write(this.words);
    });
  }
}
