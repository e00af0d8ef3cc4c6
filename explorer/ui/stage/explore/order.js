/** In which order channels are shown, and how their values are spread. All from the 8-bit maps. */

import { codesOf, valueOf } from './tile.js';

/** Channels of a step, most active first: by the mean magnitude of their values.
 * @param {Page.Step} step @param {Page.Codes} picture
 */
export function byActivity(step, picture) {
  const activity = (values) => values.reduce((sum, v) => sum + Math.abs(v), 0) / values.length;
  return ranked(channelScores(step, picture, activity));
}

/**
 * Channels by how well they agree with a class of the prediction: the correlation, over the units that stand on the
 * person's image, between a channel's value and whether the pixel under the unit has the class. Best first.
 * @param {Page.Trace} trace @param {Page.Step} step @param {Page.Codes} picture
 * @param {{codes: Uint8Array, width: number, height: number}} labels @param {number} index
 */
export function byAgreement(trace, step, picture, labels, index) {
  const mask = classUnder(trace, step, labels, index);
  return ranked(channelScores(step, picture, (values) => correlation(values, mask)));
}

function ranked(score) {
  return score.map((s, c) => [s, c]).sort((a, b) => b[0] - a[0] || a[1] - b[1]).map(([, c]) => c);
}

function channelScores({ maps }, picture, measure) {
  const values = (c) => new Float32Array(codesOf(maps, c, picture)).map((code) => valueOf(maps, c, code));
  return maps.min.map((_, c) => measure(values(c)));
}

/** Per tile pixel 1 or 0, or -1 where the unit stands outside the image. */
function classUnder(trace, step, labels, index) {
  const { tile, reduction } = step.maps;
  const grids = [trace.axes[step.rows], trace.axes[step.cols]];
  const [pixelRows, pixelColumns] = [0, 1].map((axis) =>
    Array.from({ length: tile[axis] }, (_, i) => {
      const unit = i * reduction + (reduction - 1) / 2;
      return Math.round(grids[axis].start + grids[axis].jump * unit) - trace.offset[axis];
    })
  );
  const mark = (y, x) => {
    const inside = y >= 0 && x >= 0 && y < labels.height && x < labels.width;
    return inside ? Number(labels.codes[y * labels.width + x] === index) : -1;
  };
  return Int8Array.from(pixelRows.flatMap((y) => pixelColumns.map((x) => mark(y, x))));
}

function correlation(values, mask) {
  let [n, a, b, aa, ab] = [0, 0, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    if (mask[i] < 0) continue;
    n++;
    a += values[i];
    aa += values[i] * values[i];
    if (mask[i]) {
      b++;
      ab += values[i];
    }
  }
  const spread = Math.sqrt(Math.max(0, aa / n - (a / n) ** 2) * (b / n) * (1 - b / n));
  return spread > 0 ? (ab / n - (a * b) / (n * n)) / spread : -1;
}

/** Counts of all values of a step, or of one channel, in `bins` equal parts between each channel's ends [low, high].
 * @param {Page.Step} step @param {Page.Codes} picture @param {number | null} channel
 * @param {(channel: number) => number[]} endsOf @param {number} bins
 */
export function histogram({ maps }, picture, channel, endsOf, bins) {
  const counts = new Float64Array(bins);
  const channels = channel === null ? maps.min.map((_, c) => c) : [channel];
  for (const c of channels) {
    const codes = new Uint32Array(256);
    const [low, high] = endsOf(c);
    for (const code of codesOf(maps, c, picture)) codes[code]++;
    for (let code = 0; code < 256; code++) {
      if (!codes[code]) continue;
      const at = high > low ? ((valueOf(maps, c, code) - low) / (high - low)) * bins : 0;
      counts[Math.max(0, Math.min(bins - 1, Math.floor(at)))] += codes[code];
    }
  }
  return counts;
}
