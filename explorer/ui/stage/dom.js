/** Finding elements of the page and making new ones. */

const SVG = 'http://www.w3.org/2000/svg';

/** The first element below `root` that a selector finds. What it is, whoever wrote the page knows: hence `any`.
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {any}
 */
export function find(root, selector) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`missing: ${selector}`);
  return found;
}

/** A new element with properties, or attributes where their names have a dash (and `role`), and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'role' || name.includes('-')) node.setAttribute(name, String(value));
    else Reflect.set(node, name, value);
  }
  node.append(...children);
  return node;
}

/** A new button; it sends no form.
 * @param {Record<string, any>} properties
 * @param {...(Node | string)} children
 */
export function makeButton(properties, ...children) {
  return make('button', { type: 'button', ...properties }, ...children);
}

/** A new element of a drawing.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...(Node | string)} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  setAttributes(node, attributes);
  node.append(...children);
  return node;
}

/** @param {Element} node @param {Record<string, any>} attributes */
export function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
}

/** A field of a class's colour.
 * @param {number[]} colour
 */
export function swatch(colour) {
  return make('i', { style: `background: rgb(${colour})` });
}

/** Fill a select with [value, text], one of them chosen; a group of them is [label, those].
 * @param {HTMLSelectElement} select
 * @param {any[][]} choices
 * @param {string | number} [chosen]
 */
export function fill(select, choices, chosen) {
  /** @param {any[]} choice */
  const option = ([value, text]) => new Option(String(text), String(value), false, value === chosen);
  /** @param {any[]} choice */
  const entry = ([label, texts]) =>
    Array.isArray(texts) ? make('optgroup', { label }, ...texts.map(option)) : option([label, texts]);
  select.replaceChildren(...choices.map(entry));
}

/** Hear events of an element, of one or several types.
 * @template {EventTarget} Target
 * @param {Target} target @param {string | string[]} types @param {(event: any) => void} act
 * @param {AddEventListenerOptions} [options]
 * @returns {Target} the element
 */
export function on(target, types, act, options) {
  for (const type of [types].flat()) target.addEventListener(type, act, options);
  return target;
}

/** Hear which button below an element is pressed: its data, the event and the button itself.
 * @param {any} box @param {(data: DOMStringMap, event: any, button: any) => void} act
 * @returns {any} the element
 */
export function onButton(box, act) {
  return on(box, 'click', (event) => {
    const button = event.target.closest('button');
    if (button) act(button.dataset, event, button);
  });
}

/** Hear where the pointer is on a canvas: an event as it moves or presses, null once it is gone.
 * @param {HTMLElement} canvas @param {(event: any) => void} act
 */
export function onPointer(canvas, act) {
  on(canvas, ['pointermove', 'pointerdown'], act);
  on(canvas, 'pointerleave', ({ pointerType }) => pointerType !== 'touch' && act(null)); // a finger is gone at once
}

/** What a canvas is drawn with.
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 * @returns {any} a context; those of the two kinds of canvas are alike
 */
export function pen(canvas, settings) {
  return canvas.getContext('2d', settings);
}

/** Give a canvas a size in CSS pixels, as many pixels of its own as the screen has there, and nothing on it.
 * @param {HTMLCanvasElement} canvas @param {number} width @param {number} height @param {number} [ratio]
 * @returns {number} pixels of the screen in one of CSS
 */
export function size(canvas, width, height, ratio = window.devicePixelRatio || 1) {
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  resize(canvas, Math.round(width * ratio), Math.round(height * ratio));
  return ratio;
}

/** Give a canvas a size in its own pixels and nothing on it; a new size costs new memory.
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas @param {number} width @param {number} height
 */
export function resize(canvas, width, height) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  else pen(canvas).clearRect(0, 0, width, height);
}

/** Draw on a canvas what another one shows, and nothing else.
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas @param {HTMLCanvasElement | OffscreenCanvas} other
 */
export function copy(canvas, other) {
  resize(canvas, other.width, other.height);
  pen(canvas).drawImage(other, 0, 0);
}
