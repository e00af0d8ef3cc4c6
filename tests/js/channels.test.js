import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channelAt, halves } from '../../explorer/ui/stage/explore/channels.js';
import { NAMES, run } from './runs.js';

const at = (name, from, channel, to) => channelAt(run(name), from, channel, to);

test('a skip’s channel 7 is 16 + 7 of the concatenation, and back', () => {
  assert.deepEqual(halves(run('unet'), run('unet').step('concat_u3b')), [
    { name: 'upconv_u3a', first: 0, count: 16 },
    { name: 'crop_d3c', first: 16, count: 16 },
  ]);
  assert.equal(at('unet', 'crop_d3c', 7, 'concat_u3b'), 23);
  assert.equal(at('unet', 'concat_u3b', 23, 'crop_d3c'), 7);
  assert.equal(at('unet', 'relu_d3c', 7, 'concat_u3b'), 23);
  assert.equal(at('unet', 'concat_u3b', 7, 'upconv_u3a'), 7);
  assert.equal(at('unet', 'concat_u3b', 23, 'upconv_u3a'), null); // it has no such channel
});

test('pooling, rectifying, up-sampling and summing keep a channel; a convolution does not', () => {
  assert.equal(at('unet', 'conv_d3b_c', 5, 'pool_d3c'), 5);
  assert.equal(at('unet', 'pool_d3c', 5, 'conv_d3b_c'), 5);
  assert.equal(at('unet', 'pool_d3c', 5, 'conv_d4a_b'), null);
  assert.equal(at('unet', 'conv_d3b_c', 5, 'relu_d3b'), null);
  assert.equal(at('fcn8s', 'score_pool4', 3, 'fuse_pool4'), 3);
  assert.equal(at('fcn8s', 'score_fr', 3, 'score'), 3);
  assert.equal(at('fcn8s', 'score_fr', 3, 'pool5'), null);
});

test('every channel that a step has answers to itself, in every network', () => {
  for (const name of NAMES) {
    for (const { name: step, shape } of run(name).steps) assert.equal(at(name, step, shape[0] - 1, step), shape[0] - 1);
  }
});

test('through an operation that is not known no channel is carried', () => {
  assert.equal(at('unknown', 'pool', 1, 'extra'), null);
});
