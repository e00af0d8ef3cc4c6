/** What came of a run at full size: time and memory, areas, files to take along, figures against a truth. */

import { decode, fetchFile } from '../files.js';

const AREAS = 8; // classes listed
const SLOWEST = 5; // steps listed

export class Outcome {
  /** `ask` sends a question to the server; `upload` a file; `answer` is called with what comes back. */
  constructor(root, { words, ask, upload, resolve }) {
    Object.assign(this, { words, ask, upload, resolve });
    this.box = root.querySelector('.fx-outcome');
    this.files = root.querySelector('.fx-files');
    this.files.addEventListener('click', ({ target }) => {
      const kind = target.closest('button')?.dataset.kind;
      if (kind) this.ask({ what: 'export', file: kind, tokens: [this.item.result.token] });
    });
    this.truth = root.querySelector('.fx-truth');
    this.truth.querySelector('input').addEventListener('change', async ({ target }) => {
      const [file] = target.files;
      target.value = '';
      if (!file) return;
      const { path } = await this.upload(file);
      this.ask({ what: 'judge', token: this.item.result.token, path });
    });
  }

  /** A file has come, or a judgement. */
  async answer(message, item) {
    if (message.kind === 'exported') {
      const href = URL.createObjectURL(await (await fetchFile(this.resolve(message.file))).blob()); // its address has no name
      Object.assign(document.createElement('a'), { href, download: message.name }).click();
      setTimeout(() => URL.revokeObjectURL(href), 60000);
    } else if (message.kind === 'judged') {
      item.judged = message;
      item.layers.errors = await decode(await (await fetchFile(this.resolve(message.errors))).blob());
    }
  }

  /** `old`: the result is of other settings than those chosen now. */
  show(item, old) {
    const { words, box } = this;
    this.item = item;
    const result = item?.result;
    for (const part of [box, this.files, this.truth]) part.hidden = !result;
    const planned = item?.planned;
    const lines = [];
    for (const note of result?.notes ?? planned?.notes ?? []) lines.push(line('', words.note(note)));
    box.parentNode.querySelector('.fx-read').replaceChildren(...lines);
    if (!result) return;
    box.replaceChildren(...(old ? [line('fx-note', words.t('segment.again'))] : []), ...this.#facts(result), ...this.#areas(result), ...(item.judged ? this.#judged(item.judged) : []));
    this.files.querySelector('ul').replaceChildren(
      ...[...result.kinds, 'zip'].map((kind) => {
        const entry = document.createElement('li');
        const button = Object.assign(document.createElement('button'), { type: 'button', className: 'fx-pill', textContent: words.t(`file.${kind}`) });
        button.dataset.kind = kind;
        entry.append(button);
        return entry;
      })
    );
  }

  #facts(result) {
    const { words } = this;
    const [height, width] = result.run_at;
    const seconds = words.number(result.seconds.network, 3);
    const run = { height, width, seconds, device: words.device({ device: result.device, name: result.deviceName }), precision: words.t(`precision.${result.precision}`), tiles: result.tiles };
    const found = [line('', words.t('segment.network', { network: result.title, padding: words.t(`padding.${result.padding}`), weights: words.of(result.weightsTitle) })), line('fx-took', words.t(result.tiles > 1 ? 'segment.ran.tiles' : 'segment.ran', run))];
    const { peak, forecast } = result.memory;
    found.push(line('', words.t(peak === null ? 'segment.memory.unknown' : 'segment.memory', { peak: words.bytes(peak ?? 0), forecast: words.bytes(forecast) })));
    for (const note of result.networkNotes) found.push(line('fx-note', words.note(note)));
    for (const { code, details } of result.remarks) found.push(line('fx-note', words.t(`remark.${code}`, details)));
    if (result.difference) found.push(line('fx-note', this.#difference(result.difference)));
    if ('objects' in result) found.push(line('fx-took', words.t('segment.objects', { count: result.objects })));
    const steps = Object.entries(result.step_seconds).sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
    found.push(line('', words.t('segment.slowest', { list: steps.map(([name, s]) => words.t('segment.step', { name, seconds: words.number(s, 2) })).join(', ') })));
    return found;
  }

  /** Between the paper's tiles and exact ones; of large images the scores are not kept. */
  #difference({ share, score }) {
    const { words } = this;
    const values = { share: words.percent(share, 2) };
    return score === null ? words.t('segment.difference.labels', values) : words.t('segment.difference', { ...values, score: words.number(score, 3) });
  }

  #areas({ areas, classes }) {
    const { words } = this;
    const list = Object.assign(document.createElement('ul'), { className: 'fx-areas' });
    const there = areas.filter(({ pixels }) => pixels).sort((a, b) => b.pixels - a.pixels);
    for (const { index, pixels, share } of there.slice(0, AREAS)) {
      const { name, colour } = classes[index];
      const entry = document.createElement('li');
      const swatch = document.createElement('i');
      swatch.style.background = `rgb(${colour})`;
      entry.append(swatch, line('', words.of(name), 'span'), line('', share < 0.001 ? `< ${words.percent(0.001)}` : words.percent(share), 'b'), line('', words.t('segment.area', { pixels }), 'small'));
      list.append(entry);
    }
    return [list];
  }

  #judged({ matrix, names, pixel_accuracy, mean_iou, boundary_iou, object_f1, iou }) {
    const { words } = this;
    const percent = (share) => (share == null ? '–' : words.percent(share));
    const head = line('fx-took', words.t(object_f1 === undefined ? 'segment.judged' : 'segment.judged.objects', { accuracy: percent(pixel_accuracy), iou: percent(mean_iou), boundary: percent(boundary_iou), f1: percent(object_f1) }));
    const there = names.map((_, i) => i).filter((i) => matrix[i].some(Boolean) || matrix.some((row) => row[i]));
    const table = Object.assign(document.createElement('table'), { className: 'fx-confusion' });
    const cell = (tag, textContent, more = {}) => Object.assign(document.createElement(tag), { textContent, ...more });
    const top = document.createElement('tr');
    top.append(cell('th', words.t('segment.confusion')), ...there.map((i) => cell('th', words.of(names[i]), { scope: 'col' })), cell('th', 'IoU', { scope: 'col' }));
    table.append(top);
    for (const i of there) {
      const sum = matrix[i].reduce((a, b) => a + b, 0);
      const row = document.createElement('tr');
      row.append(cell('th', words.of(names[i]), { scope: 'row' }));
      for (const j of there) {
        const share = sum ? matrix[i][j] / sum : 0;
        const part = cell('td', share ? words.percent(share, 0) : '');
        part.style.setProperty('--share', String(share));
        row.append(part);
      }
      row.append(cell('td', percent(iou[i])));
      table.append(row);
    }
    const frame = Object.assign(document.createElement('div'), { className: 'fx-confusion-frame', tabIndex: 0 });
    frame.setAttribute('role', 'group');
    frame.setAttribute('aria-label', words.t('segment.confusion'));
    frame.append(table);
    return [head, frame];
  }
}

function line(className, textContent, tag = 'p') {
  return Object.assign(document.createElement(tag), { className, textContent });
}
