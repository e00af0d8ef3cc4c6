/** The files that a person gave: each is run at once, and read in another way where it holds several pictures. */

/** @type {Page.How} */
export const USUAL = { page: 0, channels: null };

export class Given {
  /** @type {Page.Given | null} no image of it is known yet */ latest = null;
  /** @type {Map<string, Page.Given>} by the ids of their images */ known = new Map();

  /** `read(files, how)` runs what was given; `onSeveral` opens the view that takes more than one.
   * @param {(files: File[], how: Page.How) => void} read @param {() => void} onSeveral
   */
  constructor(read, onSeveral) {
    this.read = read;
    this.onSeveral = onSeveral;
  }

  /** @param {File[]} files @param {Page.How} [how] */
  take(files, how = USUAL) {
    if (files.length > 1) this.onSeveral();
    this.latest = { file: files[0], how };
    this.read(files, how);
  }

  /** Another image was chosen. */
  forget() {
    this.latest = null;
  }

  /** An image has come of a file, if of one.
   * @param {string} image @param {Page.Given | null} given
   */
  learn(image, given) {
    if (!given) return;
    this.known.set(image, given);
    this.latest = null;
  }

  /** What reads the file of an image in another way; null where it is not at hand.
   * @param {string} image
   */
  turn(image) {
    const given = this.known.get(image);
    return given ? (change) => this.take([given.file], { ...given.how, ...change }) : null;
  }
}
