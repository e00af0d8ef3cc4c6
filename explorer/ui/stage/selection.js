/** What is looked at: completing a choice so that it fits together, and the page's address that carries it. */

import { LOOK } from './explore/looked.js';

const SETTLED = 350; // ms until a position goes into the address
const PARTS = ['lab', 'lesson', 'at', 'with', 'mode', 'precision', 'way'];

/** What stands in an address for an image of one's own, which is never in it. */
export const OWN = 'own';

/** What an image shows: as its example is sorted, or as the server told of an own one by its colours; '' if not known.
 * @param {Page.Catalog} catalog @param {string} image
 */
export function domainOf({ examples, domains }, image) {
  return examples.find((e) => e.file === image)?.family ?? domains?.[image] ?? '';
}

/** The change to weights for what the image shows, of the same network if there are such; null if they are chosen, or
 *  if nothing is known against those that are.
 * @param {Page.Catalog} catalog @param {Page.Selection} selection
 * @returns {Partial<Page.Selection> | null}
 */
export function better(catalog, { model: key, checkpoint, image }) {
  const domain = domainOf(catalog, image);
  const shows = (name) => catalog.cards.find((card) => card.name === name)?.examples;
  if (!domain || !shows(checkpoint) || shows(checkpoint) === domain) return null;
  const [own, ...others] = [...catalog.models].sort((a, b) => Number(b.key === key) - Number(a.key === key));
  for (const model of [own, ...others]) {
    const fitting = model.cards.find((name) => shows(name) === domain);
    if (fitting) return { checkpoint: fitting, ...(model.key === key ? {} : { model: model.key }) };
  }
  return null;
}

/** By network, the weights that are usual for an image: of its example, or as the server told of an own one.
 * @param {Page.Catalog} catalog @param {string} image
 */
function usualFor({ examples, usual }, image) {
  return examples.find((e) => e.file === image)?.usual ?? usual?.[image];
}

/** What of a selection nobody has chosen: weights and padding that are usual. They follow the image. Of an image that
 *  nothing is known of, weights count as such that are usual for an example.
 * @param {Page.Catalog} catalog @param {Page.Selection} selection
 * @returns {string[]}
 */
export function follows(catalog, { model, checkpoint, padding, image }) {
  const here = usualFor(catalog, image);
  const usual = here ? [here] : catalog.examples.map((example) => example.usual ?? {});
  const isUsual = usual.some((names) => names[model] === checkpoint);
  const isUsualPadding = paddingOf(catalog, model, checkpoint) === padding;
  return [...(isUsual ? ['checkpoint'] : []), ...(isUsualPadding ? ['padding'] : [])];
}

/** What is left to the image after a change: what was, unless the change, or what followed from it, is about it.
 * @param {Page.Catalog} catalog @param {string[]} left @param {Partial<Page.Selection>} change
 * @param {Page.Selection} next
 * @returns {string[]}
 */
export function leaves(catalog, left, change, next) {
  const usual = follows(catalog, next);
  const isAbout = { checkpoint: 'checkpoint' in change || 'model' in change, padding: 'padding' in change };
  const kept = (key) => (isAbout[key] ? usual : left).includes(key);
  return [...(kept('checkpoint') ? ['checkpoint'] : []), ...(kept('padding') ? ['padding'] : [])];
}

/** The padding that a network runs in on weights unless another is chosen. */
function paddingOf({ cards }, model, checkpoint) {
  return cards.find(({ name }) => name === checkpoint)?.paddings?.[model];
}

/** The selection after one control was used: weights, geometry, size and example follow where they must.
 * What is `left` to the image becomes what is usual for it.
 * @param {Page.Catalog} catalog @param {Page.Selection} old @param {Partial<Page.Selection>} change
 * @param {string[]} [left]
 * @returns {Page.Selection}
 */
export function complete(catalog, old, change, left = follows(catalog, old)) {
  const { models, cards, examples } = catalog;
  const next = { ...old, ...change };
  const [model, before] = [next, old].map(({ model: key }) => models.find((m) => m.key === key) ?? models[0]);
  const card = (name) => cards.find((c) => c.name === name);
  const example = examples.find((e) => e.file === next.image);
  const domain = domainOf(catalog, next.image);
  const usual = left.includes('checkpoint') ? usualFor(catalog, next.image)?.[next.model] : null;
  const apt = (name) => !domain || !card(name)?.examples || card(name)?.examples === domain;
  if (!model.cards.includes(next.checkpoint) || ('model' in change && !('checkpoint' in change))) {
    // another network: its own weights, for what the image shows, on the same data if there are such
    const alike = (name) => card(name)?.data === card(old.checkpoint)?.data;
    const fitting = model.cards.filter(apt);
    const own = fitting.find(alike) ?? fitting[0] ?? model.cards.find(alike) ?? model.cards[0];
    next.checkpoint = usual ?? own ?? next.checkpoint;
  } else if ('image' in change && !('checkpoint' in change) && usual) {
    next.checkpoint = usual;
  } else if ('image' in change && !('checkpoint' in change) && example && !apt(next.checkpoint)) {
    // an example that these weights know nothing of
    next.checkpoint = model.cards.find((name) => card(name)?.examples === domain) ?? next.checkpoint;
  }
  const padding = paddingOf(catalog, next.model, next.checkpoint) ?? model.paddings[0];
  if (left.includes('padding') && !('padding' in change)) next.padding = padding;
  if (!model.paddings.includes(next.padding)) next.padding = padding;
  if (next.altered && next.model !== old.model && !('altered' in change)) next.altered = ''; // its steps are others
  const isGone = next.against === 'plain' ? next.altered === '' && old.altered !== ''
    : next.against?.startsWith('@') ? !comparable(catalog, next).includes(next.against.slice(1))
    : next.image !== old.image;
  if (next.against && isGone && !('against' in change)) next.against = ''; // what it was the difference from is gone
  if (before.family !== model.family && !('size' in change)) next.size = model.size;
  const wanted = card(next.checkpoint)?.examples;
  if (example?.family && !('image' in change) && wanted && example.family !== wanted) {
    next.image = examples.find((e) => e.family === wanted)?.file ?? next.image;
  }
  return next;
}

