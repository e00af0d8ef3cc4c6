/** A region drawn on a picture: dragging makes a rectangle, pressing one pixel. */

import { make, on } from '../dom.js';

/** Hear of a region in the picture's own pixels: (top, left, bottom, right), bottom and right not in it.
 * @param {HTMLImageElement} image @param {(...edges: number[]) => void} act
 */
export function onRegion(image, act) {
  image.draggable = false;
  image.style.touchAction = 'none'; // a finger draws, and does not scroll
  let first = null;
  let frame = null;
  const at = ({ clientX, clientY }) => {
    const { left, top, width, height } = image.getBoundingClientRect();
    const within = (value, n) => Math.min(Math.max(Math.floor(value * n), 0), n - 1);
    const [y, x] = [(clientY - top) / height, (clientX - left) / width];
    return [within(y, image.naturalHeight), within(x, image.naturalWidth)];
  };
  const box = (event) => {
    const [a, b] = [first, at(event)];
    const [low, high] = [Math.min, Math.max].map((pick) => [pick(a[0], b[0]), pick(a[1], b[1])]);
    return [low[0], low[1], high[0] + 1, high[1] + 1];
  };
  on(image, 'pointerdown', (event) => {
    first = at(event);
    image.setPointerCapture(event.pointerId);
    frame = make('span', { className: 'fx-lab-frame' });
    image.after(frame);
  });
  on(image, 'pointermove', (event) => {
    if (!first) return;
    const [top, left, bottom, right] = box(event);
    const scale = image.clientWidth / image.naturalWidth;
    const place = { left: image.offsetLeft + left * scale, top: image.offsetTop + top * scale };
    const size = { width: (right - left) * scale, height: (bottom - top) * scale };
    for (const [name, value] of Object.entries({ ...place, ...size })) frame.style[name] = `${value}px`;
  });
  on(image, ['pointerup', 'pointercancel'], (event) => {
    if (!first) return;
    if (event.type === 'pointerup') act(...box(event));
    frame.remove();
    first = null;
  });
}
