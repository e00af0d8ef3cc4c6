/** What a further operation takes on the page: one entry of the table and its texts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figure } from '../../explorer/ui/stage/explore/figure.js';
import { layout, nodeName } from '../../explorer/ui/stage/explore/graph.js';
import { reads } from '../../explorer/ui/stage/explore/windows.js';
import { sentence } from '../../explorer/ui/stage/explore/words.js';
import { OPERATIONS, operationName } from '../../explorer/ui/stage/operations.js';
import { TEXTS, run, words } from './runs.js';

test('an entry and its texts are all that an operation takes', (t) => {
  const trace = run('unknown');
  const step = trace.step('extra');
  Object.assign(step, { op: 'toy', numbers: { times: 3 } });
  const texts = { ...TEXTS.en, 'op.toy': 'toy', 'words.toy': '{source} {times} times.{how}' };
  const own = words('en', { en: texts });
  assert.deepEqual(reads(trace, step, { channel: 1, row: 2, column: 3 }), []);

  OPERATIONS.toy = { box: true, joins: 'layer', reads: 'own', says: () => ({ how: ' Twice.' }) };
  t.after(() => delete OPERATIONS.toy);
  assert.equal(operationName(step, own), 'toy');
  assert.equal(sentence(trace, step, own), 'pool 3 times. Twice.');
  assert.deepEqual(reads(trace, step, { channel: 1, row: 2, column: 3 }), [
    { name: 'pool', rows: [2, 3], cols: [3, 4], channel: 1 },
  ]);
  assert.ok(figure(trace).boxes.some((box) => box.step === step));
  const block = layout(trace, true).nodes.find(({ steps }) => steps.includes(trace.index.get('extra')));
  assert.equal(nodeName(trace, block), 'pool');
});
