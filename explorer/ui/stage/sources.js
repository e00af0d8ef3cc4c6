/** Where images come from: examples, a file, drop, paste, the camera. Hands on a File or an example's name. */

import { find, make, makeButton, on, onButton, pen } from './dom.js';

export class Sources {
  constructor(root, { onFiles, onExample, onNothing, t }) {
    this.root = root;
    this.dialog = find(root, '.fx-sources');
    this.video = find(root, 'video');
    this.camera = find(root, '.fx-webcam');
    this.problem = find(root, '.fx-source-error');
    this.t = t;
    this.onFiles = onFiles;
    this.button = on(find(root, '.fx-image'), 'click', () => this.open());
    on(this.dialog, 'close', () => {
      this.stop();
      this.button.setAttribute('aria-expanded', 'false');
    });
    on(this.dialog, 'click', (event) => event.target === this.dialog && this.dialog.close());
    on(find(this.dialog, '.fx-file input'), 'change', ({ target }) => {
      this.#take(target.files);
      target.value = ''; // the same file may be chosen again
    });
    on(find(root, '.fx-paste'), 'click', () => this.#paste());
    on(find(root, '.fx-camera'), 'click', () => this.#startCamera());
    on(find(root, '.fx-shoot'), 'click', () => this.#shoot());
    on(find(root, '.fx-webcam-stop'), 'click', () => this.stop());
    for (const list of root.querySelectorAll('.fx-examples')) onButton(list, ({ file }) => {
      this.dialog.close();
      onExample(file);
    });
    on(document, 'paste', ({ clipboardData }) => this.#take(clipboardData?.files));
    this.#drops(onNothing);
  }

  /** Files can be dropped anywhere on the page. */
  #drops(onNothing) {
    const { root } = this;
    on(root, 'dragover', (event) => {
      event.preventDefault();
      root.classList.add('fx-dragging');
    });
    on(root, ['dragleave', 'drop', 'dragend'], ({ type, relatedTarget }) => {
      if (type !== 'dragleave' || !root.contains(relatedTarget)) root.classList.remove('fx-dragging');
    });
    on(root, 'drop', (event) => {
      event.preventDefault();
      if (event.dataTransfer?.files.length) this.#take(event.dataTransfer.files);
      else onNothing(); // an address, a text: nothing is fetched for anybody
    });
  }

  open() {
    this.#say('');
    this.dialog.showModal();
    this.button.setAttribute('aria-expanded', 'true');
  }

  /** Thumbnails of the examples with title and credit. */
  list(examples, resolve, words) {
    const card = ({ file, thumbnail, title, credit, licence }) =>
      makeButton(
        { title: credit, 'data-file': file },
        make('img', { src: resolve(thumbnail), alt: '', loading: 'lazy' }),
        make('span', {}, words.of(title)),
        ...(credit ? [make('small', {}, `${credit} · ${words.of(licence)}`)] : [])
      );
    find(this.root, '.fx-examples').replaceChildren(...examples.filter(({ made }) => !made).map(card));
    find(this.root, '.fx-examples-made').replaceChildren(...examples.filter(({ made }) => made).map(card));
  }

  /** Hand on files, if there are any. */
  #take(files = []) {
    if (!files.length) return;
    if (this.dialog.open) this.dialog.close();
    this.onFiles([...files]);
  }

  #say(text) {
    this.problem.textContent = text;
    this.problem.hidden = !text;
  }

  async #paste() {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((name) => name.startsWith('image/'));
        if (type) return this.#take([new File([await item.getType(type)], this.t('sources.pasted'), { type })]);
      }
      this.#say(this.t('error.no_image_in_clipboard'));
    } catch {
      this.#say(this.t('error.clipboard')); // no permission, or no secure page: Ctrl+V works everywhere
    }
  }

  async #startCamera() {
    this.stop();
    const asked = (this.asked = {});
    if (!window.isSecureContext) return this.#say(this.t('error.camera_insecure'));
    try {
      const wish = { video: { facingMode: 'environment', width: { ideal: 1280 } } };
      const stream = await navigator.mediaDevices.getUserMedia(wish);
      if (this.asked !== asked || !this.dialog.open) return stream.getTracks().forEach((track) => track.stop());
      this.video.srcObject = stream;
      this.camera.hidden = false;
      this.#say('');
    } catch {
      this.#say(this.t('error.camera'));
    }
  }

  stop() {
    this.asked = null;
    this.video.srcObject?.getTracks().forEach((track) => track.stop());
    this.video.srcObject = null;
    this.camera.hidden = true;
  }

  async #shoot() {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth) return this.#say(this.t('error.camera'));
    const canvas = new OffscreenCanvas(videoWidth, videoHeight);
    pen(canvas).drawImage(this.video, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/png' });
    this.#take([new File([blob], this.t('sources.photograph'), { type: 'image/png' })]);
  }
}
