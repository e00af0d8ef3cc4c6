/** What the browser keeps, where it allows that: language and theme for good, an own image as long as its tab. */

import { on } from './dom.js';

const PREFIX = 'fcn-unet-explorer.';

/** Read what is kept under a name, keep another text, or nothing (null). Embedded pages and strict settings refuse the
 * store: then a choice holds for this visit, and a reload begins with an example.
 * @param {'localStorage' | 'sessionStorage'} store @param {string} name @param {string | null} [value]
 * @returns {string | null}
 */
export function kept(store, name, value) {
  try {
    if (value === undefined) return window[store].getItem(PREFIX + name);
    if (value === null) window[store].removeItem(PREFIX + name);
    else window[store].setItem(PREFIX + name, value);
  } catch {
    // it is forgotten
  }
  return value ?? null;
}

/** Read a stored choice, or store one.
 * @param {string} name @param {string} [value]
 */
export function stored(name, value) {
  return kept('localStorage', name, value);
}

/** What is known of this tab's own image {image, name, picture}: read it, store it, or forget it (null).
 * @param {any} [value]
 */
export function ownImage(value) {
  return JSON.parse(kept('sessionStorage', 'image', value && JSON.stringify(value)) ?? 'null');
}

/** The light-or-dark button; Gradio's `dark` class on the body is what the styles look at.
 * @param {HTMLElement} button @param {URLSearchParams} address
 */
export function themeButton(button, address) {
  const mark = () => button.setAttribute('aria-pressed', String(document.body.classList.contains('dark')));
  const wish = stored('theme');
  if (wish && !address.has('__theme')) document.body.classList.toggle('dark', wish === 'dark');
  on(button, 'click', () => {
    stored('theme', document.body.classList.toggle('dark') ? 'dark' : 'light');
    mark();
  });
  mark();
}

/** How the page scrolls by itself: at once where less motion is wished. */
export function gently() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
}
