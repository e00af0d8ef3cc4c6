/** Where one goes on when the network has changed: the step that answers to the one shown. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counterpart } from '../../explorer/ui/stage/explore/counterpart.js';
import { NAMES, run } from './runs.js';

for (const [old, next, name, answer] of [
  ['fcn8s', 'fcn8s-same', 'crop_pool3', 'crop_upscore_pool4'], // with same, the other branch is cut
  ['fcn8s-same', 'fcn8s', 'crop_upscore2', 'crop_pool4'],
  ['fcn8s', 'fcn8s-same', 'conv3_2', 'conv3_2'],
  ['fcn8s', 'unet', 'fuse_pool3', 'concat_u3b'],
  ['unet', 'fcn8s', 'concat_u3b', 'fuse_pool3'],
  ['unet', 'fcn8s-same', 'crop_d3c', 'crop_upscore_pool4'],
  ['fcn8s', 'fcn16s-same', 'crop_pool3', 'crop_upscore2'],
  ['fcn8s', 'unet', 'upscore_pool4', 'upconv_u3a'],
  ['fcn8s', 'fcn32s-same', 'score_pool4', 'score_fr'],
  ['fcn8s', 'fcn32s-same', 'fuse_pool4', 'upscore'], // no sum there: what the sum reads first
  ['fcn8s', 'unet', 'pool3', 'pool_d2c'],
  ['unet', 'unet-same', 'crop_d1c', 'crop_d1c'],
  ['fcn8s', 'plain', 'score_fr', 'labels'],
]) {
  test(`${name} of ${old} is answered by ${answer} of ${next}`, () => {
    const there = run(next);
    assert.equal(there.steps[counterpart(run(old), there, name)].name, answer);
  });
}

test('every step is answered', () => {
  const papers = NAMES.filter((name) => !['plain', 'unknown'].includes(name)).map(run);
  for (const a of papers) {
    for (const b of papers) {
      for (const { name } of a.steps) assert.ok(b.steps[counterpart(a, b, name)], name);
    }
  }
});