/** The weights on offer for a selection's network whose maps are of the shape of its own, which are among them.
 * @param {Page.Catalog} catalog @param {Page.Selection} selection
 * @returns {string[]}
 */
export function comparable({ models, cards }, { model: key, checkpoint }) {
  const widths = (name) => cards.find((card) => card.name === name)?.widths;
  const names = models.find((model) => model.key === key)?.cards ?? [];
  return names.filter((name) => widths(name) === widths(checkpoint));
}

/** The weights of a card's training that are on offer for a network, from the first step to the last; its own alone
 * where there are no others.
 * @param {Page.Catalog} catalog @param {string[]} names on offer @param {string} checkpoint
 * @returns {Page.Card[]}
 */
export function training({ cards }, names, checkpoint) {
  const own = cards.find(({ name }) => name === checkpoint);
  const isOfIt = (card) => card === own || (own?.series && card.series === own.series);
  return cards.filter((card) => names.includes(card.name) && isOfIt(card))
    .sort((a, b) => (a.steps ?? 0) - (b.steps ?? 0));
}

/** Whether two selections show one network on one image, on the way through one training: then units correspond.
 * @param {Page.Catalog} catalog @param {Page.Selection} a @param {Page.Selection} b
 */
export function isSameTraining({ cards }, a, b) {
  const series = ({ checkpoint }) => cards.find(({ name }) => name === checkpoint)?.series;
  const same = ['model', 'padding', 'image', 'size'].every((key) => a[key] === b[key]);
  return same && Boolean(series(a)) && series(a) === series(b);
}

/** The selection an address asks for, filled up from `standard`; null if it is that one or not on offer.
 *  `own` is the id of this tab's image, which is looked at where the address names none or one's own.
 * @param {Page.Catalog} catalog @param {URLSearchParams} address @param {Page.Selection} standard @param {string} [own]
 * @returns {Page.Selection | null}
 */
export function fromAddress(catalog, address, standard, own) {
  /** @type {Record<string, any>} */
  const change = own ? { image: own } : {};
  for (const key of Object.keys(standard)) if (address.has(key)) change[key] = address.get(key);
  if ('size' in change) change.size = Number(change.size);
  if (change.image === OWN) change.image = own ?? standard.image;
  if (!catalog.models.some((m) => m.key === (change.model ?? standard.model))) return null;
  const wish = complete(catalog, standard, change);
  const { models, examples, sizes, devices } = catalog;
  const model = models.find((m) => m.key === wish.model);
  const known =
    model?.paddings.includes(wish.padding) && model.cards.includes(wish.checkpoint) &&
    (wish.image === own || examples.some((e) => e.file === wish.image)) &&
    sizes.includes(wish.size) &&
    devices.includes(wish.device);
  return known && Object.keys(wish).some((key) => wish[key] !== standard[key]) ? wish : null;
}

/** Puts the settled position into the address: another network or view as a page of the browser's history, the rest in
 *  its place. An upload stays out of it: the image is the person's own. */
export class Address {
  /** @type {(() => void) | null} */ put = null;

  /** Put what waits to go into the address there now. */
  now() {
    this.put?.();
  }

  /** The address has been turned to another: what was to go into the one before is void, and the next settles there. */
  turned() {
    clearTimeout(this.timer);
    this.settled = this.put = null;
  }

  /** `own` keeps the image out; `parts` are what a view and a lesson say of themselves, pairs of name and value. */
  settle({ selection, step, lang, own, view, parts }) {
    clearTimeout(this.timer);
    this.put = () => {
      clearTimeout(this.timer);
      this.put = null;
      const at = new URLSearchParams(location.search);
      for (const [key, value] of Object.entries(selection)) {
        if (value === '') at.delete(key);
        else at.set(key, value);
      }
      const isImage = !/^(plain$|@|$)/.test(selection.against ?? '');
      if (own && isImage) at.delete('against');
      if (own) at.set('image', OWN);
      if (step) at.set('step', step);
      if (lang) at.set('lang', lang);
      for (const name of [...at.keys()]) if (isPart(name)) at.delete(name);
      for (const [name, value] of parts) at.set(name, value);
      if (view === 'explore') at.delete('view');
      else at.set('view', view);
      const now = `${selection.model} ${view} ${at.get('lab')} ${at.get('lesson')} ${at.get('at')}`;
      const isPage = this.settled && this.settled !== now;
      this.settled = now;
      try {
        history[isPage ? 'pushState' : 'replaceState'](null, '', `${location.pathname}?${at}`);
      } catch {
        // a page from a file, or inside another one, keeps its address
      }
    };
    this.timer = setTimeout(this.put, SETTLED);
  }
}

/** Whether a part of the address is of a view or a lesson: it goes with them. */
function isPart(name) {
  return PARTS.includes(name) || name.startsWith('lab.') || LOOK.includes(name);
}
