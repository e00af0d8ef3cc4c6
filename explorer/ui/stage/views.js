/** Which view is shown: steps of a run ("explore"), images at their own size ("segment"), networks compared, labs. */

import { find } from './dom.js';
import { radios } from './bar.js';
import { onLeave } from './keys.js';
import { Segment } from './segment/segment.js';
import { Compare } from './compare/compare.js';
import { Labs } from './labs/labs.js';

export class Views {
  /** `shared` is what the views need of the stage; `onShow(view)` is called when a person chooses one. */
  constructor(root, shared, { onShow }) {
    this.root = root;
    this.labs = new Labs(root, shared);
    this.others = { segment: new Segment(root, shared), compare: new Compare(root, shared), labs: this.labs };
    this.choose = radios(find(root, '.fx-views'), 'view', onShow, this.shown);
    onLeave(() => this.shown === 'labs', () => onShow('explore'));
  }

  get shown() {
    return this.root.dataset.view;
  }

  /** The view that is not about steps, if one is shown. */
  get panel() {
    return this.others[this.shown];
  }

  has(view) {
    return Object.hasOwn(this.others, view);
  }

  /** Show a view with the image {image, name} that is looked at. */
  show(view, image) {
    this.root.dataset.view = view;
    this.choose(view);
    for (const other of Object.keys(this.others)) find(this.root, `.fx-${other}`).hidden = view !== other;
    this.panel?.enter(image);
  }

  /** Take from an address what it says of each view. @param {URLSearchParams} address */
  restore(address) {
    for (const other of Object.values(this.others)) other.restore(address);
  }

  hear(message) {
    for (const other of Object.values(this.others)) other.hear(message);
  }
}
