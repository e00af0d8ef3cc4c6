/** What is looked at: completing a choice so that it fits together, and the page's address that carries it. */

const SETTLED = 350; // ms until a position goes into the address

/** The selection after one control was used: weights, geometry, size and example follow the network where they must. */
export function complete({ models, cards, examples }, old, change) {
  const next = { ...old, ...change };
  const model = models.find((m) => m.key === next.model);
  const card = (name) => cards.find((c) => c.name === name);
  if (!model.cards.includes(next.checkpoint) || ('model' in change && !('checkpoint' in change))) {
    // another network: its own weights, on the same data if there are such
    const alike = model.cards.find((name) => card(name).data === card(old.checkpoint)?.data);
    next.checkpoint = alike ?? model.cards[0] ?? next.checkpoint;
  }
  if (!model.paddings.includes(next.padding)) next.padding = model.paddings[0];
  if (models.find((m) => m.key === old.model).family !== model.family) next.size = model.size;
  const example = examples.find((e) => e.file === next.image);
  const wanted = card(next.checkpoint)?.examples;
  if (example && !('image' in change) && wanted && example.family !== wanted) {
    next.image = examples.find((e) => e.family === wanted)?.file ?? next.image;
  }
  return next;
}

/** The selection an address asks for, filled up from `standard`; null if it is that one or not on offer. */
export function fromAddress(catalog, address, standard) {
  const change = {};
  for (const key of Object.keys(standard)) if (address.has(key)) change[key] = address.get(key);
  if ('size' in change) change.size = Number(change.size);
  if (!catalog.models.some((m) => m.key === (change.model ?? standard.model))) return null;
  const wish = complete(catalog, standard, change);
  const { models, examples, sizes, devices } = catalog;
  const model = models.find((m) => m.key === wish.model);
  const known =
    model?.paddings.includes(wish.padding) &&
    model.cards.includes(wish.checkpoint) &&
    examples.some((e) => e.file === wish.image) &&
    sizes.includes(wish.size) &&
    devices.includes(wish.device);
  const same = Object.keys(wish).every((key) => wish[key] === standard[key]);
  return known && !same ? wish : null;
}

/** Puts the settled position into the address. An upload stays out of it: the image is the person's own. */
export class Address {
  settle({ selection, step, lang, own, view }) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const at = new URLSearchParams(location.search);
      for (const [key, value] of Object.entries(selection)) at.set(key, value);
      if (own) at.delete('image');
      if (step) at.set('step', step);
      if (lang) at.set('lang', lang);
      if (view === 'explore') at.delete('view');
      else at.set('view', view);
      history.replaceState(null, '', `${location.pathname}?${at}`);
    }, SETTLED);
  }
}
