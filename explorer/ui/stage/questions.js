/** The questions that students ask, each a click away from the lab that answers it; the row can be put away. */

import { find, onButton } from './dom.js';
import { stored } from './preferences.js';

/** @param {HTMLElement} root
 *  @param {(question: {lab: string, model: string, settings: Record<string, string>}) => void} onAsk
 */
export function questions(root, onAsk) {
  const row = find(root, '.fx-questions');
  row.hidden = stored('questions') === 'away';
  onButton(row, ({ lab, model, settings }) => {
    if (lab && model) return onAsk({ lab, model, settings: Object.fromEntries(new URLSearchParams(settings)) });
    stored('questions', 'away');
    row.hidden = true;
  });
}
