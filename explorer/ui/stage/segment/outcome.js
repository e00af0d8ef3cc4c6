/** What came of a run at full size: time and memory, areas, files to take along, figures against a truth. */

import { find, make, makeButton, on, onButton, swatch } from '../dom.js';
import { readNote } from '../pages.js';
import { fetchPixels, saved } from '../files.js';

const AREAS = 8; // classes listed
const SLOWEST = 5; // steps listed

export class Outcome {
  /** `ask` sends a question to the server; `judging` has true labels sent first; `answer` hears what comes back. */
  constructor(root, { words, ask, judging, resolve }) {
    this.words = words;
    this.resolve = resolve;
    this.box = find(root, '.fx-outcome');
    this.files = onButton(find(root, '.fx-files'), ({ kind }) => {
      ask({ what: 'export', file: kind, tokens: [this.item.result.token] });
    });
    this.truth = find(root, '.fx-truth');
    on(find(this.truth, 'input'), 'change', ({ target }) => {
      const { token } = this.item.result;
      judging(target, (sent) => ask({ what: 'judge', token, sent }));
    });
  }

  /** A file has come, or a judgement. */
  async answer(message, item) {
    if (message.kind === 'exported') await saved(this.resolve(message.file), message.name);
    else if (message.kind === 'judged') {
      item.judged = message;
      item.layers.errors = await fetchPixels(this.resolve(message.errors));
    }
  }

  /** `old`: the result is of other settings than those chosen now; `turn` reads its file in another way, or is null. */
  show(item, old, turn) {
    const { words, box } = this;
    this.item = item;
    const result = item?.result;
    for (const part of [box, this.files, this.truth]) part.hidden = !result;
    const notes = result?.notes ?? item?.planned?.notes ?? [];
    find(box.parentNode, '.fx-read').replaceChildren(...notes.map((note) => readNote('p', note, words, turn)));
    if (!result) return;
    box.replaceChildren(
      ...(old ? [line('fx-note', words.t('segment.again'))] : []),
      ...this.#facts(result),
      this.#areas(result),
      ...(item.judged ? this.#judged(item.judged) : [])
    );
    const file = (kind) => makeButton({ className: 'fx-pill', 'data-kind': kind }, words.t(`file.${kind}`));
    find(this.files, 'ul').replaceChildren(...[...result.kinds, 'zip'].map((kind) => make('li', {}, file(kind))));
  }

  #facts(result) {
    const { words } = this;
    const weights = words.of(result.weightsTitle);
    const network = { network: result.title, padding: words.t(`padding.${result.padding}`), weights };
    const { peak, forecast } = result.memory;
    const memory = { peak: words.bytes(peak ?? 0), forecast: words.bytes(forecast) };
    const notes = [
      ...result.networkNotes.map((note) => words.note(note)),
      ...result.remarks.map(({ code, details }) => words.t(`remark.${code}`, details)),
      ...(result.difference ? [this.#difference(result.difference)] : []),
    ];
    return [
      line('', words.t('segment.network', network)),
      make('p', { className: 'fx-command' }, words.t('segment.command'), ' ', make('code', {}, result.command)),
      line('fx-took', this.#took(result)),
      line('', words.t(peak === null ? 'segment.memory.unknown' : 'segment.memory', memory)),
      ...notes.map((note) => line('fx-note', note)),
      ...('objects' in result ? [line('fx-took', words.t('segment.objects', { count: result.objects }))] : []),
      line('', words.t('segment.slowest', { list: this.#slowest(result.step_seconds) })),
    ];
  }

  #took({ run_at: [height, width], seconds, device, deviceName, precision, tiles }) {
    return this.words.t(tiles > 1 ? 'segment.ran.tiles' : 'segment.ran', {
      height, width, tiles, seconds: this.words.number(seconds.network, 3),
      device: this.words.device({ device, name: deviceName }), precision: this.words.t(`precision.${precision}`),
    });
  }

  #slowest(seconds) {
    const { words } = this;
    const steps = Object.entries(seconds).sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
    return steps.map(([name, s]) => words.t('segment.step', { name, seconds: words.number(s, 2) })).join(', ');
  }

  /** Between the paper's tiles and exact ones; of large images the scores are not kept. */
  #difference({ share, score }) {
    const values = { share: this.words.percent(share, 2) };
    if (score === null) return this.words.t('segment.difference.labels', values);
    return this.words.t('segment.difference', { ...values, score: this.words.number(score, 3) });
  }

  #areas({ areas, classes }) {
    const there = areas.filter(({ pixels }) => pixels).sort((a, b) => b.pixels - a.pixels);
    const entries = there.slice(0, AREAS).map(({ index, pixels, share }) => {
      const { name, colour } = classes[index];
      return make(
        'li',
        {},
        swatch(colour),
        make('span', {}, this.words.of(name)),
        make('b', {}, this.words.areaShare(share)),
        make('small', {}, this.words.t('segment.area', { pixels }))
      );
    });
    return make('ul', { className: 'fx-areas' }, ...entries);
  }

  #judged({ matrix, names, labels, remarks, pixel_accuracy, mean_iou, boundary_iou, object_f1, iou }) {
    const percent = (share) => (share == null ? '–' : this.words.percent(share));
    const [accuracy, mean, boundary, f1] = [pixel_accuracy, mean_iou, boundary_iou, object_f1].map(percent);
    const key = object_f1 === undefined ? 'segment.judged' : 'segment.judged.objects';
    const label = this.words.t('segment.confusion');
    const about = { className: 'fx-confusion-frame', tabIndex: 0, role: 'group', 'aria-label': label };
    return [
      line('', this.words.t('segment.judged.by', { name: labels })),
      ...remarks.map((remark) => line('fx-note', this.words.remark(remark))),
      line('fx-took', this.words.t(key, { accuracy, iou: mean, boundary, f1 })),
      make('div', about, this.#confusion(matrix, names, iou.map(percent), label)),
    ];
  }

  /** The classes that are there or were found, each as a row of shares of its pixels. */
  #confusion(matrix, names, iou, label) {
    const there = names.map((_, i) => i).filter((i) => matrix[i].some(Boolean) || matrix.some((row) => row[i]));
    const head = (text, scope) => make('th', { scope }, text);
    const rows = there.map((i) => {
      const sum = matrix[i].reduce((a, b) => a + b, 0);
      const shares = there.map((j) => (sum ? matrix[i][j] / sum : 0));
      const cells = shares.map((share) =>
        make('td', { style: `--share: ${share}` }, share ? this.words.percent(share, 0) : '')
      );
      return make('tr', {}, head(this.words.of(names[i]), 'row'), ...cells, make('td', {}, iou[i]));
    });
    const titles = [...there.map((i) => this.words.of(names[i])), 'IoU'].map((text) => head(text, 'col'));
    return make('table', { className: 'fx-confusion' }, make('tr', {}, make('th', {}, label), ...titles), ...rows);
  }
}

function line(className, text) {
  return make('p', { className }, text);
}
