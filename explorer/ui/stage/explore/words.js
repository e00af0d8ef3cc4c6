/** A step's arithmetic in words: the numbers of this step put into the sentence for its operation. */

const CONVOLVED = { fc6: 'words.conv.fc6', fc7: 'words.conv.fc7' }; // VGG16's fully connected layers

export function sentence(trace, step, words) {
  const [channels, height, width] = step.shape;
  const before = step.inputs.map((name) => trace.step(name));
  const first = before[0];
  const s = step.settings;
  const common = {
    height, width, channels,
    from: first ? first.shape[1] : height,
    fromWidth: first ? first.shape[2] : width,
    in: first ? first.shape[0] : channels,
    source: first?.name ?? '',
    kernel: s.kernel?.[0], stride: s.stride?.[0], padding: s.padding?.[0],
    parameters: words.number(step.parameters),
    macs: words.count(step.macs),
  };
  const make = kinds[step.op];
  const whole = step.op === 'crop' && step.shape.every((n, axis) => n === first.shape[axis]);
  const values = { ...common, ...(make ? make({ trace, step, before, words, common }) : {}) };
  const convolved = CONVOLVED[step.name] ? words.t(CONVOLVED[step.name], values) : '';
  return whole ? words.t('words.crop.nothing', values) : words.t(`words.${step.op}`, values) + convolved;
}

const kinds = {
  input: ({ trace, words }) => {
    const { original, resized, network } = trace.frames;
    const differ = (a, b) => a[0] !== b[0] || a[1] !== b[1];
    const sizes = { from: original[0], fromWidth: original[1], to: resized[0], toWidth: resized[1] };
    const [, height, width] = trace.steps.at(-1).shape;
    const border = height < network[0] || width < network[1] ? 'words.input.border.smaller' : 'words.input.border';
    return {
      resized: differ(original, resized) ? words.t('words.input.resized', sizes) : '',
      border: differ(resized, network) ? words.t(border, sizes) : '',
    };
  },
  conv: ({ step, common }) => ({
    weights: `${common.kernel}·${common.kernel}·${common.in}`,
    sum: `(${common.from} + 2·${common.padding} − ${common.kernel})/${common.stride} + 1`,
    result: step.shape[1],
  }),
  maxpool: ({ step, common, words }) => {
    const exact = common.from / common.stride;
    return {
      quotient: `${common.from}/${common.stride}`,
      rounding: Number.isInteger(exact)
        ? words.t('words.maxpool.even')
        : words.t(step.settings.ceil ? 'words.maxpool.ceil' : 'words.maxpool.floor'),
    };
  },
  upconv: ({ common }) => ({ sum: `(${common.from} − 1)·${common.stride} + ${common.kernel}` }),
  bilinear: ({ common, words }) => ({
    sum: `(${common.from} − 1)·${common.stride} + ${common.kernel}`,
    own: words.number(common.kernel * common.kernel * common.channels),
  }),
  crop: ({ trace, step, before, words }) => {
    const [cropped, reference] = before;
    const [a, b] = [trace.grid(cropped), trace.grid(reference)];
    const { offset } = step.settings;
    const [drop, dropWidth] = [1, 2].map((axis) => cropped.shape[axis] - step.shape[axis] - offset);
    return {
      reference: reference.name, offset, drop, dropWidth,
      sum: `(${words.number(b.start, 6)} − ${bracket(a.start, words)})/${words.number(a.jump)} = ${words.number((b.start - a.start) / a.jump)}`,
      left: words.number(trace.grid(step).start - b.start),
    };
  },
  add: ({ before }) => ({ other: before[1].name }),
  concat: ({ before }) => ({ other: before[1].name, a: before[0].shape[0], b: before[1].shape[0] }),
  scale: ({ step }) => ({ factor: step.settings.factor }),
};

function bracket(value, words) {
  return value < 0 ? `(${words.number(value, 6)})` : words.number(value, 6);
}

/** Short facts under the step's name: [label key, value, explanation key]. */
export function chips(trace, step, words) {
  const grid = trace.grid(step);
  const field = step.field.length ? step.field.map((f) => words.number(f)).join(words.t('chip.or')) : '–';
  const out = [
    ['chip.shape', `${step.shape[1]} × ${step.shape[2]} × ${step.shape[0]}`, 'chip.shape.help'],
    ['chip.jump', words.number(grid.jump, 6), 'chip.jump.help'],
    ['chip.field', field, 'chip.field.help'],
    ['chip.start', words.number(grid.start, 6), 'chip.start.help'],
  ];
  if (step.parameters) out.push(['chip.parameters', words.number(step.parameters), 'chip.parameters.help']);
  if (step.macs) out.push(['chip.macs', words.count(step.macs), 'chip.macs.help']);
  if (step.ms !== null) out.push(['chip.ms', `${words.number(step.ms, 3)} ms`, 'chip.ms.help']);
  return out;
}

/** Height, width and channels of a step, in the one way sizes are written. */
export function shapeText(step) {
  const [c, h, w] = step.shape;
  return `${h} × ${w} × ${c}`;
}
