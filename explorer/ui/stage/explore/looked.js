/** How a step is looked at, as the page's address says it: pure, and the one place that knows these names. */

/**
 * What is wished of a step. What is undefined stays as it is.
 * @typedef {object} Wish
 * @property {string} [step]
 * @property {number | null} [channel] shown large
 * @property {{step: string, unit: Page.Unit} | null} [unit] that is held
 * @property {'whole' | 'cut'} [crop] of a crop: the map before it, or behind it
 * @property {string} [order]
 * @property {string} [scale]
 * @property {string} [shown] what lies over the picture; '' is what this browser is used to
 * @property {{step: string, channel: number}[]} [pins]
 */

export const LOOK = ['channel', 'unit', 'crop', 'order', 'scale', 'shown', 'pins'];

/** What an address wishes: all of it, since an address is the whole state.
 * @param {URLSearchParams} address
 * @returns {Wish}
 */
export function wishOf(address) {
  const step = address.get('step') ?? undefined;
  return {
    step,
    channel: index(address.get('channel')),
    unit: unitOf(address.get('unit') ?? '', step ?? ''),
    crop: address.get('crop') === 'cut' ? 'cut' : 'whole',
    order: address.get('order') ?? 'index',
    scale: address.get('scale') ?? 'channel',
    shown: address.get('shown') ?? '',
    pins: (address.get('pins') ?? '').split(',').flatMap((text) => {
      const [name, channel] = text.split(':');
      return index(channel) === null ? [] : [{ step: name, channel: Number(channel) }];
    }),
  };
}

/** What an address says of how a step is looked at: pairs of name and value; what is as usual is left out.
 * @param {Wish} look
 * @returns {[string, string][]}
 */
export function pairsOf({ step, channel, unit, crop, order, scale, shown, pins = [] }) {
  /** @type {[string, string][]} */
  const pairs = [];
  if (channel !== null && channel !== undefined) pairs.push(['channel', String(channel)]);
  if (unit && unit.unit.channel !== null) {
    const { channel: c, row, column } = unit.unit;
    pairs.push(['unit', `${unit.step === step ? '' : `${unit.step}:`}${c},${row},${column}`]);
  }
  if (crop === 'cut') pairs.push(['crop', crop]);
  if (order && order !== 'index') pairs.push(['order', order]);
  if (scale && scale !== 'channel') pairs.push(['scale', scale]);
  if (shown && shown !== 'prediction') pairs.push(['shown', shown]);
  if (pins.length) pairs.push(['pins', pins.map((pin) => `${pin.step}:${pin.channel}`).join(',')]);
  return pairs;
}

/** A whole number from 0 on, or null. @param {string | null | undefined} text */
function index(text) {
  return /^\d+$/.test(text ?? '') ? Number(text) : null;
}

/** "3,20,40" of the step shown, or "pool4:3,20,40" of another. */
function unitOf(text, shown) {
  const found = /^(?:(\w+):)?(\d+),(\d+),(\d+)$/.exec(text);
  if (!found) return null;
  const [channel, row, column] = found.slice(2).map(Number);
  return { step: found[1] ?? shown, unit: { channel, row, column } };
}
