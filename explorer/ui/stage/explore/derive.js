/** Where a number in a network comes from: one line per step that changes it, back to the image. Pure; no page. */

const SAME = new Set(['relu', 'dropout', 'identity', 'scale', 'batchnorm']);

/**
 * [{step, formula}] for axis 1 (height) or 2 (width) of a step's map, the step itself first and the image last. A crop
 * has the size of its reference; where that is the image, what was cropped is derived. The formula is the arithmetic of the operation with this run's numbers, as text that `words` put together.
 */
export function derivation(trace, step, axis, words) {
  const lines = [];
  for (let at = step; at; ) {
    const size = at.shape[axis];
    if (at.op === 'input') {
      lines.push({ step: at, formula: words.t('derive.input', { size }) });
      break;
    }
    const before = trace.step(at.inputs[0]);
    const joined = at.op === 'add' || at.op === 'concat';
    if (joined) lines.push({ step: at, formula: words.t('derive.same', { size, source: at.inputs[0], other: at.inputs[1] }) });
    else if (!SAME.has(at.op)) lines.push({ step: at, formula: `${size} = ${formula(trace, at, axis, words)}` });
    at = at.op === 'crop' && at.inputs[1] !== trace.steps[0].name ? trace.step(at.inputs[1]) : before;
  }
  return lines;
}

function formula(trace, { op, settings, inputs, shape }, axis, words) {
  const [first, second] = inputs.map((name) => trace.step(name));
  const n = first.shape[axis];
  if (op === 'crop') return words.t('derive.crop', { reference: second.name, from: n, offset: settings.offset, behind: n - settings.offset - shape[axis] });
  const [kernel, stride, padding] = ['kernel', 'stride', 'padding'].map((name) => settings[name][axis - 1]);
  if (op === 'upconv' || op === 'bilinear') return `(${n} − 1)·${stride} + ${kernel}${padding ? ` − 2·${padding}` : ''}`;
  const sum = padding ? `(${n} + 2·${padding} − ${kernel})` : `(${n} − ${kernel})`;
  if (stride === 1) return `${sum.slice(1, -1)} + 1`;
  const up = settings.ceil;
  return up === undefined || (n + 2 * padding - kernel) % stride === 0 ? `${sum}/${stride} + 1` : words.t(up ? 'derive.ceil' : 'derive.floor', { quotient: `${sum}/${stride}` });
}

/** Where a map's number of channels comes from, in one line. */
export function channelsOf(trace, step, words) {
  const at = changing(trace, step);
  const before = at.inputs.map((name) => trace.step(name));
  const values = { channels: at.shape[0], step: at.name };
  if (at.op === 'input') return words.t('derive.colours', values);
  if (at.op === 'concat') return words.t('derive.stacked', { ...values, a: before[0].shape[0], source: before[0].name, b: before[1].shape[0], other: before[1].name });
  if (at.op === 'add') return words.t('derive.summed', { ...values, source: before[0].name, other: before[1].name });
  return words.t('derive.filters', { ...values, in: before[0].shape[0] });
}

/** The last step that may change the number of channels. */
function changing(trace, step) {
  const kept = SAME.has(step.op) || ['maxpool', 'avgpool', 'crop', 'bilinear'].includes(step.op);
  return kept ? changing(trace, trace.step(step.inputs[0])) : step;
}
