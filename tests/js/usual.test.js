/** What nobody chose follows the image: weights, padding; what somebody chose stays. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Given, USUAL } from '../../explorer/ui/stage/given.js';
import { complete, follows, leaves } from '../../explorer/ui/stage/selection.js';

const FOR = {
  everyday: { fcn: 'fcn-everyday', unet: 'unet-everyday' },
  nuclei: { fcn: 'fcn-nuclei', unet: 'unet-nuclei' },
  grey: { fcn: 'fcn-everyday', unet: 'unet-nuclei' }, // colours do not tell: what the network's paper is about
};
const card = (name, paddings) => {
  const [family, examples] = name.split('-');
  return { name, family, examples, data: examples, paddings: { [family]: paddings } };
};
/** @type {any} */
const CATALOG = {
  models: [
    { key: 'fcn', family: 'fcn', paddings: ['paper', 'same'], size: 320, cards: ['fcn-everyday', 'fcn-nuclei'] },
    { key: 'unet', family: 'unet', paddings: ['valid', 'same'], size: 388, cards: ['unet-nuclei', 'unet-everyday'] },
  ],
  cards: [
    card('fcn-everyday', 'paper'), card('fcn-nuclei', 'paper'),
    card('unet-nuclei', 'valid'), card('unet-everyday', 'same'),
  ],
  examples: ['everyday', 'nuclei'].map((family) => ({ file: `${family}.png`, family, usual: FOR[family] })),
  domains: { mine: 'everyday', slide: 'nuclei' },
  usual: { mine: FOR.everyday, slide: FOR.nuclei, dark: FOR.grey },
};
const PADDING = { 'fcn-everyday': 'paper', 'fcn-nuclei': 'paper', 'unet-nuclei': 'valid', 'unet-everyday': 'same' };
/** @type {any} */
const START = { model: 'fcn', checkpoint: 'fcn-everyday', padding: 'paper', image: 'everyday.png', size: 320 };
const IMAGES = { 'everyday.png': 'everyday', 'nuclei.png': 'nuclei', mine: 'everyday', slide: 'nuclei', dark: 'grey' };

/** What a page has chosen after some changes. */
function after(...changes) {
  let [now, left] = [START, follows(CATALOG, START)];
  for (const change of changes) {
    now = complete(CATALOG, now, change, left);
    left = leaves(CATALOG, left, change, now);
  }
  return { ...now, left };
}

test('whatever a newcomer looked at before, weights and padding are those for the image', () => {
  for (const [image, shows] of Object.entries(IMAGES)) {
    for (const before of Object.keys(IMAGES)) {
      for (const model of ['fcn', 'unet']) {
        for (const changes of [[{ image: before }, { model }, { image }], [{ model }, { image: before }, { image }]]) {
          const { checkpoint, padding, left } = after(...changes);
          assert.equal(checkpoint, FOR[shows][model], JSON.stringify(changes));
          assert.equal(padding, PADDING[checkpoint], JSON.stringify(changes));
          assert.deepEqual(left, ['checkpoint', 'padding']);
        }
      }
    }
  }
});

test('weights that were chosen stay with own images, until a network is chosen', () => {
  const chosen = { checkpoint: 'fcn-everyday' };
  const kept = after({ image: 'slide' }, chosen, { image: 'mine' }, { image: 'slide' });
  assert.deepEqual([kept.checkpoint, kept.left], ['fcn-everyday', ['padding']]);
  assert.equal(after({ image: 'slide' }, chosen, { model: 'unet' }, { image: 'mine' }).checkpoint, 'unet-everyday');
  assert.equal(after({ image: 'slide' }, chosen, { image: 'nuclei.png' }).checkpoint, 'fcn-nuclei');
});

test('a padding that was chosen stays where a network has it', () => {
  assert.equal(after({ padding: 'same' }, { image: 'slide' }).padding, 'same');
  assert.equal(after({ padding: 'same' }, { model: 'unet' }, { image: 'slide' }).padding, 'same');
  assert.equal(after({ model: 'unet' }, { padding: 'valid' }, { image: 'mine' }).padding, 'valid');
  const back = after({ model: 'unet' }, { padding: 'valid' }, { padding: 'same' }, { image: 'slide' });
  assert.equal(back.padding, 'valid'); // it is the usual one again, and follows
});

test('of an image that nothing is known of, weights stay', () => {
  assert.equal(after({ image: 'slide' }, { image: 'new' }).checkpoint, 'fcn-nuclei');
});

test('a file is read in another way from where its image is looked at, and no other file', () => {
  /** @type {any[]} */
  const read = [];
  const given = new Given((files, how) => read.push([files[0].name, how]), () => {});
  const [a, b] = [new File([], 'a.tif'), new File([], 'b.tif')];
  given.take([a]);
  given.learn('a', given.latest);
  given.turn('a')?.({ channels: [2, 1, 0] });
  given.learn('a2', given.latest);
  given.take([b]);
  given.learn('b', given.latest);
  given.turn('a2')?.({ page: 1 });
  assert.equal(given.turn('cat.jpg'), null);
  assert.deepEqual(read, [
    ['a.tif', USUAL], ['a.tif', { page: 0, channels: [2, 1, 0] }], ['b.tif', USUAL],
    ['a.tif', { page: 1, channels: [2, 1, 0] }],
  ]);
});
