/** The table of a comparison: a row for each network, before a run with what it is forecast to take. */

import { make, makeButton } from '../dom.js';

const FILES = ['mask', 'overlay']; // of each network

/** Show `records`; `titles` and `notes` name each one's network and its weights.
 * @param {HTMLTableElement} table
 * @param {{words: Page.Words, titles: string[], notes: string[], records: any[], isForecast: boolean}} about
 */
export function showTable(table, { words, titles, notes, records, isForecast }) {
  const about = (text) => (isForecast ? words.t('compare.about', { value: text }) : text);
  const measured = (seconds) => words.t('time.seconds', { value: words.number(seconds, 3) });
  const columns = [
    { key: 'seconds', title: 'compare.column.time', text: isForecast ? (v) => about(words.duration(v)) : measured },
    { key: 'parameters', title: 'compare.column.parameters', text: (v) => words.count(v) },
    { key: 'macs', title: 'compare.column.macs', text: (v) => words.count(v) },
    { key: 'memory', title: 'compare.column.memory', text: (v) => about(words.bytes(v)) },
    { key: 'pixel_accuracy', title: 'compare.column.accuracy', text: (v) => words.percent(v), isShare: true },
    { key: 'mean_iou', title: 'compare.column.iou', text: (v) => words.percent(v), isShare: true },
  ].filter(({ key, isShare }) => !isShare || records.some((record) => record[key] !== null));
  const head = (text, more = {}) => make('th', { scope: 'col', ...more }, text);
  const first = [
    head(words.t('compare.column.network'), { rowSpan: 2 }),
    ...columns.map(({ title }) => head(words.t(title), { rowSpan: 2 })),
    ...(isForecast ? [] : [
      head(words.t('compare.column.same'), { colSpan: records.length, scope: 'colgroup' }),
      head(words.t('segment.files'), { rowSpan: 2 }),
    ]),
  ];
  const second = isForecast ? [] : titles.map((title) => head(title));
  table.replaceChildren(
    make('thead', {}, make('tr', {}, ...first), make('tr', {}, ...second)),
    make('tbody', {}, ...records.map((record, i) => row(record, i)))
  );

  function row(record, i) {
    const cells = columns.map(({ key, text, isShare }) => {
      const most = isShare ? 1 : Math.max(...records.map((one) => one[key] ?? 0));
      return cell(record[key], text, record[key] / most);
    });
    const name = make('th', { scope: 'row' }, titles[i], make('small', { title: notes[i] }, notes[i]));
    if (isForecast) return make('tr', {}, name, ...cells);
    const same = record.agreement.map((share) => cell(share, (v) => words.percent(v), share));
    const files = FILES.map((kind) =>
      makeButton({ className: 'fx-pill', 'data-kind': kind, 'data-row': i }, words.t(`compare.file.${kind}`))
    );
    return make('tr', {}, name, ...cells, ...same, make('td', { className: 'fx-row-files' }, ...files));
  }
}

function cell(value, text, share) {
  if (value === null || value === undefined) return make('td', {}, '–');
  return make('td', { style: `--share: ${share}` }, text(value));
}
