/** Going through the steps: the list on the left, slider with skip arcs, buttons, keys, play. */

const NS = 'http://www.w3.org/2000/svg';
const NEAR = 3; // an input from further back than this many steps is a skip

export class Steps {
  constructor(root, colours, { onStep }) {
    this.root = root;
    this.colours = colours;
    this.onStep = onStep;
    this.list = root.querySelector('.fx-list ol');
    this.slider = root.querySelector('.fx-track input');
    this.arcs = root.querySelector('.fx-arcs');
    this.playButton = root.querySelector('.fx-play');
    this.speed = root.querySelector('.fx-speed select');
    this.count = 0;
    this.at = 0;
    this.slider.addEventListener('input', () => onStep(Number(this.slider.value)));
    for (const [name, move] of Object.entries({ first: () => 0, previous: () => this.at - 1, next: () => this.at + 1 })) {
      root.querySelector(`.fx-${name}`).addEventListener('click', () => onStep(this.#clamp(move())));
    }
    this.playButton.addEventListener('click', () => this.play(!this.timer));
    this.speed.addEventListener('change', () => this.timer && this.play(true));
    this.list.addEventListener('click', (event) => {
      const item = event.target.closest('button');
      if (item) onStep(Number(item.dataset.step));
    });
    document.addEventListener('keydown', (event) => this.#key(event));
  }

  #clamp(step) {
    return Math.max(0, Math.min(this.count - 1, step));
  }

  #key(event) {
    const tag = document.activeElement?.tagName;
    const typing = tag === 'SELECT' || tag === 'TEXTAREA' || (tag === 'INPUT' && document.activeElement !== this.slider);
    if (typing || event.ctrlKey || event.altKey || event.metaKey || document.querySelector('dialog[open]')) return;
    const moves = { ArrowRight: this.at + 1, ArrowLeft: this.at - 1, ArrowDown: this.at + 1, ArrowUp: this.at - 1, Home: 0, End: this.count - 1 };
    if (event.key in moves) {
      if (document.activeElement?.getAttribute('role') === 'radio') return;
      this.onStep(this.#clamp(moves[event.key]));
    } else if (event.key === ' ' && tag !== 'BUTTON') this.play(!this.timer);
    else return;
    event.preventDefault();
  }

  play(on) {
    clearTimeout(this.timer);
    this.timer = on ? setTimeout(() => this.#playOn(), Number(this.speed.value)) : null;
    if (on && this.at + 1 >= this.count) this.onStep(0);
    this.playButton.setAttribute('aria-pressed', String(on));
  }

  /** One step further; the next one waits until this one is drawn, however slow the line. */
  async #playOn() {
    if (this.at + 1 >= this.count) return this.play(false);
    const { timer } = this;
    await this.onStep(this.at + 1);
    if (this.timer === timer) this.timer = setTimeout(() => this.#playOn(), Number(this.speed.value));
  }

  /** Take a run: one list entry per step, one arc per skip. */
  load(trace, words) {
    this.count = trace.steps.length;
    this.slider.max = String(this.count - 1);
    const largest = Math.max(...trace.steps.map((s) => s.shape[1]));
    const most = Math.max(...trace.steps.map((s) => s.shape[0]));
    this.list.replaceChildren(...trace.steps.map((step, i) => this.#entry(trace, step, i, largest, most, words)));
    this.#drawArcs(trace);
    this.mark(Math.min(this.at, this.count - 1));
  }

  #entry(trace, step, i, largest, most, words) {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.step = String(i);
    button.dataset.said = `${step.name}, ${shapeText(step)}`;
    button.tabIndex = -1;
    button.className = `fx-${pathOf(trace, i)}`;
    button.title = words.t(`op.${step.op}`);
    const bar = document.createElement('i'); // as tall as the map is large, as wide as it has channels
    bar.style.height = `${Math.max(2, Math.round((step.shape[1] / largest) * 20))}px`;
    bar.style.width = `${Math.max(2, Math.round(Math.sqrt(step.shape[0] / most) * 20))}px`;
    const box = document.createElement('span');
    box.className = 'fx-glyph';
    box.append(bar);
    const name = document.createElement('b');
    name.textContent = step.name;
    const shape = document.createElement('small');
    shape.textContent = shapeText(step);
    button.append(box, name, shape);
    item.append(button);
    return item;
  }

  #drawArcs(trace) {
    const last = this.count - 1;
    this.arcs.setAttribute('viewBox', '0 0 1000 100');
    const skips = trace.steps.flatMap((step, to) =>
      step.inputs
        .filter((_, k) => !(step.op === 'crop' && k === 1)) // a crop's reference gives only its size
        .map((name) => [trace.index.get(name), to])
    );
    const arcs = skips
      .filter(([from, to]) => to - from > NEAR)
      .map(([from, to]) => {
        const [a, b] = [(from / last) * 1000, (to / last) * 1000];
        const path = document.createElementNS(NS, 'path');
        const height = 92 - 85 * ((b - a) / 1000);
        path.setAttribute('d', `M${a} 100 C${a} ${height} ${b} ${height} ${b} 100`);
        return path;
      });
    this.arcs.replaceChildren(...arcs);
  }

  mark(step) {
    this.at = step;
    this.slider.value = String(step);
    this.root.querySelector('.fx-count').textContent = `${step + 1} / ${this.count}`;
    const old = this.list.querySelector('[aria-current]');
    old?.removeAttribute('aria-current');
    if (old) old.tabIndex = -1; // the list is one stop for the tab key
    const now = this.list.children[step]?.firstChild;
    if (!now) return;
    now.setAttribute('aria-current', 'step');
    now.tabIndex = 0;
    this.slider.setAttribute('aria-valuetext', now.dataset.said);
    const { offsetTop, offsetHeight } = now;
    const pane = this.list;
    if (offsetTop < pane.scrollTop + 40) pane.scrollTop = offsetTop - 40;
    else if (offsetTop + offsetHeight > pane.scrollTop + pane.clientHeight - 40) {
      pane.scrollTop = offsetTop + offsetHeight - pane.clientHeight + 40;
    }
  }
}

export function shapeText(step) {
  const [c, h, w] = step.shape;
  return `${h} × ${w} × ${c}`;
}

/** Contracting until the lowest resolution, expansive behind the first up-sampling, skip for what is cut and scored. */
export function pathOf(trace, i) {
  const step = trace.steps[i];
  const up = trace.steps.findIndex((s) => s.op === 'upconv' || s.op === 'bilinear');
  if (i < up || up < 0) return 'contracting';
  const feeds = (s) => s.op === 'crop' || s.op === 'scale' || /^score_pool/.test(s.name);
  const ofExpansive = step.op === 'crop' && trace.step(step.inputs[0]).op === 'bilinear'; // "same": the other one is cut
  return feeds(step) && !ofExpansive ? 'skip' : 'expansive';
}
