import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figure } from '../../explorer/ui/stage/explore/figure.js';
import { NAMES, run } from './runs.js';

const kinds = ({ arrows }) => {
  const count = {};
  for (const { kind } of arrows) count[kind] = (count[kind] ?? 0) + 1;
  return count;
};

test("U-Net's figure has the paper's boxes and arrows", () => {
  const plan = figure(run('unet'));
  // Ronneberger et al. (2015), Figure 1: the sides of its maps, from left to right
  const sides = [
    [572, 570, 568], [284, 282, 280], [140, 138, 136], [68, 66, 64], [32, 30, 28],
    [56, 54, 52], [104, 102, 100], [200, 198, 196], [392, 390, 388, 388],
  ].flat();
  assert.deepEqual(plan.boxes.map(({ step }) => step.shape[1]), sides);
  assert.deepEqual(kinds(plan), { conv: 18, conv1: 1, pool: 4, up: 4, copy: 4 });
});

test('half of a concatenation is pasted, and the dashed frame is what the crop keeps', () => {
  const { boxes } = figure(run('unet'));
  assert.deepEqual(boxes.filter(({ pasted }) => pasted).map(({ pasted }) => pasted), [0.5, 0.5, 0.5, 0.5]);
  const [top, left, tall, wide] = boxes.find(({ step }) => step.shape[1] === 64).kept;
  assert.deepEqual([top, left, tall, wide], [4 / 64, 4 / 64, 56 / 64, 56 / 64]);
});

test("FCN's figure stacks its predictions and names how far each is up-sampled", () => {
  const plan = figure(run('fcn8s'));
  assert.deepEqual(plan.arrows.filter(({ kind }) => kind === 'up').map(({ factor }) => factor), [2, 2, 8]);
  const box = (name) => plan.boxes.find(({ step }) => step.name === name);
  assert.ok(box('score_fr').y < box('fuse_pool4').y && box('fuse_pool4').y < box('fuse_pool3').y);
  assert.equal(box('score_pool4').x, box('pool4').x);
  assert.equal(box('score_pool4').y, box('fuse_pool4').y);
  assert.equal(kinds(figure(run('fcn8s-same'))).copy, 2); // a sum takes a skip, whichever of the two is cropped
});

test('every figure stays in its frame, and no two boxes lie on each other', () => {
  for (const name of NAMES) {
    const { boxes, width, height } = figure(run(name));
    for (const [i, a] of boxes.entries()) {
      assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= width && a.y + a.height <= height, `${name} ${a.step.name}`);
      for (const b of boxes.slice(0, i)) {
        const apart = a.x >= b.x + b.width || b.x >= a.x + a.width || a.y >= b.y + b.height || b.y >= a.y + a.height;
        assert.ok(apart, `${name}: ${a.step.name} on ${b.step.name}`);
      }
    }
  }
});

test('a network without skips has a figure, too', () => {
  const names = figure(run('plain')).boxes.map(({ step }) => step.name);
  assert.deepEqual(names, ['input', 'first', 'pool', 'up', 'labels']);
});
