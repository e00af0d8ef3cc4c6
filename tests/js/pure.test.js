/** Frames, order, selection, colours, tiles and keys. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Colours, css, packed, roles } from '../../explorer/ui/stage/colour.js';
import { pointIn, toFrame } from '../../explorer/ui/stage/explore/frames.js';
import { byActivity, byAgreement, histogram } from '../../explorer/ui/stage/explore/order.js';
import { entropyOf } from '../../explorer/ui/stage/explore/probabilities.js';
import { GAP, scaleBox, tileAt, tileUnder, tiling } from '../../explorer/ui/stage/explore/tiling.js';
import { keyOf } from '../../explorer/ui/stage/keys.js';
import { better, complete, fromAddress } from '../../explorer/ui/stage/selection.js';

const FRAMES = { offset: [4, 6], frames: { original: [200, 80], resized: [100, 40], network: [108, 52] } };

test('boxes are clipped to the image and scaled to the original', () => {
  assert.deepEqual(toFrame(FRAMES, [0, 0, 14, 16], 'network'), [0, 0, 14, 16]);
  assert.deepEqual(toFrame(FRAMES, [0, 0, 14, 16], 'resized'), [0, 0, 10, 10]);
  assert.deepEqual(toFrame(FRAMES, [5, 7, 14, 16], 'original'), [2, 2, 20, 20]);
  assert.equal(toFrame(FRAMES, [0, 0, 4, 50], 'resized'), null); // in the border alone
  assert.deepEqual(pointIn(FRAMES, [10, 10], 'network'), [14, 16]);
  assert.deepEqual(pointIn(FRAMES, [10, 10], 'original'), [20, 20]);
});

// three channels of 2 x 2 units: empty, strong, like the class's mask
const MAPS = { tile: [2, 2], columns: 3, reduction: 1, min: [0, -1, 0], max: [0, 1, 0.5] };
const PICTURE = { width: 6, height: 2, pixels: Uint8Array.of(0, 0, 255, 0, 255, 255, 0, 0, 0, 255, 0, 0) };

test('channels are ordered by the magnitude of their values, or by likeness to a class', () => {
  assert.deepEqual(byActivity({ maps: MAPS }, PICTURE), [1, 2, 0]);
  const axis = { start: 0, jump: 1 };
  const trace = { axes: [axis, axis], offset: [0, 0] };
  const labels = { width: 2, height: 2, codes: [7, 7, 3, 3] };
  const step = { maps: MAPS, rows: 0, cols: 1 };
  assert.equal(byAgreement(trace, step, PICTURE, labels, 7)[0], 2);
});

test('a histogram counts every value once', () => {
  const counts = histogram({ maps: MAPS }, PICTURE, null, (c) => [MAPS.min[c], MAPS.max[c]], 4);
  assert.equal(counts.reduce((a, b) => a + b, 0), 12);
  assert.deepEqual([...histogram({ maps: MAPS }, PICTURE, 1, () => [-1, 1], 2)], [2, 2]);
});

test('signed maps keep zero in the middle of their colours', () => {
  const rows = Array.from({ length: 256 }, (_, i) => [i, i, i]);
  const own = { kept: '#009E73', dark: '#000000' };
  const colours = new Colours({ sequential: { a: rows }, diverging: rows, divergingName: 'd', heat: rows, roles: own });
  const signed = colours.scheme({ min: [-1, 0], max: [3, 1] }, 'layer', null);
  assert.deepEqual([signed.signed, ...signed.range], [true, -3, 3]);
  const middle = signed.codesBetween(-3, 3, -3, 3);
  assert.equal(middle[0] & 255, 0);
  assert.equal(middle[255] & 255, 255);
  const plain = colours.scheme({ min: [0, 2], max: [4, 8] }, 'channel', null);
  assert.deepEqual([plain.signed, ...plain.ends(1)], [false, 2, 8]);
  assert.equal(roles.kept, '#009E73');
  assert.equal(css('dark', 0.5), '#00000080');
  assert.equal(packed('kept'), 0xff739e00);
});

test('tiles are as large as fit, and never too small to see', () => {
  const four = tiling([4], 1, { width: 2 * 100 + GAP, height: 2 * 100 + GAP });
  assert.deepEqual([four.columns, four.width, four.height], [2, 100, 100]);
  const many = tiling([512], 1, { width: 300, height: 200 });
  assert.ok(many.width >= 34 && many.columns * (many.width + GAP) <= 300);
  assert.ok(many.total > 200);
  const box = { top: 1, left: 2, height: 1, width: 2 };
  assert.deepEqual(scaleBox([10, 20, 80, 40], [1, 4, 8], box), [30, 30, 20, 10]);
});

test('every tile is found where it lies, and nothing between tiles or above them', () => {
  for (const counts of [[1], [21], [128, 128], [64, 32], [5, 300]]) {
    for (const ratio of [0.3, 1, 2]) {
      for (const rooms of [undefined, { strip: 15, head: 15 }]) {
        const grid = tiling(counts, ratio, { width: 760, height: 500 }, rooms);
        const all = Array.from({ length: grid.channels }, (_, k) => k);
        const places = all.map((k) => tileAt(grid, k));
        places.forEach(([x, y, w, h], k) => {
          assert.deepEqual(tileUnder(grid, x + w - 1, y + h - 1), { k, x: w - 1, y: h - 1 });
          assert.ok(tileUnder(grid, x + 1, y - 1) === null && tileUnder(grid, x + w, y) === null);
          assert.ok(y + h <= grid.total && x + w <= 760);
        });
        assert.equal(new Set(places.map(String)).size, grid.channels);
      }
    }
  }
});

test('entropy is 0 for the sure and 1 for the undecided', () => {
  assert.equal(entropyOf([1, 0, 0]), 0);
  assert.ok(Math.abs(entropyOf([0.25, 0.25, 0.25, 0.25]) - 1) < 1e-12);
});

test('a key means its letter with caps lock and with a Korean input method', () => {
  assert.equal(keyOf({ key: 'W', code: 'KeyW' }), 'w');
  assert.equal(keyOf({ key: 'ㅈ', code: 'KeyW' }), 'w');
  assert.equal(keyOf({ key: 'z', code: 'KeyW' }), 'z'); // a French keyboard
  assert.equal(keyOf({ key: 'Enter', code: 'Enter' }), 'Enter');
});

const CATALOG = {
  models: [
    { key: 'fcn8s', family: 'fcn', paddings: ['paper', 'same'], size: 320, cards: ['everyday', 'cells'] },
    { key: 'unet', family: 'unet', paddings: ['valid', 'same'], size: 388, cards: ['u-cells', 'u-everyday'] },
  ],
  cards: [
    { name: 'everyday', data: 'msrc', examples: 'everyday' },
    { name: 'cells', data: 'nuclei', examples: 'nuclei' },
    { name: 'u-cells', data: 'nuclei', examples: 'nuclei' },
    { name: 'u-everyday', data: 'msrc', examples: 'everyday' },
  ],
  examples: [{ file: 'pagoda.jpg', family: 'everyday' }, { file: 'cells.png', family: 'nuclei' }],
  sizes: [320, 388],
  devices: ['auto', 'cpu'],
};
const NETWORK = { model: 'fcn8s', checkpoint: 'everyday', padding: 'paper' };
const FIRST = { ...NETWORK, image: 'pagoda.jpg', size: 320, device: 'auto' };

test('a choice is completed so that it fits together', () => {
  const unet = complete(CATALOG, FIRST, { model: 'unet' });
  assert.deepEqual(unet, { ...FIRST, model: 'unet', checkpoint: 'u-everyday', padding: 'valid', size: 388 });
  assert.equal(complete(CATALOG, FIRST, { image: 'cells.png' }).checkpoint, 'cells');
  assert.equal(complete(CATALOG, FIRST, { checkpoint: 'cells' }).image, 'cells.png');
  assert.equal(complete(CATALOG, FIRST, { image: 'own-id' }).checkpoint, 'everyday'); // a person's own image fits all
});

test('weights follow what an own image was found to show', () => {
  const known = { ...CATALOG, domains: { 'own-id': 'nuclei' } };
  const own = { ...FIRST, image: 'own-id' };
  assert.deepEqual(better(known, own), { checkpoint: 'cells' });
  assert.equal(better(known, { ...own, checkpoint: 'cells' }), null);
  assert.equal(better(CATALOG, own), null); // nothing is known of it
  assert.equal(better(CATALOG, FIRST), null);
  assert.equal(complete(known, own, { model: 'unet' }).checkpoint, 'u-cells');
  assert.equal(complete(CATALOG, own, { model: 'unet' }).checkpoint, 'u-everyday');
  assert.equal(complete(known, own, { checkpoint: 'everyday' }).image, 'own-id'); // one's own image is never changed
  const [fcn, unet] = CATALOG.models;
  const models = [{ ...fcn, cards: ['everyday'] }, unet];
  assert.deepEqual(better({ ...known, models }, own), { model: 'unet', checkpoint: 'u-cells' });
});

test('an address asks for what is on offer, or for nothing', () => {
  const asked = (query, own) => fromAddress(CATALOG, new URLSearchParams(query), FIRST, own);
  assert.equal(asked(''), null);
  assert.equal(asked('model=unet').checkpoint, 'u-everyday');
  assert.equal(asked('size=388').size, 388);
  for (const query of ['model=vgg', 'size=7', 'device=tpu', 'image=gone.jpg']) assert.equal(asked(query), null, query);
  assert.equal(asked('', 'own-id').image, 'own-id');
});
