/** One channel out of a step's mosaic, as a canvas of its own. */

/** `canvas` (or a new one) gets the tile's pixels in the colours of `scheme`. */
export function channelCanvas({ maps }, channel, { pixels, width }, scheme, canvas = new OffscreenCanvas(1, 1)) {
  const [th, tw] = maps.tile;
  const table = scheme.codes(channel);
  const image = new ImageData(tw, th);
  const out = new Uint32Array(image.data.buffer);
  const top = Math.floor(channel / maps.columns) * th;
  const left = (channel % maps.columns) * tw;
  for (let y = 0, i = 0; y < th; y++) for (let x = 0; x < tw; x++, i++) out[i] = table[pixels[(top + y) * width + left + x]];
  canvas.width = tw;
  canvas.height = th;
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

/** The channel whose values differ most: the one to show where any would do. */
export function widestChannel({ maps }) {
  const spread = maps.max.map((high, c) => high - maps.min[c]);
  return spread.indexOf(Math.max(...spread));
}
