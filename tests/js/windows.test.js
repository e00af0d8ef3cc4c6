import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clip, reads } from '../../explorer/ui/stage/explore/windows.js';
import { run } from './runs.js';

const of = (name, step, unit) => {
  const trace = run(name);
  return reads(trace, trace.step(step), unit);
};
const unit = { channel: 1, row: 10, column: 20 };

test('a convolution reads a window of all channels, with padding from before the map', () => {
  const [paper] = of('fcn8s', 'conv1_1', unit);
  assert.deepEqual(paper, { name: 'input', rows: [-90, -87], cols: [-80, -77], channel: null });
  const [fc6] = of('fcn8s', 'fc6', { channel: 0, row: 2, column: 1 });
  assert.deepEqual([fc6.rows, fc6.cols], [[2, 9], [1, 8]]);
});

test('pooling reads its own channel, up-sampling the units that reach its place', () => {
  assert.deepEqual(of('unet', 'pool_d0c', unit), [{ name: 'relu_d0c', rows: [20, 22], cols: [40, 42], channel: 1 }]);
  assert.deepEqual(of('unet', 'upconv_u3a', unit)[0].rows, [5, 6]); // kernel 2, stride 2: one unit each
  assert.deepEqual(of('fcn8s', 'upscore2', { channel: 0, row: 3, column: 4 })[0].rows, [0, 2]); // kernel 4: two
});

test('a crop reads a place further on, a sum both branches, a concatenation the one that has the channel', () => {
  assert.deepEqual(of('fcn8s', 'crop_pool4', { channel: 1, row: 2, column: 3 }), [
    { name: 'score_pool4', rows: [7, 8], cols: [8, 9], channel: 1 },
  ]);
  assert.deepEqual(of('fcn8s', 'fuse_pool4', unit).map(({ name }) => name), ['upscore2', 'crop_pool4']);
  const stacked = (channel) => of('unet', 'concat_u3b', { ...unit, channel })[0];
  assert.deepEqual([stacked(15).name, stacked(15).channel], ['upconv_u3a', 15]);
  assert.deepEqual([stacked(16).name, stacked(16).channel], ['crop_d3c', 0]);
  assert.throws(() => stacked(32), RangeError);
});

test('what an unknown operation reads is not known', () => {
  assert.deepEqual(of('unknown', 'extra', unit), []);
});

test('a window in the padding alone is empty', () => {
  assert.deepEqual(clip([-3, 2], 10), [0, 2]);
  assert.deepEqual(clip([8, 12], 10), [8, 10]);
  assert.deepEqual(clip([-5, -2], 10), [0, 0]);
});
