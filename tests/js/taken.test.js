/** What is taken along: numbers of a run as a table, lines of a caption, names of files. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepsAsCsv } from '../../explorer/ui/stage/explore/numbers.js';
import { fileName, wrapped } from '../../explorer/ui/stage/taken.js';
import { NAMES, run } from './runs.js';

for (const name of NAMES) {
  test(`the table of ${name} has a line a step, with its numbers as they are`, () => {
    const trace = run(name);
    const text = stepsAsCsv(trace).replace('\ufeff', '').trimEnd();
    const [head, ...lines] = text.split('\r\n').map((line) => line.split(','));
    assert.equal(lines.length, trace.steps.length);
    lines.forEach((cells, i) => {
      const row = Object.fromEntries(head.map((title, at) => [title, cells[at]]));
      const step = trace.steps[i];
      const grid = trace.grid(step);
      assert.equal(cells.length, head.length);
      assert.deepEqual([row.step, row.operation], [step.name, step.op]);
      assert.deepEqual(['channels', 'height', 'width'].map((key) => Number(row[key])), step.shape);
      assert.deepEqual([row.parameters, row.macs].map(Number), [step.parameters, step.macs]);
      assert.equal(row.jump_rows, grid ? String(grid.jump) : '');
      assert.equal(row.mean, step.stats && step.stats.mean !== null ? String(step.stats.mean) : '');
      assert.equal(row.field_most, step.field.length ? String(Math.max(...step.field)) : '');
    });
  });
}

test('a caption breaks between words, and a word only where no line holds it', () => {
  const fits = (text) => text.length <= 8;
  assert.deepEqual(wrapped('one two three', fits), ['one two', 'three']);
  assert.deepEqual(wrapped('abcdefghijk l', fits), ['abcdefgh', 'ijk l']);
  assert.deepEqual(wrapped('', fits), []);
  assert.equal(wrapped('no letter is lost in a long caption', fits).join(' '), 'no letter is lost in a long caption');
});

test('a file name is one that every system takes', () => {
  assert.equal(fileName('고양이 사진', 'fcn8s', 'pool3'), '고양이-사진-fcn8s-pool3');
  assert.equal(fileName('../../a:b?'), 'a-b');
  assert.equal(fileName('???'), 'image');
});
