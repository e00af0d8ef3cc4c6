/** Predictions on the way: which is reached where, and what is said of a change. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changeText, changes, nothing, pairAt, sharesOf, stageAt, stageText,
} from '../../explorer/ui/stage/explore/stages.js';
import { NAMES, run, words } from './runs.js';

test('a score map holds until the next one', () => {
  const trace = run('fcn8s');
  const reached = (name) => stageAt(trace, trace.step(name));
  assert.deepEqual(['input', 'conv1_1', 'drop7'].map(reached), [-1, -1, -1]);
  assert.deepEqual(['score_fr', 'upscore2', 'score_pool4', 'crop_pool4'].map(reached), [0, 0, 0, 0]);
  assert.deepEqual(['fuse_pool4', 'upscore_pool4', 'score_pool3'].map(reached), [1, 1, 1]);
  assert.deepEqual(['fuse_pool3', 'upscore8', 'score', 'argmax'].map(reached), [2, 2, 2, 2]);
});

test('every network ends with its own prediction, at which nothing is zero', () => {
  for (const name of NAMES) {
    const trace = run(name);
    assert.equal(stageAt(trace, trace.step('argmax')), trace.stages.length - 1, name);
    assert.deepEqual(trace.stages[trace.stages.length - 1].zeroed, [], name);
  }
  assert.deepEqual(NAMES.map((name) => run(name).stages.length), [3, 3, 2, 1, 1, 1, 1, 1]);
});

test('each is compared with the next, the last with the one before', () => {
  const trace = run('fcn8s');
  assert.deepEqual([0, 1, 2].map((stage) => pairAt(trace, stage)), [[0, 1], [1, 2], [1, 2]]);
});

test('changes are counted and shared out by the new class', () => {
  const codes = changes(Uint8Array.of(0, 1, 2, 2, 3), Uint8Array.of(0, 2, 2, 1, 1));
  assert.deepEqual([...codes], [-1, 2, -1, 1, 1]);
  assert.deepEqual(sharesOf(codes, 4), [0, 2 / 5, 1 / 5, 0]);
  assert.deepEqual(sharesOf(nothing(3), 2), [0, 0]);
  const said = changeText(run('fcn8s'), [0, 1], codes, words());
  assert.match(said, /stride 32 to stride 16.*fuse_pool4: 3 pixels \(60 %\)/);
  assert.match(changeText(run('fcn8s'), [1, 2], nothing(4), words()), /0 pixels \(0 %\)/);
});

test('what is zero is named as the language lists it', () => {
  const trace = run('fcn8s');
  assert.match(stageText(trace, 0, words()), /biases of score_pool4 and score_pool3 at zero.*32/);
  assert.match(stageText(trace, 1, words()), /biases of score_pool3 at zero.*16/);
  assert.match(stageText(trace, 2, words()), /fuse_pool3/);
  assert.match(stageText(run('unet'), -1, words()), /come at score\./);
  assert.match(stageText(run('unet'), 0, words()), /^From score on/);
});

test('argmax reads every score of its own place, and no crop concerns it', () => {
  const trace = run('fcn8s');
  assert.equal(trace.cropAt(trace.step('argmax')), null);
  assert.equal(trace.cropAt(trace.step('fuse_pool4')).step, 'crop_pool4');
  assert.equal(trace.step('argmax').maps.colours.length, trace.classes.length);
});
