/** How pictures of one shape are laid out so that they are as large as they can be. */

const GAP = 8; // pixels between pictures

/** Columns and rows for so many pictures, and the largest size of each of them.
 * @param {number} count
 * @param {number} aspect of a picture, width over height
 * @param {{width: number, height: number}} room in pixels; a height may be without end: then there is one column
 * @param {number} [lines] pixels of the lines above and below each picture
 * @returns {{columns: number, rows: number, width: number, height: number}}
 */
export function fitted(count, aspect, room, lines = 0) {
  let best = { columns: 1, rows: count, width: 0, height: 0 };
  const most = Number.isFinite(room.height) ? count : 1;
  for (let columns = 1; columns <= most; columns += 1) {
    const rows = Math.ceil(count / columns);
    const across = (room.width - GAP * (columns - 1)) / columns;
    const down = (room.height - GAP * (rows - 1)) / rows - lines;
    const width = Math.floor(Math.min(across, down * aspect));
    if (width > best.width) best = { columns, rows, width, height: Math.floor(width / aspect) };
  }
  return best;
}

/** The same where a table needs a place, too: under the pictures or beside them, where it leaves them larger.
 * @param {number} count @param {number} aspect @param {{width: number, height: number}} room
 * @param {{width: number, height: number}} table @param {number} [lines]
 * @returns {ReturnType<typeof fitted> & {beside: boolean}}
 */
export function arranged(count, aspect, room, table, lines = 0) {
  const under = fitted(count, aspect, { width: room.width, height: room.height - table.height - GAP }, lines);
  const beside = fitted(count, aspect, { width: room.width - table.width - GAP, height: room.height }, lines);
  const isBeside = Number.isFinite(room.height) && beside.width > under.width;
  return { ...(isBeside ? beside : under), beside: isBeside };
}
