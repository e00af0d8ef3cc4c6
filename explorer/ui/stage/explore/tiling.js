/** How the channels of a step are laid out as tiles. Pure; no page. */

export const GAP = 3; // CSS pixels between tiles
const WIDEST_GAP = 40; // between rows, where the pane is higher than they need
const SMALLEST = 34; // CSS pixels; below that the pane scrolls, and only what is in sight is drawn
const NO_ROOMS = { strip: 0, head: 0 };
const BAR = 14; // the pane's scroll bar

/**
 * @typedef {object} Grid
 * @property {number} columns
 * @property {number} width of a tile
 * @property {number} height of a tile
 * @property {number} head room above a tile, for its name
 * @property {number} pitch from one row of tiles to the next
 * @property {{first: number, count: number, top: number}[]} groups of tiles, one below the other
 * @property {number} channels
 * @property {number} total height of all
 */

/**
 * The largest tiles of `ratio` (height over width) that fit into a pane, in CSS pixels; where they would be too small,
 * the smallest, and more rows than the pane has room for.
 * @param {number[]} counts channels of each group
 * @param {number} ratio
 * @param {{width: number, height: number}} pane
 * @param {{strip: number, head: number}} [rooms] above every group, above every tile
 * @returns {Grid}
 */
export function tiling(counts, ratio, { width, height }, { strip, head } = NO_ROOMS) {
  const most = Math.max(...counts);
  const rowsOf = (columns) => counts.reduce((sum, count) => sum + Math.ceil(count / columns), 0);
  let [tile, columns] = [0, 1];
  for (let tried = 1; tried <= most; tried++) {
    const room = (height + GAP - strip * counts.length) / rowsOf(tried) - GAP - head;
    const fit = Math.min((width + GAP) / tried - GAP, room / ratio);
    if (fit > tile) [tile, columns] = [fit, tried];
  }
  if (tile < SMALLEST) {
    columns = Math.max(1, Math.floor((width - BAR + GAP) / (SMALLEST + GAP)));
    tile = Math.max(SMALLEST, (width - BAR + GAP) / columns - GAP);
  }
  const wide = Math.floor(tile);
  const tall = Math.max(1, Math.round(wide * ratio));
  // what the rows leave of the pane's height goes between them
  const rows = rowsOf(columns);
  const left = height - strip * counts.length - rows * (tall + head);
  const gap = rows > 1 ? Math.max(GAP, Math.min(WIDEST_GAP, Math.floor(left / (rows - 1)))) : GAP;
  const grid = { columns, width: wide, height: tall, head, pitch: tall + head + gap };
  let [first, top] = [0, 0];
  const groups = counts.map((count) => {
    const group = { first, count, top: top + strip };
    first += count;
    top += strip + Math.ceil(count / columns) * grid.pitch;
    return group;
  });
  return { ...grid, groups, channels: first, total: top - gap };
}

/** Where the k-th tile lies: [x, y, width, height].
 * @param {Grid} grid @param {number} k
 * @returns {[number, number, number, number]}
 */
export function tileAt(grid, k) {
  const { columns, width, height, head, pitch, groups } = grid;
  const { first, top } = groups.filter((group) => group.first <= k).pop() ?? groups[0];
  const [row, column] = [Math.floor((k - first) / columns), (k - first) % columns];
  return [column * (width + GAP), top + row * pitch + head, width, height];
}

/** The tile at a place: {k, x, y} with the place on it, or null between tiles.
 * @param {Grid} grid @param {number} x @param {number} y
 */
export function tileUnder(grid, x, y) {
  const { columns, width, head, pitch, groups } = grid;
  const group = groups.filter(({ top }) => top <= y).pop();
  if (!group || x < 0) return null;
  const row = Math.floor((y - group.top) / pitch);
  const column = Math.floor(x / (width + GAP));
  const k = row * columns + column;
  const [inX, inY] = [x - column * (width + GAP), y - group.top - row * pitch - head];
  if (column >= columns || k >= group.count || inX >= width || inY < 0 || inY >= grid.height) return null;
  return { k: group.first + k, x: inX, y: inY };
}

/** A box in units of a map, on the tile [x, y, width, height] that the map is drawn on.
 * @param {number[]} tile
 * @param {number[]} shape channels, height, width
 * @param {Record<'top' | 'left' | 'height' | 'width', number>} box
 * @returns {[number, number, number, number]}
 */
export function scaleBox([x, y, w, h], [, rows, cols], { top, left, height, width }) {
  return [x + (left / cols) * w, y + (top / rows) * h, (width / cols) * w, (height / rows) * h];
}
