import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chips, sentence } from '../../explorer/ui/stage/explore/words.js';
import { NAMES, run, words } from './runs.js';

const of = (name, step, language) => sentence(run(name), run(name).step(step), words(language));

test('every step of every network has a sentence in both languages, with every place filled', () => {
  for (const name of NAMES) {
    for (const { name: step } of run(name).steps) {
      for (const language of ['en', 'ko']) {
        const text = of(name, step, language);
        assert.ok(text.length > 10, `${name} ${step}`);
        assert.doesNotMatch(text, /[{}]|undefined|null|NaN/, `${name} ${step}: ${text}`);
      }
    }
  }
});

test('the crop of pool4 says where its offset comes from, and that the grids meet', () => {
  const text = of('fcn8s', 'crop_pool4');
  assert.match(text, /\(−11\.5 − \(−91\.5\)\)\/16 = 5\./);
  assert.match(text, /two grids lie 0 pixels apart/);
});

test('a join whose grids do not meet says how far apart they stand', () => {
  const trace = run('unet');
  const step = trace.step('concat_u3b');
  assert.match(sentence(trace, step, words()), /Unit \(n, m\) of both lies at the same place/);
  const off = sentence(trace, { ...step, misaligned: [1.5, 1.5] }, words());
  assert.match(off, /do not meet: .* 1\.5 input pixels apart/);
  assert.doesNotMatch(off, /same place/);
  const crop = { ...trace.step('crop_d3c'), misaligned: [2, 4] };
  assert.match(sentence(trace, crop, words()), /2 × 4 pixels apart/);
});

test('only VGG16’s fully connected layers are told of as such', () => {
  assert.match(of('fcn8s', 'fc6'), /fully connected layer here, for a map of 7 × 7/);
  assert.match(of('fcn8s', 'fc7'), /1 × 1 convolution/);
  assert.doesNotMatch(of('fcn8s', 'conv5_3'), /fully connected/);
});

test('an operation that is not known is shown with its name and its map', () => {
  assert.equal(of('unknown', 'extra'), 'What extra computes is not known here. Its map: 8 × 8 × 6.');
  const labels = chips(run('unknown'), run('unknown').step('extra'), words()).map(([label]) => label);
  assert.ok(labels.includes('chip.shape') && !labels.includes('chip.jump'));
});
