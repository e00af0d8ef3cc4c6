/** Which key an event means, whatever the keyboard writes with it. */

import { find, on } from './dom.js';

/** The letter on the key in small: also with caps lock, and where an input method writes Hangul with it.
 * @param {{key: string, code: string}} event
 */
export function keyOf({ key, code }) {
  if (/^[a-z]$/i.test(key)) return key.toLowerCase();
  const own = /^[\x20-\x7e]$/.test(key) || (key.length > 1 && key !== 'Process' && key !== 'Unidentified');
  return !own && /^Key[A-Z]$/.test(code) ? code[3].toLowerCase() : key;
}

/** Whether the person is writing into a field, a dialog is open, or another view: then keys are not for the steps.
 * @param {KeyboardEvent} event
 */
export function busyElsewhere(event) {
  return Boolean(document.querySelector('.fx:not([data-view=explore])')) || occupied(event);
}

let isPointed = false; // whether the focus came where it is by the pointer

/** From now on it is known whether a control was reached by the pointer: then the arrow keys go on stepping. */
export function watchFocus() {
  on(document, 'pointerdown', () => (isPointed = true), { capture: true });
  on(document, 'keydown', ({ key }) => key === 'Tab' && (isPointed = false), { capture: true });
}

/** The control that a person went to by the keyboard, and that keeps its keys; null if there is none.
 * @returns {HTMLElement | null}
 */
export function focused() {
  const active = /** @type {HTMLElement | null} */ (document.activeElement);
  return isPointed || active === document.body ? null : active;
}

/** Whether a key goes into a field, belongs to the browser, or a dialog is open. */
export function occupied(event) {
  const active = /** @type {HTMLInputElement | null} */ (focused());
  const writes = active && ['SELECT', 'TEXTAREA', 'INPUT'].includes(active.tagName) && active.type !== 'range';
  return writes || event.ctrlKey || event.altKey || event.metaKey || Boolean(document.querySelector('dialog[open]'));
}

/** Escape leaves a view, unless a field or a dialog takes the key.
 * @param {() => boolean} isShown @param {() => void} leave
 */
export function onLeave(isShown, leave) {
  on(document, 'keydown', (event) => event.key === 'Escape' && isShown() && !occupied(event) && leave());
}

/** The list of keys: of the steps, of the labs, or of the two other views. A question mark opens it as well.
 * @param {HTMLElement} root
 */
export function keysDialog(root) {
  const dialog = find(root, '.fx-keys');
  watchFocus();
  for (const button of root.querySelectorAll('.fx-help')) on(button, 'click', () => dialog.showModal());
  on(document, 'keydown', (event) => {
    if (event.key !== '?' || occupied(event)) return;
    dialog.showModal();
    event.preventDefault();
  });
}
