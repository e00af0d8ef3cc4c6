/** Runs and texts for the tests: what Python wrote, as the page would hold it. */

import { readFileSync } from 'node:fs';
import { Trace } from '../../explorer/ui/stage/explore/trace.js';
import { Words } from '../../explorer/ui/stage/i18n.js';

const json = (path) => JSON.parse(readFileSync(path, 'utf-8'));
const text = (code) => json(new URL(`../../explorer/ui/texts/${code}.json`, import.meta.url));

export const TEXTS = { en: text('en'), ko: text('ko') };
export const NAMES = ['fcn8s', 'fcn8s-same', 'fcn16s-same', 'fcn32s-same', 'unet', 'unet-same', 'plain', 'unknown'];

/** A run of a network, by its name. */
export function run(name) {
  const network = { model: name, checkpoint: '', padding: '', image: '', size: 0, device: 'cpu' };
  return new Trace(json(`${process.env.RUNS}/${name}.json`), (file) => file, network);
}

export function words(language = 'en', tables = TEXTS) {
  return new Words(tables, language);
}
