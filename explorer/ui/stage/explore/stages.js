/** The predictions on the way from the coarsest class scores to the output: which is reached where, what changes from
 *  one to the next, and how that is said. Pure; no page. */

/** What of a label map is not laid over the image. */
const NOTHING = -1;

/** The last stage that is reached at a step, -1 before the first.
 * @param {Page.Trace} trace @param {Page.Step} step
 */
export function stageAt(trace, step) {
  const at = trace.index.get(step.name) ?? -1;
  return trace.stages.findLastIndex((stage) => (trace.index.get(stage.step) ?? 0) <= at);
}

/** The two stages that are compared at one: it and the next; at the last one the step that led there.
 * @param {Page.Trace} trace @param {number} stage
 * @returns {[number, number]}
 */
export function pairAt({ stages }, stage) {
  const from = Math.max(0, Math.min(stage, stages.length - 2));
  return [from, from + 1];
}

/** Labels after a change, where they differ from those before it.
 * @param {ArrayLike<number>} before @param {ArrayLike<number>} after
 */
export function changes(before, after) {
  return Int16Array.from(after, (code, i) => (code === before[i] ? NOTHING : code));
}

/** Labels of so many pixels that lay nothing over the image.
 * @param {number} pixels
 */
export function nothing(pixels) {
  return new Int16Array(pixels).fill(NOTHING);
}

/** Share of all pixels that each of so many classes has.
 * @param {ArrayLike<number>} codes @param {number} classes
 */
export function sharesOf(codes, classes) {
  const counts = new Array(classes).fill(0);
  for (let i = 0; i < codes.length; i++) if (codes[i] >= 0) counts[codes[i]]++;
  return counts.map((count) => count / codes.length);
}

/** What the prediction at a stage is made of.
 * @param {Page.Trace} trace @param {number} stage @param {Page.Words} words
 */
export function stageText(trace, stage, words) {
  const { stages } = trace;
  if (stage < 0) return words.t('stage.none', { step: stages[0].step });
  const { step, zeroed } = stages[stage];
  if (!zeroed.length) return words.t(stages.length > 1 ? 'stage.last' : 'stage.only', { step });
  return words.t('stage.zeroed', { layers: words.list(zeroed), stride: strideOf(trace, stage, words) });
}

/** How many pixels change their class from one stage to another; `codes` as `changes` gives them.
 * @param {Page.Trace} trace @param {[number, number]} pair @param {ArrayLike<number>} codes @param {Page.Words} words
 */
export function changeText(trace, [from, to], codes, words) {
  let pixels = 0;
  for (let i = 0; i < codes.length; i++) pixels += Number(codes[i] >= 0);
  return words.t('stage.changes', {
    from: strideOf(trace, from, words), to: strideOf(trace, to, words), step: trace.stages[to].step,
    pixels, share: pixels ? words.areaShare(pixels / codes.length) : words.percent(0),
  });
}

/** The stride of the scores that a stage brings up, in input pixels. */
function strideOf(trace, stage, words) {
  const grid = trace.grid(trace.step(trace.stages[stage].step));
  return grid ? words.number(grid.jump) : '–';
}
