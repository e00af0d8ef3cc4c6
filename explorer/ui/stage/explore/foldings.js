/** How a person sets the page: the network folded away, the sentence unfolded, all of it in the classroom's size. */

import { find, on } from '../dom.js';
import { busyElsewhere, keyOf } from '../keys.js';
import { stored } from '../preferences.js';

/** `onSize(isLarge)` is told of the classroom's size, in which a page read from the last row is set.
 * @param {HTMLElement} root @param {(isLarge: boolean) => void} onSize
 * @returns {(isLarge: boolean) => void} sets it for as long as the page is open
 */
export function foldings(root, onSize) {
  const show = (button, name, isOn, isExpanded) => {
    root.classList.toggle(name, isOn);
    button.setAttribute('aria-expanded', String(isExpanded));
  };
  const large = find(root, '.fx-large');
  const enlarge = (isLarge) => {
    root.classList.toggle('fx-classroom', isLarge);
    large.setAttribute('aria-pressed', String(isLarge));
    onSize(isLarge);
  };
  if (stored('size') === 'classroom') enlarge(true);
  on(large, 'click', () => {
    const isLarge = !root.classList.contains('fx-classroom');
    stored('size', isLarge ? 'classroom' : 'desk');
    enlarge(isLarge);
  });
  const fold = find(root, '.fx-fold');
  const foldNetwork = (isFolded) => show(fold, 'fx-folded', isFolded, !isFolded);
  foldNetwork(stored('network') === 'folded');
  on(fold, 'click', () => {
    const isFolded = !root.classList.contains('fx-folded');
    stored('network', isFolded ? 'folded' : 'open');
    foldNetwork(isFolded);
  });
  const unfold = find(root, '.fx-unfold');
  const tell = (isOpen) => show(unfold, 'fx-unfolded', isOpen, isOpen);
  on(unfold, 'click', () => tell(!root.classList.contains('fx-unfolded')));
  on(document, 'keydown', (event) => {
    if (event.key === 'Escape') tell(false);
    if (busyElsewhere(event)) return;
    if (keyOf(event) === 'n') fold.click();
    if (keyOf(event) === 'b') large.click();
  });
  return enlarge;
}
