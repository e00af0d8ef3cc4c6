/** Where a step of a lesson points: places by their names, and a ring around one that follows it. */

import { on } from '../dom.js';

/** @type {Record<string, string>} */
const PLACES = {
  maps: '.fx-mosaic',
  picture: '.fx-view',
  list: '.fx-net',
  words: '.fx-telling',
  classes: '.fx-legend',
  unit: '.fx-held',
  readout: '.fx-readout',
  size: '.fx-chips',
  player: '.fx-track',
  labs: '.fx-lab-choice',
};
const RESULTS = { segment: '.fx-sheet', compare: '.fx-compare' };
const VEILED = ['facts', 'figure', 'table', 'picture']; // results are not shown before the answer
const SCROLLING = '.fx-lab-room, .fx-lab-side, .fx-net, .fx-mosaic, .fx-answers, .fx-telling';
const AROUND = 4; // CSS pixels

/** The element that is pointed at, or null while it is not there.
 * @param {HTMLElement} root @param {string[]} ring
 * @returns {HTMLElement | null}
 */
export function placeOf(root, [kind, name]) {
  if (!kind) return null;
  if (kind === 'results') return root.querySelector(RESULTS[root.dataset.view ?? ''] ?? 'none');
  if (kind === 'step') return root.querySelector(`.fx-list button[title^='${name} ·']`);
  if (kind === 'control') return root.querySelector(`.fx-lab-control[data-set='${name}']`);
  if (isSlot([kind, name])) return root.querySelector(`.fx-lab:not([hidden]) [data-${kind}='${name}']`);
  return root.querySelector(PLACES[kind]);
}

/** Whether a place is a lab's slot: "picture" alone is the image beside the maps. @param {string[]} ring */
const isSlot = ([kind, name]) => name !== undefined && VEILED.includes(kind);

/** Whether as much of a place is seen as has room, or most of it. @param {number[] | null} box @param {any} node */
const isEnough = (box, node) => box !== null && box[3] - box[1] >= Math.min(0.9 * node.offsetHeight, 160);

/** Whether it is there to look at: a figure has its place before it is drawn. @param {HTMLElement | null} place */
const isDrawn = (place) => !place?.matches('[data-figure]') || place.querySelector('svg') !== null;

export class Ring {
  /** @param {HTMLElement} root @param {HTMLElement} node */
  constructor(root, node) {
    this.root = root;
    this.node = node;
    /** @type {string[]} */ this.ring = [];
    this.isVeiled = this.isFree = false;
    on(window, 'resize', () => this.seek());
  }

  /** Point at another place, or at none; it is brought into sight once it is there.
   * @param {string[]} ring @param {boolean} isVeiled
   */
  point(ring, isVeiled) {
    this.ring = ring;
    this.node.hidden = true;
    this.veil(isVeiled);
  }

  /** What is pointed at is veiled, or no longer: what was revealed may have moved it. */
  veil(isVeiled) {
    this.isVeiled = isVeiled && isSlot(this.ring);
    this.seek();
  }

  /** Bring it into sight. */
  seek() {
    this.isFree = false;
  }

  /** From now on a person may scroll it out of sight. */
  free() {
    this.isFree = true;
  }

  /** Follow the place. Whether it is seen, or there is none to see. */
  follow() {
    if (!this.ring.length) return true;
    const place = placeOf(this.root, this.ring);
    // before the answer nothing beside it may tell either
    const target = this.isVeiled ? /** @type {HTMLElement | null} */ (place?.closest('.fx-lab-card') ?? place) : place;
    const isThere = Boolean(target?.offsetWidth);
    let box = isThere ? this.#seen(target) : null;
    if (isThere && !this.isFree && !isEnough(box, target)) {
      target?.scrollIntoView({ block: 'center', inline: 'nearest' });
      box = this.#seen(target);
    }
    this.node.hidden = !box;
    if (!box) return false;
    const [left, top, right, bottom] = box;
    Object.assign(this.node.style, {
      left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px`,
    });
    this.node.classList.toggle('fx-veil', this.isVeiled);
    return isDrawn(place);
  }

  /** Where the lesson's own strip begins: nothing below it is seen. */
  #floor() {
    const strip = this.root.querySelector('.fx-lesson:not([hidden])');
    return strip ? Math.min(innerHeight, strip.getBoundingClientRect().top) : innerHeight;
  }

  /** Its edges on the screen with some room around, cut where the page cuts it; null if nothing of it is seen. */
  #seen(target) {
    const own = target.getBoundingClientRect();
    let [left, top, right, bottom] = [own.left - AROUND, own.top - AROUND, own.right + AROUND, own.bottom + AROUND];
    const frame = target.closest(SCROLLING);
    const isCut = frame && frame !== target && frame.offsetWidth; // narrow pages leave some frames without a box
    const cut = isCut ? frame.getBoundingClientRect() : null;
    const edges = cut ?? { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
    [left, top] = [Math.max(left, edges.left, 1), Math.max(top, edges.top, 1)];
    [right, bottom] = [Math.min(right, edges.right, innerWidth - 1), Math.min(bottom, edges.bottom, this.#floor() - 1)];
    return right - left > 6 && bottom - top > 6 ? [left, top, right, bottom] : null;
  }
}
