/**
 * What the page knows of each operation, one entry a kind; Python says the rest. A kind that is not in the table is
 * shown by its name and the size of its map. Pure; no page.
 *
 * @typedef {object} Operation
 * @property {boolean} [box] the papers' figures draw its map; what is not drawn is an arrow between such maps
 * @property {'conv' | 'pool'} [arrow] how those figures draw the way to its map
 * @property {'layer' | 'alike'} [joins] where the network is drawn by blocks it belongs to the layer before, or to one
 *   before of its own kind
 * @property {'up' | 'join' | 'pool'} [part] what it does for any network
 * @property {'all' | 'own' | 'stacked'} [reads] channels that a unit reads: all, its own, or its own of one of several
 *   maps; what is read of an unknown operation is not known
 * @property {boolean} [spreads] a unit is read by a window of units, not the other way round
 * @property {string} [channels] text that says where the number of its channels comes from; else that of the map read
 * @property {string} [copied] text for a value that is handed on
 * @property {boolean} [summands] its sums are of values alone, without weights
 * @property {boolean} [labels] its values are indices of classes
 * @property {(at: {step: Page.Step, trace: Page.Trace, words: Page.Words}) => Record<string, string>} [says] what fills
 *   its sentence `words.<kind>` and has to be said in words
 */

/** @type {Record<string, Operation>} */
export const OPERATIONS = {
  input: { box: true, reads: 'own', channels: 'derive.colours', says: inputWords },
  conv: { box: true, arrow: 'conv', joins: 'alike', reads: 'all', channels: 'derive.filters', says: convolvedWords },
  upconv: { part: 'up', reads: 'all', spreads: true, channels: 'derive.filters' },
  bilinear: { part: 'up', reads: 'own', spreads: true },
  maxpool: { box: true, arrow: 'pool', part: 'pool', reads: 'own', says: roundingWords },
  avgpool: { box: true, arrow: 'pool', part: 'pool', reads: 'own' },
  relu: { joins: 'layer', reads: 'own', copied: 'held.relu' },
  dropout: { joins: 'layer', reads: 'own' },
  batchnorm: { joins: 'layer', reads: 'own' },
  identity: { joins: 'layer', reads: 'own' },
  scale: { joins: 'layer', reads: 'own' },
  crop: { reads: 'own' },
  argmax: { reads: 'all', channels: 'derive.argmax', labels: true },
  add: { part: 'join', reads: 'own', channels: 'derive.summed', summands: true, says: gridsWords },
  concat: { box: true, part: 'join', reads: 'stacked', channels: 'derive.stacked', says: gridsWords },
};

/** The entry of a step's kind; an empty one if there is none.
 * @param {Page.Step} step
 * @returns {Operation}
 */
export function operation({ op }) {
  return OPERATIONS[op] ?? {};
}

/** What a step's operation is called.
 * @param {Page.Step} step
 * @param {Page.Words} words
 */
export function operationName({ op }, words) {
  return words.has(`op.${op}`) ? words.t(`op.${op}`) : op;
}

/** Whether a network joins its two paths by stacking channels, as U-Net does; FCN sums scores.
 * @param {Page.Trace} trace
 */
export function stacks(trace) {
  return trace.steps.some((step) => operation(step).reads === 'stacked');
}

/** The arithmetic of a size, without the size itself.
 * @param {Page.Formula} formula
 * @param {Page.Words} words
 */
export function sizeText({ code, values }, words) {
  return code === 'plain' ? String(values.formula) : words.t(`derive.${code}`, values);
}

/** How far apart two grids stand that meet, in input pixels: one number, or rows × columns.
 * @param {Page.Step} step
 * @param {Page.Words} words
 */
export function apart({ misaligned: [rows, columns] }, words) {
  return rows === columns ? words.number(rows) : `${words.number(rows)} × ${words.number(columns)}`;
}

/** @param {{trace: Page.Trace, words: Page.Words}} at */
function inputWords({ trace, words }) {
  const { original, resized, network } = trace.frames;
  const differ = (a, b) => a[0] !== b[0] || a[1] !== b[1];
  const sizes = { from: original[0], fromWidth: original[1], to: resized[0], toWidth: resized[1] };
  const [, height, width] = trace.steps[trace.steps.length - 1].shape;
  const border = height < network[0] || width < network[1] ? 'words.input.border.smaller' : 'words.input.border';
  const { jump, start } = trace.grid(trace.steps[0]) ?? { jump: 1, start: 0 };
  return {
    jump: words.number(jump), start: words.number(start),
    resized: differ(original, resized) ? words.t('words.input.resized', sizes) : '',
    border: differ(resized, network) ? words.t(border, sizes) : '',
  };
}

/** A convolution that was a fully connected layer, by its name in VGG16. */
function convolvedWords({ step: { numbers, settings, size }, words }) {
  const { convolved } = numbers;
  return {
    sum: size ? sizeText(size[0], words) : '',
    convolved: convolved ? words.t(`words.conv.${convolved}`, { kernel: settings.kernel[0] }) : '',
  };
}

function roundingWords({ step: { numbers }, words }) {
  const sum = numbers.rounding === 'even' ? numbers.sum : `${numbers.sum} + 1`;
  return { sum, rounding: words.t(`words.maxpool.${numbers.rounding}`) };
}

function gridsWords({ step, words }) {
  const meet = step.misaligned.every((pixels) => pixels === 0);
  return { grids: words.t(meet ? `words.${step.op}.aligned` : 'words.misaligned', { apart: apart(step, words) }) };
}
