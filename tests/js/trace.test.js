import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from './runs.js';

test('fields, places and the margin are those of the papers', () => {
  const fcn = run('fcn8s');
  assert.deepEqual(fcn.field(fcn.step('conv1_1'), 99, 99), [0, 0, 2, 2]); // the first pixel and padding before it
  assert.equal(fcn.field(fcn.step('conv1_1'), 0, 0), null);
  assert.equal(fcn.paddingShare(fcn.step('conv1_1'), 0, 0), 1);
  assert.deepEqual(fcn.wholeField(fcn.step('score_fr'), 0, 0), [-189, -189, 215, 215]); // 404 pixels
  assert.deepEqual(fcn.placeOf(fcn.step('score_fr'), { channel: 0, row: 1, column: 0 }), [44.5, 12.5]);
  assert.deepEqual(fcn.unitNear(fcn.step('score_fr'), [44.5, 12.5]), { row: 1, column: 0 });
  assert.deepEqual([fcn.margin.step, fcn.margin.pixels], ['conv1_1', 100]);
  assert.equal(run('fcn8s-same').margin, null);
  assert.equal(run('unet').margin, null);
});

test('grids meet at every join of the papers', () => {
  for (const name of ['fcn8s', 'fcn16s-same', 'unet']) {
    assert.ok(run(name).steps.every(({ misaligned }) => misaligned.every((pixels) => pixels === 0)), name);
  }
});

test('a crop concerns the map it cuts, itself, and where it is merged', () => {
  const trace = run('fcn8s');
  for (const name of ['score_pool4', 'crop_pool4', 'fuse_pool4']) {
    assert.equal(trace.cropAt(trace.step(name)).step, 'crop_pool4');
  }
  assert.equal(trace.cropAt(trace.step('pool1')), null);
  const at = { channel: 0, row: 6, column: 6 };
  const step = trace.step('crop_pool4');
  const partner = trace.partnerField(step, trace.step('score_pool4'), at); // seen from the map before the cut
  assert.deepEqual(partner, trace.field(trace.step('upscore2'), 1, 1));
  assert.equal(trace.partnerField(step, trace.step('score_pool4'), { ...at, row: 1 }), null); // it is cut off
});

test('behind an operation that is not known there are maps, and no places', () => {
  const trace = run('unknown');
  const step = trace.step('labels');
  assert.equal(trace.grid(step), null);
  assert.equal(trace.field(step, 0, 0), null);
  assert.equal(trace.placeOf(step, { channel: 0, row: 0, column: 0 }), null);
  assert.deepEqual(trace.cells(step), [0, 0, 16, 16]);
  assert.deepEqual(trace.unitNear(step, [3, 3]), { row: 8, column: 8 });
  assert.deepEqual(step.shape, [4, 16, 16]);
});
