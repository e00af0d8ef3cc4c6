/** How the channels of a step are laid out as tiles. Pure; no page. */

export const GAP = 3; // CSS pixels between tiles
const SMALLEST = 34; // CSS pixels; below that the pane scrolls, and only what is in sight is drawn
const BAR = 14; // the pane's scroll bar

/**
 * The largest tiles of `ratio` (height over width) that fit into a pane, in CSS pixels; where they would be too small,
 * the smallest, and more rows than the pane has room for. `total` is the height of all rows.
 * @param {number} channels
 * @param {number} ratio
 * @param {{width: number, height: number}} pane
 */
export function tiling(channels, ratio, { width, height }) {
  let best = { tile: 0, columns: 1 };
  for (let columns = 1; columns <= channels; columns++) {
    const rows = Math.ceil(channels / columns);
    const tile = Math.min((width + GAP) / columns - GAP, ((height + GAP) / rows - GAP) / ratio);
    if (tile > best.tile) best = { tile, columns };
  }
  if (best.tile < SMALLEST) {
    best = { tile: SMALLEST, columns: Math.max(1, Math.floor((width - BAR + GAP) / (SMALLEST + GAP))) };
  }
  const tile = Math.floor(best.tile);
  const tall = Math.max(1, Math.round(tile * ratio));
  const rows = Math.ceil(channels / best.columns);
  return { channels, columns: best.columns, width: tile, height: tall, rows, total: rows * (tall + GAP) - GAP };
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
