/** What the browser keeps, where it allows that: language and theme for good, an own image as long as its tab. */

const PREFIX = 'fcn-unet-explorer.';

/** Read a stored choice, or store one. Embedded pages and strict settings refuse the store: then nothing is kept.
 * @param {string} name @param {string} [value]
 * @returns {string | null}
 */
export function stored(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(PREFIX + name);
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // the choice holds for this visit
  }
  return value ?? null;
}

/** What is known of this tab's own image {image, name, picture}: read it, store it, or forget it (null).
 * @param {any} [value]
 */
export function ownImage(value) {
  const key = `${PREFIX}image`;
  try {
    if (value === undefined) return JSON.parse(sessionStorage.getItem(key) ?? 'null');
    if (value) sessionStorage.setItem(key, JSON.stringify(value));
    else sessionStorage.removeItem(key);
  } catch {
    // a reload then begins with an example
  }
  return null;
}

/** The light-or-dark button; Gradio's `dark` class on the body is what the styles look at.
 * @param {HTMLElement} button @param {URLSearchParams} address
 */
export function themeButton(button, address) {
  const mark = () => button.setAttribute('aria-pressed', String(document.body.classList.contains('dark')));
  const wish = stored('theme');
  if (wish && !address.has('__theme')) document.body.classList.toggle('dark', wish === 'dark');
  button.addEventListener('click', () => {
    stored('theme', document.body.classList.toggle('dark') ? 'dark' : 'light');
    mark();
  });
  mark();
}

/** How the page scrolls by itself: at once where less motion is wished. */
export function gently() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
}
