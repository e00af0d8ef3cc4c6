/** From 8-bit codes to colours: a table per channel, built from its range, the scale chosen and a colour map. */

import { pen } from './dom.js';

/** The palette's colours by what they mean (kept, field, dark, ...), as #rrggbb; filled from the catalog. */
export const roles = {};

/** A role's colour as CSS writes it, see-through where `alpha` is below 1.
 * @param {string} role @param {number} [alpha]
 */
export function css(role, alpha = 1) {
  return roles[role] + Math.round(alpha * 255).toString(16).padStart(2, '0');
}

/** A role's colour as ImageData holds it, AABBGGRR.
 * @param {string} role @param {number} [alpha]
 * @returns {number}
 */
export function packed(role, alpha = 1) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(roles[role].slice(at, at + 2), 16));
  return pack([[r, g, b, Math.round(alpha * 255)]])[0];
}

export class Colours {
  constructor({ sequential, diverging, divergingName, heat, roles: own }) {
    Object.assign(roles, own);
    this.heat = pack(heat);
    this.tables = Object.fromEntries(Object.entries(sequential).map(([name, rows]) => [name, pack(rows)]));
    this.names = Object.keys(this.tables);
    this.name = this.names[0];
    this.diverging = pack(diverging);
    this.divergingName = divergingName;
  }

  /** Choose the colour map of maps without a sign. */
  use(name) {
    this.name = name;
  }

  /** The chosen colours of values without a sign. */
  get sequential() {
    return this.tables[this.name];
  }

  /**
   * How a step's values become colours. Signed maps take the diverging map with zero in its middle; others the
   * sequential one. `scale` "channel" stretches every channel over its own range, "layer" over that of all, "fixed"
   * over `fixed` [low, high], which stays the same from step to step.
   */
  scheme(maps, scale, fixed) {
    if (maps.colours) return ofClasses(maps.colours);
    let low = Math.min(...maps.min);
    let high = Math.max(...maps.max);
    const kept = scale === 'fixed' && fixed;
    const signed = maps.signed || low < 0 || (kept && fixed[0] < 0); // zero stays where it was
    if (kept) [low, high] = fixed;
    /** @param {number[]} ends @returns {[number, number]} */
    const symmetric = ([a, b]) => {
      const most = Math.max(Math.abs(a), Math.abs(b));
      return signed ? [-most, most] : [a, b];
    };
    const ends = (c) => symmetric(scale === 'channel' ? [maps.min[c], maps.max[c]] : [low, high]);
    const table = signed ? this.diverging : this.sequential;
    const codesBetween = (min, max, a, b) => {
      const out = new Uint32Array(256);
      for (let p = 0; p < 256; p++) {
        const value = min + (p / 255) * (max - min);
        const at = b > a ? (value - a) / (b - a) : signed ? 0.5 : 0;
        out[p] = table[Math.max(0, Math.min(255, Math.round(at * 255)))];
      }
      return out;
    };
    return {
      signed,
      ends,
      range: symmetric([low, high]),
      table,
      codesBetween,
      /** 256 packed colours for the codes of channel c. */
      codes: (c) => codesBetween(maps.min[c], maps.max[c], ...ends(c)),
    };
  }
}

/** What `Colours.scheme` gives where codes are indices of classes: each class has its colour, whatever the scale.
 * @param {Uint32Array} table
 */
function ofClasses(table) {
  /** @type {[number, number]} */
  const range = [0, 255];
  return { signed: false, ends: () => range, range, table, codesBetween: () => table, codes: () => table };
}

/** Rows [r, g, b] or [r, g, b, alpha] of 0 to 255 as ImageData holds them.
 * @param {number[][]} rows
 */
export function pack(rows) {
  return Uint32Array.from(rows, ([r, g, b, alpha = 255]) => (alpha << 24) | (b << 16) | (g << 8) | r);
}

/** A canvas (or `canvas`) of width x height pixels, each in the packed colour that `colourAt` its index gives.
 * @param {number} width @param {number} height
 * @param {(index: number) => number} colourAt
 * @param {any} [canvas]
 */
export function painted(width, height, colourAt, canvas = new OffscreenCanvas(1, 1)) {
  const image = new ImageData(width, height);
  const out = new Uint32Array(image.data.buffer);
  for (let i = 0; i < out.length; i++) out[i] = colourAt(i);
  Object.assign(canvas, { width, height });
  pen(canvas).putImageData(image, 0, 0);
  return canvas;
}

/** A table of 256 colours from left to right, as wide as the canvas is.
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>} table
 * @returns {HTMLCanvasElement}
 */
export function ramp(canvas, table) {
  const { width } = canvas;
  return painted(width, 1, (i) => table[Math.round((i / (width - 1)) * 255)], canvas);
}

/** A hatch for what is dropped: readable without its colour.
 * @param {any} context @param {string} role @param {number} ratio @param {number} [gap]
 */
export function hatch(context, role, ratio, gap = 8) {
  return pattern(context, Math.round(gap * ratio), css('dark', 0.3), (c, size) => {
    c.strokeStyle = roles[role];
    c.lineWidth = 1.2 * ratio;
    for (const d of [-size, 0, size]) line(c, [d, size], [d + size, 0]);
    c.stroke();
  });
}

/** A pattern of noughts for zero padding.
 * @param {any} context @param {number} ratio
 */
export function zeros(context, ratio) {
  return pattern(context, Math.round(11 * ratio), roles.padding, (c, size) => {
    c.font = `${Math.round(9 * ratio)}px monospace`;
    Object.assign(c, { fillStyle: roles.zero, textAlign: 'center', textBaseline: 'middle' });
    c.fillText('0', size / 2, size / 2);
  });
}

/** Squares of a colour, each with what `paint` draws on it. */
function pattern(context, size, fillStyle, paint) {
  const c = pen(new OffscreenCanvas(size, size));
  c.fillStyle = fillStyle;
  c.fillRect(0, 0, size, size);
  paint(c, size);
  return context.createPattern(c.canvas, 'repeat');
}

/** Add a line to a context's path.
 * @param {any} context @param {number[]} from @param {number[]} to
 */
export function line(context, from, to) {
  context.moveTo(...from);
  context.lineTo(...to);
}

/** A rectangle outline that is seen on any picture: dark below, colour above, each so many CSS pixels wide.
 * @param {any} context @param {number[]} box @param {string} role @param {number} ratio @param {number[]} [dash]
 * @param {number[]} [widths]
 */
export function outline(context, box, role, ratio, dash = [], [below, above] = [4, 2]) {
  context.save();
  for (const [style, width, dashes] of [[css('dark', 0.75), below, []], [roles[role], above, dash]]) {
    if (!width) continue;
    context.strokeStyle = style;
    context.lineWidth = width * ratio;
    context.setLineDash(dashes.map((d) => d * ratio));
    context.strokeRect(...box);
  }
  context.restore();
}

/** Fill what lies in `outer` and not in `inner`, both [x, y, w, h].
 * @param {any} context @param {number[]} outer @param {number[]} inner @param {string | CanvasPattern} style
 */
export function fillAround(context, outer, inner, style) {
  context.save();
  context.beginPath();
  context.rect(...outer);
  context.rect(...inner);
  context.fillStyle = style;
  context.fill('evenodd');
  context.restore();
}
