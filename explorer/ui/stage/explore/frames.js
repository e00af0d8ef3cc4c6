/** Boxes in the three frames of a run: network input, resized image, original image. */

/** A box [top, left, bottom, right] of the network's input in another frame, clipped to it; null if it lies outside.
 * @param {Pick<Page.Run, "offset" | "frames">} trace @param {Page.Box | null} box @param {Page.Frame} frame
 * @returns {Page.Box | null}
 */
export function toFrame(trace, box, frame) {
  if (!box || frame === 'network') return box;
  const [y, x] = trace.offset;
  const [height, width] = trace.frames.resized;
  const top = clamp(box[0] - y, height);
  const bottom = clamp(box[2] - y, height);
  const left = clamp(box[1] - x, width);
  const right = clamp(box[3] - x, width);
  if (top >= bottom || left >= right) return null;
  if (frame === 'resized') return [top, left, bottom, right];
  const [down, across] = [trace.frames.original[0] / height, trace.frames.original[1] / width];
  return [top * down, left * across, bottom * down, right * across];
}

function clamp(value, most) {
  return Math.min(Math.max(value, 0), most);
}

/** A pixel [row, column] of the resized image in another frame; in the original the one its corner falls into.
 * @param {Pick<Page.Run, "offset" | "frames">} trace @param {number[]} place @param {Page.Frame} frame
 */
export function pointIn(trace, [row, column], frame) {
  if (frame === 'network') return [row + trace.offset[0], column + trace.offset[1]];
  if (frame === 'resized') return [row, column];
  const [[tall, wide], [height, width]] = [trace.frames.original, trace.frames.resized];
  return [Math.floor((row * tall) / height), Math.floor((column * wide) / width)];
}
