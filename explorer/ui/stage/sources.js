/** Where images come from: examples, a file, drop, paste, the camera. Hands on a File or an example's name. */

import { find, make, makeButton, pen } from './dom.js';

export class Sources {
  constructor(root, { onFiles, onExample, onNothing, t }) {
    this.root = root;
    this.dialog = find(root, '.fx-sources');
    this.video = find(root, 'video');
    this.camera = find(root, '.fx-webcam');
    this.problem = find(root, '.fx-source-error');
    this.t = t;
    this.onFiles = onFiles;
    this.onExample = onExample;
    const button = (this.button = find(root, '.fx-image'));
    button.addEventListener('click', () => this.open());
    this.dialog.addEventListener('close', () => {
      this.stop();
      button.setAttribute('aria-expanded', 'false');
    });
    this.dialog.addEventListener('click', (event) => event.target === this.dialog && this.dialog.close());
    const input = find(this.dialog, '.fx-file input');
    input.addEventListener('change', () => {
      if (input.files.length) this.#take(...input.files);
      input.value = ''; // the same file may be chosen again
    });
    find(root, '.fx-paste').addEventListener('click', () => this.#paste());
    find(root, '.fx-camera').addEventListener('click', () => this.#startCamera());
    find(root, '.fx-shoot').addEventListener('click', () => this.#shoot());
    find(root, '.fx-webcam-stop').addEventListener('click', () => this.stop());
    find(root, '.fx-examples').addEventListener('click', (event) => {
      const card = event.target.closest('button');
      if (!card) return;
      this.dialog.close();
      onExample(card.dataset.file);
    });
    document.addEventListener('paste', (event) => {
      const files = event.clipboardData?.files ?? [];
      if (files.length) this.#take(...files);
    });
    this.#drops(onNothing);
  }

  /** Files can be dropped anywhere on the page. */
  #drops(onNothing) {
    const { root } = this;
    root.addEventListener('dragover', (event) => {
      event.preventDefault();
      root.classList.add('fx-dragging');
    });
    for (const name of ['dragleave', 'drop', 'dragend']) {
      root.addEventListener(name, (event) => {
        if (name !== 'dragleave' || !root.contains(event.relatedTarget)) root.classList.remove('fx-dragging');
      });
    }
    root.addEventListener('drop', (event) => {
      event.preventDefault();
      const files = event.dataTransfer?.files ?? [];
      if (files.length) this.#take(...files);
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
    const cards = examples.map(({ file, thumbnail, title, credit, licence }) =>
      makeButton(
        { title: credit, 'data-file': file },
        make('img', { src: resolve(thumbnail), alt: '', loading: 'lazy' }),
        make('span', {}, words.of(title)),
        make('small', {}, `${credit} · ${words.of(licence)}`)
      )
    );
    find(this.root, '.fx-examples').replaceChildren(...cards);
  }

  #take(...files) {
    if (this.dialog.open) this.dialog.close();
    this.onFiles(files);
  }

  #say(text) {
    this.problem.textContent = text;
    this.problem.hidden = !text;
  }

  async #paste() {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((name) => name.startsWith('image/'));
        if (type) return this.#take(new File([await item.getType(type)], this.t('sources.pasted'), { type }));
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
    this.#take(new File([blob], this.t('sources.photograph'), { type: 'image/png' }));
  }
}
