/** Words in the chosen language: lookup with {placeholders}, numbers, and every [data-t*] element of the page. */

import { withParticles } from './particles.js';
import { stored } from './preferences.js';

const STANDARD = 'en'; // what is missing in another language is said in this one

/** The code of the language to begin with: of the address, an earlier visit or the browser, as far as there is one.
 * @param {URLSearchParams} address @param {string[]} codes
 */
export function pickLanguage(address, codes) {
  const wish = (address.get('lang') || stored('language') || navigator.language || STANDARD).toLowerCase();
  return codes.find((code) => wish.startsWith(code)) ?? STANDARD;
}

/** A share of 1 in per cent, as its decimal digits say: 0.6665 is 66.65, though binary makes it a little less. */
const hundredfold = (share) => Number((100 * share).toPrecision(12));

export class Words {
  constructor(tables, language) {
    this.tables = tables;
    this.language = language;
    this.formats = new Map();
  }

  /** The text of a key; {name} takes params.name, numbers are grouped as the language does. */
  t(key, params = {}) {
    const text = this.tables[this.language][key] ?? this.tables[STANDARD][key];
    if (text === undefined) {
      console.error(`no text for ${key}`);
      return key;
    }
    const fill = (whole, name) => (Object.hasOwn(params, name) ? this.show(params[name]) : whole);
    return withParticles(text.replace(/\{(\w+)\}/g, fill));
  }

  has(key) {
    return Object.hasOwn(this.tables[STANDARD], key);
  }

  /** What is named in several languages, {en: ..., ko: ...}: in this one, else in English. */
  of(names) {
    return names[this.language] ?? names[STANDARD];
  }

  show(value) {
    if (value?.device) return this.device(value);
    if (value?.seconds !== undefined) return this.duration(value.seconds);
    return typeof value === 'number' ? this.number(value) : String(value);
  }

  number(value, digits = 4) {
    return this.#format(Number.isInteger(value) ? {} : { maximumSignificantDigits: digits }, value).replace('-', '−');
  }

  /** As toLocaleString; a formatter is dear to make and kept. */
  #format(options, value) {
    const key = `${this.language}${JSON.stringify(options)}`;
    if (!this.formats.has(key)) this.formats.set(key, new Intl.NumberFormat(this.language, options));
    return this.formats.get(key).format(value);
  }

  /** Names, as this language lists them: a, b and c. */
  list(names) {
    return new Intl.ListFormat(this.language).format(names);
  }

  /** A share of 1 in per cent, with so many decimals. */
  percent(share, decimals = 1) {
    return this.t('number.percent', { value: this.#format({ maximumFractionDigits: decimals }, hundredfold(share)) });
  }

  /** A share of an area in per cent; of the least ones that they are less than a tenth. */
  areaShare(share) {
    return share < 0.001 ? `< ${this.percent(0.001)}` : this.percent(share);
  }

  /** 86.6 ± 1.8 %: a share of 1 and its standard error, if that is known, with one decimal; kept on one line.
   * @param {number} share
   * @param {number} [error]
   */
  percentWithin(share, error) {
    const decimals = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
    const figures = typeof error === 'number' ? [share, error] : [share];
    const value = figures.map((one) => this.#format(decimals, hundredfold(one))).join('\u00a0±\u00a0');
    return this.t('number.percent', { value }).replace(' ', '\u00a0');
  }

  /** A device's name: the graphics card's, or how many threads the CPU runs. */
  device({ device, name }) {
    return this.t(device === 'cpu' && name === 1 ? 'device.cpu.one' : `device.${device}.name`, { name });
  }

  /** A note {code, details} on an image, or on weights that run in another way than they were trained. */
  note({ code, details }) {
    const names = (paddings) => paddings.map((padding) => this.t(`padding.${padding}`)).join(', ');
    const spoken = details.geometries
      ? { geometries: names(details.geometries), padding: names([details.padding]) }
      : {};
    return this.t(`note.${code}`, { ...details, ...spoken });
  }

  /** A remark {code, details} on true labels: shares in per cent, a class by its name. */
  remark({ code, details }) {
    const isShare = (key) => key === 'here' || key === 'there';
    const shown = (key, value) => (value?.en ? this.of(value) : isShare(key) ? this.percent(value) : value);
    const told = Object.entries(details).map(([key, value]) => [key, shown(key, value)]);
    return this.t(`truth.${code}`, Object.fromEntries(told));
  }

  /** An error {code, details} as a sentence. */
  error({ code, details }) {
    return this.has(`error.${code}`) ? this.t(`error.${code}`, details) : this.t('error.internal');
  }

  /** 0.4 s, 12 s, 3.5 min: a time that is about right. */
  duration(seconds) {
    if (seconds >= 90) return this.t('time.minutes', { value: this.number(Number((seconds / 60).toPrecision(2))) });
    return this.t('time.seconds', { value: this.number(Number(seconds.toPrecision(seconds < 10 ? 1 : 2))) });
  }

  /** 24 KiB, 640 MiB, 3.2 GiB: bytes of memory or of a file. */
  bytes(value) {
    const [unit, size, digits] = /** @type {[string, number, number]} */ (
      value < 2 ** 20 ? ['KiB', 2 ** 10, 2] : value < 2 ** 30 ? ['MiB', 2 ** 20, 3] : ['GiB', 2 ** 30, 2]
    );
    return `${this.number(value / size, digits)} ${unit}`;
  }

  /** 752 M, 1.2 G, in Korean 7.52억, 3,100만: large counts as people say them, by the units of the language. */
  count(value) {
    for (const unit of this.t('number.units').split('|')) {
      const [text, size] = unit.split('=');
      const digits = Number((value / Number(size)).toPrecision(3));
      if (value >= Number(size)) return text.replace('#', this.number(digits));
    }
    return this.number(value);
  }

  /** Fill every element below root that names a key: text, title, aria-label, or the last two ("name"). */
  apply(root) {
    for (const el of root.querySelectorAll('[data-t], [data-t-title], [data-t-label], [data-t-name]')) {
      const { t: text, tName: name, tTitle: title = name, tLabel: label = name } = el.dataset;
      if (text) el.textContent = this.t(text);
      if (title) el.title = this.t(title);
      if (label) el.setAttribute('aria-label', this.t(label));
    }
  }

  async use(language) {
    this.language = language;
    document.documentElement.lang = language;
    document.title = this.t('app.title');
    await switchGradio(language);
  }
}

/** Gradio's own words (notices, error toasts) follow too: its core module exports the setter its settings page uses. */
async function switchGradio(language) {
  const core = performance.getEntriesByType('resource').find((r) => /\/assets\/core-[\w-]+\.js$/.test(r.name));
  if (!core) return;
  try {
    (await import(core.name)).changeLocale?.(language);
  } catch (error) {
    console.warn('Gradio kept its language', error);
  }
}
