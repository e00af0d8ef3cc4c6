/** Going through the steps: the network map, slider with skip arcs, buttons, keys, play. */

import { draw, find, on } from '../dom.js';
import { busyElsewhere, focused, keyOf } from '../keys.js';
import { NetMap } from './netmap.js';

const MOVES = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
const NEAR = 3; // an input from further back than this many steps is a skip

export class Steps {
  /** `onStep` goes to a step, `onChoose` to one that was chosen in the network map. */
  constructor(root, { onStep, onChoose }) {
    this.root = root;
    this.onStep = onStep;
    this.map = new NetMap(root, { onStep: onChoose });
    this.arcs = find(root, '.fx-arcs');
    this.count = 0;
    this.at = 0;
    this.slider = on(find(root, '.fx-track input'), 'input', ({ target }) => onStep(Number(target.value)));
    for (const [name, by] of Object.entries({ first: -Infinity, previous: -1, next: 1 })) {
      on(find(root, `.fx-${name}`), 'click', () => this.#stepBy(by));
    }
    this.playButton = on(find(root, '.fx-play'), 'click', () => this.play(!this.timer));
    this.speed = on(find(root, '.fx-speed select'), 'change', () => this.timer && this.play(true));
    on(document, 'keydown', (event) => this.#key(event));
  }

  /** A person steps by hand: that ends the play. */
  #stepBy(by, how) {
    this.play(false);
    this.onStep(this.#beyond(by), how);
  }

  /** The step so many stops further on (or back): every step, or every block where the network is drawn by blocks. */
  #beyond(by) {
    const stops = this.map.stops();
    const before = stops.filter((stop) => stop <= this.at).length - 1;
    const here = by > 0 ? before : stops.findIndex((stop) => stop >= this.at);
    return stops[Math.max(0, Math.min(stops.length - 1, here + by))];
  }

  #key(event) {
    const active = focused();
    if (busyElsewhere(event) || (active instanceof HTMLInputElement && active !== this.slider)) return;
    const key = keyOf(event);
    if (Object.hasOwn(MOVES, key)) {
      if (active?.getAttribute('role') === 'radio') return;
      this.#stepBy(MOVES[key]);
    } else if (key === 'u' || key === 'o') {
      this.#stepBy(key === 'o' ? 1 : -1, { keepPlace: true });
    } else if (key === ' ' && active?.tagName !== 'BUTTON') this.play(!this.timer);
    else return;
    event.preventDefault();
  }

  play(wanted) {
    clearTimeout(this.timer);
    this.timer = wanted ? setTimeout(() => this.#playOn(), Number(this.speed.value)) : undefined;
    if (wanted && this.at + 1 >= this.count) this.onStep(0);
    this.playButton.setAttribute('aria-pressed', String(wanted));
  }

  /** One step further; the next one waits until this one is drawn, however slow the line. */
  async #playOn() {
    if (this.at + 1 >= this.count) return this.play(false);
    const { timer } = this;
    await this.onStep(this.#beyond(1));
    if (this.timer === timer) this.timer = setTimeout(() => this.#playOn(), Number(this.speed.value));
  }

  /** Take a run: its network map, one arc per skip. */
  load(trace, words) {
    this.count = trace.steps.length;
    this.slider.max = String(this.count - 1);
    this.map.load(trace, words);
    this.#drawArcs(trace);
    this.mark(Math.min(this.at, this.count - 1));
  }

  #drawArcs(trace) {
    const at = (i) => (i / (this.count - 1)) * 1000;
    this.arcs.setAttribute('viewBox', '0 0 1000 100');
    const arcs = trace.steps.flatMap((step, to) => {
      const far = step.reads.map((name) => trace.index.get(name)).filter((from) => to - from > NEAR);
      return far.map((from) => {
        const height = 92 - 0.085 * (at(to) - at(from));
        return draw('path', { d: `M${at(from)} 100C${at(from)} ${height} ${at(to)} ${height} ${at(to)} 100` });
      });
    });
    const ticks = trace.steps.map((step, i) => {
      const changed = step.reads.length > 0 && trace.step(step.reads[0]).level !== step.level; // another resolution
      const className = changed ? 'fx-tick fx-tick-level' : 'fx-tick';
      return draw('path', { class: className, d: `M${at(i)} 118v${changed ? 22 : 12}` });
    });
    this.arcs.replaceChildren(...ticks, ...arcs);
  }

  mark(step) {
    this.at = step;
    this.slider.value = String(step);
    find(this.root, '.fx-count').textContent = `${step + 1} / ${this.count}`;
    this.slider.setAttribute('aria-valuetext', this.map.mark(step));
  }
}
