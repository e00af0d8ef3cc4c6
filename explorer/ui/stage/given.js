/** The file that a person gave: it is run at once, and read from another page where it has several. */

export class Given {
  /** @type {File | null} */ file = null;

  /** `read(files, page)` runs what was given; `onSeveral` opens the view that takes more than one.
   * @param {(files: File[], page: number) => void} read @param {() => void} onSeveral
   */
  constructor(read, onSeveral) {
    this.read = read;
    this.onSeveral = onSeveral;
  }

  /** @param {File[]} files */
  take(files) {
    if (files.length > 1) this.onSeveral();
    this.file = files[0];
    this.read(files, 0);
  }

  /** Another image was chosen. */
  forget() {
    this.file = null;
  }

  /** What reads another page of the file; null where there is none at hand. */
  get turn() {
    const { file } = this;
    return file && ((page) => this.read([file], page));
  }
}
