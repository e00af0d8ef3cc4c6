/** Lessons without a browser: values that are measured, answers, and how a step is looked at in the address. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pairsOf, wishOf } from '../../explorer/ui/stage/explore/looked.js';
import { compared, isAnswer } from '../../explorer/ui/stage/lessons/questions.js';
import { measured } from '../../explorer/ui/stage/lessons/values.js';
import { run, words } from './runs.js';

const value = (source, parts, more = {}) => ({ source, parts, where: [], then: '', other: null, ...more });
const sources = { trace: run('unet'), held: null, lab: null, words: words() };

test('values of steps are those of the run: U-Net as drawn by Ronneberger et al. 2015, Fig. 1', () => {
  const of = (name, what) => measured(value('step', [name, what]), sources)?.raw;
  const { index, steps } = sources.trace;
  const [whole, cut] = [steps[index.get('relu_d0c')], steps[index.get('crop_d0c')]];
  assert.equal(of('relu_d0c', 'height'), whole.shape[1]);
  assert.equal(of('pool_d0c', 'jump'), 2);
  assert.equal(of('pool_d0c', 'field'), 6); // two 3 x 3 convolutions see 5, a pooling adds a jump
  const between = { then: '-', other: value('step', ['crop_d0c', 'height']) };
  assert.equal(measured(value('step', ['relu_d0c', 'height'], between), sources)?.raw, whole.shape[1] - cut.shape[1]);
  assert.equal(of('nowhere', 'height'), undefined);
  assert.equal(measured(value('step', ['pool_d0c', 'jump']), { ...sources, trace: null }), null);
});

const LAB = {
  facts: {
    reach: [['lab.reach', { step: 'a', units: 3 }], ['lab.reach', { step: 'b', units: 5, share: { percent: 0.25 } }]],
  },
  tables: {
    crops: {
      head: [['lab.head.crop', {}], ['lab.head.offset', {}]],
      rows: [{ cells: ['crop_a', 4] }, { cells: [['lab.far.own', {}], { count: 2e6 }] }],
    },
  },
};

test('values of labs are found by sentence, and by row and column', () => {
  const at = { ...sources, lab: LAB };
  const fact = (name, where) => measured(value('fact', ['lab.reach', name], { where }), at);
  assert.equal(fact('units', [])?.raw, 3);
  assert.equal(fact('units', [['step', 'b']])?.raw, 5);
  assert.equal(fact('units', [['step', 'c']]), null);
  assert.deepEqual([fact('share', [['step', 'b']])?.raw, fact('share', [['step', 'b']])?.text], [0.25, '25 %']);
  const cell = (row) => measured(value('table', ['crops', row, 'offset']), at)?.raw;
  assert.deepEqual([cell('crop_a'), cell('own'), cell('1'), cell('z')], [4, 2e6, 2e6, undefined]);
});

test('shares of 1 are set against each other in points, or as a ratio', () => {
  const half = ['lab.half', { share: { percent: 0.5 }, other: { percent: 0.125 } }];
  const at = { ...sources, lab: { facts: { half: [half] }, tables: {} } };
  const both = (then) =>
    measured(value('fact', ['lab.half', 'share'], { then, other: value('fact', ['lab.half', 'other']) }), at)?.raw;
  assert.equal(both('-'), 37.5);
  assert.equal(both('/'), 4);
});

test('an answer is the one whose range holds the measured value', () => {
  const within = (low, high, word = null) => (x) => isAnswer({ text: [], low, high, word }, x);
  assert.deepEqual([0, 1, 10, 11].map(within(1, 10)), [false, true, true, false]);
  assert.deepEqual([-5, 0, 5].map(within(null, 0)), [true, true, false]);
  assert.deepEqual(['pool4', 'pool3', null].map(within(null, null, 'pool4')), [true, false, false]);
});

test('a pressed place lies within the box, or so many pixels beside it', () => {
  assert.deepEqual(compared([5, 5], [0, 0, 10, 10]), { inside: true, apart: 0 });
  assert.deepEqual(compared([13, 14], [0, 0, 10, 10]), { inside: false, apart: 5 });
});

test('how a step is looked at comes back out of its address', () => {
  const unit = { channel: 3, row: 20, column: 40 };
  for (const look of [
    {}, { channel: 0 }, { unit: { step: 'pool4', unit } }, { unit: { step: 'pool3', unit } },
    { crop: 'cut', order: 'activity', scale: 'layer', shown: 'entropy' },
    { pins: [{ step: 'pool4', channel: 7 }, { step: 'conv1_1', channel: 0 }] },
  ]) {
    const whole = {
      step: 'pool4', channel: null, unit: null, crop: 'whole', order: 'index', scale: 'channel', shown: '', pins: [],
      ...look,
    };
    const address = new URLSearchParams([['step', 'pool4'], ...pairsOf(whole)]);
    assert.deepEqual(wishOf(address), whole);
  }
});

test('what an address says wrongly is left out', () => {
  const odd = wishOf(new URLSearchParams('channel=-1&unit=a,b,c&crop=half&pins=pool4,pool3:x,pool2:1'));
  assert.deepEqual([odd.channel, odd.unit, odd.crop, odd.pins], [null, null, 'whole', [{ step: 'pool2', channel: 1 }]]);
});
