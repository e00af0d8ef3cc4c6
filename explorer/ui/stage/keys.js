/** Which key an event means, whatever the keyboard writes with it. */

/** The letter on the key in small: also with caps lock, and where an input method writes Hangul with it. */
export function keyOf({ key, code }) {
  if (/^[a-z]$/i.test(key)) return key.toLowerCase();
  const own = /^[\x20-\x7e]$/.test(key) || (key.length > 1 && key !== 'Process' && key !== 'Unidentified');
  return !own && /^Key[A-Z]$/.test(code) ? code[3].toLowerCase() : key;
}

/** Whether the person is writing into a field, a dialog is open, or another view: then keys are not for the steps. */
export function busyElsewhere(event) {
  if (document.querySelector('.fx:not([data-view=explore])')) return true;
  const active = document.activeElement;
  const writes = ['SELECT', 'TEXTAREA', 'INPUT'].includes(active?.tagName) && active.type !== 'range';
  return writes || event.ctrlKey || event.altKey || event.metaKey || Boolean(document.querySelector('dialog[open]'));
}
