/** All numbers of a run as a table: a line a step. */

const LINE = '\r\n';
const MARK = '\ufeff'; // by which spreadsheets read it as UTF-8

/** CSV of a run's steps. Numbers are plain, whatever the language; what is not known is left empty. `field` is the side
 * of the square that one unit depends on, at least and at most.
 * @param {Page.Run} run
 */
export function stepsAsCsv({ steps, axes }) {
  const rows = steps.map(({ rows: r, cols: c, stats, shape: [channels, height, width], ...step }) => {
    const [down, across] = [r, c].map((axis) => (axis === null ? null : axes[axis]));
    return {
      step: step.name, operation: step.op, reads: step.reads.join(' '), role: step.role, level: step.level,
      height, width, channels,
      jump_rows: down?.jump, jump_columns: across?.jump, start_rows: down?.start, start_columns: across?.start,
      field_least: step.field[0], field_most: step.field[step.field.length - 1],
      parameters: step.parameters, macs: step.macs, milliseconds: step.ms,
      min: stats?.min, max: stats?.max, mean: stats?.mean, std: stats?.std, zeros: stats?.zeros,
    };
  });
  const lines = [Object.keys(rows[0]), ...rows.map(Object.values)];
  return MARK + lines.map((cells) => cells.map(cell).join(',') + LINE).join('');
}

/** @param {any} value */
function cell(value) {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
