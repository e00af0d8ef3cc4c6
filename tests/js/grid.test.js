/** Pictures side by side: as large as they fit, whatever their shape; and the figures that are taken along. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvOf, figuresOf } from '../../explorer/ui/stage/compare/figures.js';
import { arranged, fitted } from '../../explorer/ui/stage/compare/grid.js';

const ROOM = { width: 1332, height: 560 };
const GAP = 8;

/** Whether so many pictures of a width lie in a room in any columns at all. */
function fits(count, aspect, room, lines, width) {
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const across = columns * width + GAP * (columns - 1);
    const down = rows * (width / aspect + lines) + GAP * (rows - 1);
    if (across <= room.width && down <= room.height) return true;
  }
  return false;
}

test('pictures are as large as fit, and no larger', () => {
  for (const count of [1, 2, 3, 4]) {
    for (const aspect of [0.25, 0.9, 1, 1.5, 4]) {
      const { columns, rows, width, height } = fitted(count, aspect, ROOM, 44);
      const about = `${count} of ${aspect}`;
      assert.ok(columns * rows >= count && columns * (rows - 1) < count, about);
      assert.ok(columns * width + GAP * (columns - 1) <= ROOM.width, about);
      assert.ok(rows * (height + 44) + GAP * (rows - 1) <= ROOM.height, about);
      assert.ok(Math.abs(width / aspect - height) < 1, about);
      assert.ok(!fits(count, aspect, ROOM, 44, width + 1), about);
    }
  }
});

test('two wide pictures lie below each other, two tall ones side by side', () => {
  assert.equal(fitted(2, 6, ROOM).columns, 1);
  assert.equal(fitted(2, 0.5, ROOM).columns, 2);
  assert.equal(fitted(4, 1, { width: 500, height: 500 }).columns, 2);
});

test('on a page that scrolls there is one column of the whole width', () => {
  const found = fitted(3, 2, { width: 400, height: Infinity }, 44);
  assert.deepEqual(found, { columns: 1, rows: 3, width: 400, height: 200 });
});

test('the table lies where it leaves the pictures larger', () => {
  const table = { width: 400, height: 150 };
  assert.equal(arranged(2, 0.5, ROOM, table).beside, true); // two tall ones leave a side free
  assert.equal(arranged(4, 1.5, ROOM, { ...table, width: 870 }).beside, false); // no room for it at their side
  assert.equal(arranged(1, 1, { width: 390, height: Infinity }, table).beside, false);
});

const RESULT = {
  weights: 'w, "x"', padding: 'same', run_at: [20, 30], device: 'cpu', precision: 'float32', seconds: { network: 0.5 },
  parameters: 7, macs: 9, memory: { peak: null, forecast: 11 },
};

test('figures are a record for each network, and a line for each in a file', () => {
  const results = [{ ...RESULT, model: 'a' }, { ...RESULT, model: 'b', memory: { peak: 5, forecast: 11 } }];
  const answer = { results, pairs: [{ a: 0, b: 1, agreement: 0.75 }] };
  const records = figuresOf(answer, [null, { pixel_accuracy: 0.5, mean_iou: 0.25 }]);
  assert.deepEqual(records.map(({ agreement }) => agreement), [[null, 0.75], [0.75, null]]);
  assert.deepEqual(records.map(({ memory }) => memory), [11, 5]);
  assert.deepEqual(records.map(({ mean_iou: iou }) => iou), [null, 0.25]);
  const [head, one, two] = csvOf(records).trim().split('\n');
  assert.ok(head.startsWith('model,weights,padding,device') && head.endsWith('height,width,same_as_a,same_as_b'));
  assert.ok(one.startsWith('a,"w, ""x""",same') && one.endsWith('20,30,,0.75'));
  assert.ok(two.endsWith('20,30,0.75,'));
});
