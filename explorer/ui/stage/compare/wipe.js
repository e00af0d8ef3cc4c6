/** The wipe between two of several results: which two, and where the line between them stands. */

import { fill, find, make, on } from '../dom.js';
import { roles } from '../colour.js';

const NEAR = 16; // CSS pixels from the line that still take hold of it

export class Wipe {
  /** `about` {words, title, onSides, onMove}: `title(result)` names a network; `onSides` is called when other two are
   *  chosen, `onMove` when the line moves. */
  constructor(root, about) {
    this.about = about;
    this.divide = 0.5; // share of the width
    this.sides = null; // indices of two results
    this.box = find(root, '.fx-sides');
    this.slider = on(find(root, '.fx-wipe'), 'input', ({ target }) => this.#move(target.value / 100));
  }

  #move(share) {
    this.divide = share;
    this.slider.value = String(100 * share);
    this.about.onMove();
  }

  /** Offer the results as sides, where there are more than two; or hide. */
  show(results, shown) {
    this.sides ??= [0, results.length - 1];
    this.slider.hidden = !shown || !results.length;
    this.box.hidden = !shown || results.length < 3;
    this.box.replaceChildren(
      ...['compare.left', 'compare.right'].map((key, side) => {
        const select = make('select', { 'aria-label': this.about.words.t(key) });
        fill(select, results.map((result, i) => [i, this.about.title(result)]), this.sides[side]);
        return on(select, 'change', () => {
          this.sides[side] = Number(select.value);
          this.about.onSides();
        });
      })
    );
  }

  /** The line can be taken on the picture itself. */
  draggable(canvas) {
    const at = ({ clientX }) => {
      const { left, width } = canvas.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (clientX - left) / width));
      return { share, near: Math.abs(share - this.divide) * width < NEAR };
    };
    let held = false;
    const down = (event) => {
      held = at(event).near;
      if (!held) return;
      canvas.setPointerCapture?.(event.pointerId);
      event.stopImmediatePropagation(); // the picture stays
    };
    const moved = (event) => {
      const { share, near } = at(event);
      canvas.style.cursor = held || near ? 'ew-resize' : '';
      if (held) this.#move(share);
    };
    on(canvas, 'pointerdown', down, { capture: true });
    on(canvas, 'pointermove', moved, { capture: true });
    on(canvas, ['pointerup', 'pointercancel'], () => (held = false));
  }

  /** Draw the line. */
  line(context, ratio) {
    const { width, height } = context.canvas;
    for (const [style, wide] of [[roles.dark, 4], [roles.light, 2]]) {
      context.fillStyle = style;
      context.fillRect(this.divide * width - (wide / 2) * ratio, 0, wide * ratio, height);
    }
  }
}
