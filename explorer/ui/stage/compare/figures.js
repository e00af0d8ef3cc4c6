/** The figures of a comparison, a record for each network: what the table shows and the files hold. */

/** Of networks that were run, `judged` by true labels or not.
 * @param {{results: any[], pairs: any[]}} answer @param {(any | null)[]} [judged]
 * @returns {Record<string, any>[]}
 */
export function figuresOf({ results, pairs }, judged = []) {
  const share = (i, k) => pairs.find(({ a, b }) => (a === i && b === k) || (a === k && b === i))?.agreement ?? null;
  return results.map((result, i) => ({
    model: result.model, weights: result.weights, padding: result.padding, run_at: result.run_at,
    device: result.device, precision: result.precision, seconds: result.seconds.network,
    parameters: result.parameters, macs: result.macs, memory: result.memory.peak ?? result.memory.forecast,
    pixel_accuracy: judged[i]?.pixel_accuracy ?? null, mean_iou: judged[i]?.mean_iou ?? null,
    agreement: results.map((_, k) => (k === i ? null : share(i, k))),
  }));
}

/** Comma-separated values, a line for each record.
 * @param {Record<string, any>[]} records
 */
export function csvOf(records) {
  const rows = records.map(({ agreement, run_at: [height, width], ...rest }) => ({
    ...rest, height, width, ...Object.fromEntries(records.map(({ model }, k) => [`same_as_${model}`, agreement[k]])),
  }));
  const cell = (value) => {
    const text = String(value ?? '');
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [Object.keys(rows[0]), ...rows.map((row) => Object.values(row))];
  return lines.map((line) => `${line.map(cell).join(',')}\n`).join('');
}
