/** The image that is looked at: an example, or a person's own with what is known of it. */

import { find } from './dom.js';
import { ownImage } from './preferences.js';
import { OWN } from './selection.js';

export class ImageButton {
  /** @type {string | undefined} a small picture of the own image */ picture;

  /**
   * @param {HTMLElement} root
   * @param {{catalog: Page.Catalog, words: Page.Words, resolve: (file: string) => string}} stage
   */
  constructor(root, { catalog, words, resolve }) {
    this.root = root;
    this.catalog = catalog;
    this.words = words;
    this.resolve = resolve;
    this.own = ''; // the own image's name
  }

  /** This tab's own image, where an address names none, or one's own. @param {URLSearchParams} address */
  ownFor(address) {
    return address.has('image') && address.get('image') !== OWN ? null : ownImage();
  }

  example(file) {
    return this.catalog.examples.find((example) => example.file === file);
  }

  /** What is known of an image now; an example is known already. `domain`: what the server found it to show; `usual`:
   * by network, the weights for it.
   * @param {string} image
   * @param {{name?: string, picture?: string, domain?: string, usual?: Record<string, string>}} known
   */
  learn(image, { name, picture, domain, usual }) {
    if (this.example(image)) return;
    this.own = name || this.own;
    this.picture = picture ?? this.picture;
    if (domain) (this.catalog.domains ??= {})[image] = domain;
    if (usual) (this.catalog.usual ??= {})[image] = usual;
  }

  /** What the browser kept of this tab's own image. */
  recall({ name, picture }) {
    Object.assign(this, { own: name, picture });
  }

  name(image) {
    const example = this.example(image);
    return example ? this.words.of(example.title) : this.own;
  }

  small(image) {
    return this.example(image)?.thumbnail ?? this.picture;
  }

  /** The best picture of an image there is: of the run that is shown, else a small one. */
  best(image, trace) {
    return trace?.selection.image === image ? trace.pictures.resized : this.small(image);
  }

  show(image) {
    const picture = this.small(image);
    if (picture) find(this.root, '.fx-image img').src = this.resolve(picture);
    const name = this.name(image);
    find(this.root, '.fx-image-name').textContent = name;
    find(this.root, '.fx-image').setAttribute('aria-label', `${this.words.t('bar.image')}: ${name}`);
  }

  /** Have the browser keep it, if it is an own one; whether it is. */
  keep(image) {
    const own = !this.example(image);
    if (own) ownImage({ image, name: this.own, picture: this.picture });
    return own;
  }
}
