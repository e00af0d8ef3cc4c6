/** Probing without a browser: alterations as they stand in a selection, and the brush's shift. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mirroredAt, shifted } from '../../explorer/ui/stage/explore/brush.js';
import { parts, written } from '../../explorer/ui/stage/explore/probe.js';
import { complete } from '../../explorer/ui/stage/selection.js';

test('alterations are written as they were read', () => {
  const texts = [
    'crop_d0c*0', 'conv3_1:17*0.5', 'pool4=cat.jpg', 'score_pool4:2=made-ramp', 'a*-2;b:0*1;c=x.png',
  ];
  for (const text of texts) {
    assert.equal(parts(text).map(written).join(';'), text);
  }
  assert.deepEqual(parts(''), []);
});

test('a line goes on as its mirror image, its end not repeated', () => {
  const at = Array.from({ length: 13 }, (_, i) => mirroredAt(i - 4, 4));
  assert.deepEqual(at, [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]);
  assert.equal(mirroredAt(5, 1), 0);
});

test('a shifted image shows at (y, x) what stood at (y - down, x - right)', () => {
  const [width, height] = [5, 4];
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => i);
  for (const [down, right] of [[0, 0], [1, 0], [0, -2], [3, 4], [-3, 1]]) {
    const made = shifted({ width, height, data }, down, right);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [from, to] = [[y - down, x - right], [y, x]];
        if (from[0] < 0 || from[0] >= height || from[1] < 0 || from[1] >= width) continue;
        assert.equal(made[4 * (to[0] * width + to[1]) + 2], data[4 * (from[0] * width + from[1]) + 2]);
      }
    }
  }
});

const catalog = {
  models: ['a', 'b'].map((key) => ({ key, family: 'f', paddings: ['same'], cards: ['w', 'v', 'n'], size: 320 })),
  cards: ['w', 'v', 'n'].map((name) => ({ name, data: 'd', examples: '', widths: name === 'n' ? '2' : '1' })),
  examples: [{ file: 'x.png', family: '' }, { file: 'y.png', family: '' }],
};
const chosen = {
  model: 'a', checkpoint: 'w', padding: 'same', image: 'x.png', size: 320, device: 'auto',
  altered: 's*0', against: 'plain',
};

test('a change of the network takes its alterations back, and what was the difference from them', () => {
  const next = complete(/** @type {any} */ (catalog), chosen, { model: 'b' });
  assert.equal(next.altered, '');
  assert.equal(next.against, '');
});

test('another image keeps alterations, and not the image that the difference was from', () => {
  assert.equal(complete(/** @type {any} */ (catalog), chosen, { image: 'y.png' }).altered, 's*0');
  assert.equal(complete(/** @type {any} */ (catalog), chosen, { image: 'y.png' }).against, 'plain');
  const other = complete(/** @type {any} */ (catalog), { ...chosen, against: 'y.png' }, { image: 'y.png' });
  assert.equal(other.against, '');
  const asked = complete(/** @type {any} */ (catalog), chosen, { image: 'y.png', against: 'x.png' });
  assert.equal(asked.against, 'x.png');
});

test('the difference from other weights stays while there are maps of one shape', () => {
  const from = { ...chosen, against: '@v' };
  const then = (change) => complete(/** @type {any} */ (catalog), from, change).against;
  assert.equal(then({ image: 'y.png' }), '@v');
  assert.equal(then({ altered: '' }), '@v');
  assert.equal(then({ checkpoint: 'v' }), '@v');
  assert.equal(then({ checkpoint: 'n' }), '');
});
