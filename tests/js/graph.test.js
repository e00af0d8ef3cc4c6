import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layout, nodeName, pathOf } from '../../explorer/ui/stage/explore/graph.js';
import { NAMES, run } from './runs.js';

const paths = (trace, path) => trace.steps.filter((step) => pathOf(trace, step) === path).map(({ name }) => name);

test('the skip of FCN is what scores a pooled map and cuts it', () => {
  const skips = ['score_pool4', 'crop_pool4', 'score_pool3', 'crop_pool3'];
  assert.deepEqual(paths(run('fcn8s'), 'skip'), skips);
  assert.deepEqual(paths(run('fcn8s-same'), 'skip'), ['score_pool4', 'score_pool3']); // there the other one is cut
});

test("the skips of U-Net are its crops, and its scores lie on the way up", () => {
  const trace = run('unet');
  assert.deepEqual(paths(trace, 'skip'), ['crop_d3c', 'crop_d2c', 'crop_d1c', 'crop_d0c']);
  assert.equal(pathOf(trace, trace.step('score')), 'expansive');
  assert.equal(pathOf(run('fcn8s'), run('fcn8s').step('score_fr')), 'contracting');
});

test('what has one resolution stands at one height, the finest on top', () => {
  for (const name of NAMES) {
    const trace = run(name);
    const { nodes, bands, rows } = layout(trace, false);
    assert.equal(nodes.length, trace.steps.length);
    assert.equal(new Set(nodes.map(({ row, column }) => `${row} ${column}`)).size, nodes.length, name);
    for (const node of nodes) {
      const band = bands[node.level];
      assert.ok(node.row >= band.row && node.row < band.row + band.rows);
    }
    assert.equal(rows, bands.reduce((sum, band) => sum + band.rows, 0));
  }
  assert.deepEqual(layout(run('fcn8s'), false).bands.map(({ jump }) => jump), [1, 2, 4, 8, 16, 32]);
  assert.deepEqual(layout(run('unet'), false).bands.map(({ jump }) => jump), [1, 2, 4, 8, 16]);
});

test('a skip runs across from the way down to the way up', () => {
  const ends = (name) => {
    const trace = run(name);
    const { nodes, edges } = layout(trace, false);
    const of = (i) => trace.steps[nodes[i].last].name;
    return edges.filter(({ skip }) => skip).map(({ from, to }) => `${of(from)} ${of(to)}`);
  };
  assert.deepEqual(ends('fcn8s'), ['pool4 score_pool4', 'pool3 score_pool3']);
  assert.deepEqual(ends('unet'), ['relu_d3c crop_d3c', 'relu_d2c crop_d2c', 'relu_d1c crop_d1c', 'relu_d0c crop_d0c']);
  assert.deepEqual(ends('plain'), []);
});

test('blocks hold the layers of one level and the rectifiers behind them', () => {
  const trace = run('fcn8s');
  const names = layout(trace, true).nodes.map((node) => nodeName(trace, node));
  const first = ['input', 'conv1 ×2', 'pool1', 'conv2 ×2', 'pool2', 'conv3 ×3'];
  assert.deepEqual(names.slice(0, 10), [...first, 'pool3', 'conv4 ×3', 'pool4', 'conv5 ×3']);
  assert.deepEqual(names.slice(10, 14), ['pool5', 'fc ×2', 'score_fr', 'upscore2']);
  assert.equal(layout(trace, true).nodes.flatMap(({ steps }) => steps).length, trace.steps.length);
});

test('an operation that is not known is drawn as any other', () => {
  const trace = run('unknown');
  const extra = layout(trace, true).nodes.find(({ steps }) => trace.steps[steps[0]].name === 'extra');
  assert.equal(nodeName(trace, extra), 'extra');
  assert.equal(trace.step('extra').op, 'unknown');
});
