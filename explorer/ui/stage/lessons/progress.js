/** How far a person came in each lesson: kept in this browser alone. */

import { stored } from '../preferences.js';

/** By lesson: the steps that were seen. @returns {Record<string, number[]>} */
function seen() {
  try {
    return JSON.parse(stored('lessons') ?? '{}');
  } catch {
    return {};
  }
}

/** Note that a step was seen. @param {string} key @param {number} step */
export function note(key, step) {
  const all = seen();
  all[key] = [...new Set([...(all[key] ?? []), step])];
  stored('lessons', JSON.stringify(all));
}

/** How many steps of a lesson were seen. @param {string} key */
export function countOf(key) {
  return seen()[key]?.length ?? 0;
}
