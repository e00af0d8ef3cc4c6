import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channelsOf, derivation } from '../../explorer/ui/stage/explore/derive.js';
import { NAMES, run, words } from './runs.js';

const lines = (name, step, axis = 1) => {
  const trace = run(name);
  return derivation(trace, trace.step(step), axis, words()).map((line) => `${line.step.name}: ${line.formula}`);
};

test("U-Net's first crop is derived from its reference, back to the image", () => {
  const found = lines('unet', 'crop_d3c');
  assert.equal(found[0], 'crop_d3c: 56 = size of upconv_u3a: 64 − 4 before − 4 after');
  assert.equal(found[1], 'upconv_u3a: 56 = (28 − 1)·2 + 2');
  assert.equal(found[2], 'conv_d4b_c: 28 = 30 − 3 + 1');
  assert.equal(found[found.length - 1], 'input: 572: the network’s input');
});

test('a crop to the image is derived from what it cuts', () => {
  const found = lines('fcn8s', 'score');
  assert.equal(found[0], 'score: 64 = size of input: 152 − 31 before − 57 after');
  assert.equal(found[1], 'upscore8: 152 = (18 − 1)·8 + 16');
});

test('every line is right, and goes on with the size that it is made of', () => {
  for (const name of NAMES) {
    for (const step of run(name).steps) {
      for (const line of derivation(run(name), step, 2, words())) {
        const { formula, step: at } = line;
        assert.equal(parseInt(formula, 10), at.shape[2], `${name} ${at.name}: ${formula}`);
        const sum = /^(\d+) = ([\d(−·+/ )]+?)(, rounded (?:up|down))?$/.exec(formula);
        if (!sum) continue;
        const value = Function(`return ${sum[2].replaceAll('·', '*').replaceAll('−', '-')}`)();
        const whole = sum[3] === ', rounded up' ? Math.ceil(value) : Math.floor(value);
        assert.equal(whole, Number(sum[1]), `${name} ${at.name}: ${formula}`);
      }
    }
  }
});

test('channels are filters, stacked, summed, or those of the map before', () => {
  const of = (name, step) => channelsOf(run(name), run(name).step(step), words());
  assert.equal(of('unet', 'concat_u3b'), '32 = 16 of upconv_u3a + 16 of crop_d3c, stacked.');
  assert.equal(of('fcn8s', 'fuse_pool4'), '4: upscore2 and crop_pool4 are summed, channel by channel.');
  const filters = '2 channels: conv1_2 has 2 filters, each of which reads all 2 channels before it.';
  assert.equal(of('fcn8s', 'pool1'), filters);
  assert.equal(of('unet', 'input'), '3 channels: red, green and blue.');
});
