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
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** Fill a select with [value, text], one of them chosen.
 * @param {HTMLSelectElement} select
 * @param {(string | number)[][]} choices
 * @param {string | number} [chosen]
 */
export function fill(select, choices, chosen) {
  select.replaceChildren(
    ...choices.map(([value, text]) => new Option(String(text), String(value), false, value === chosen))
  );
}

/** What a canvas is drawn with.
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 * @returns {any} a context; those of the two kinds of canvas are alike
 */
export function pen(canvas, settings) {
  return canvas.getContext('2d', settings);
}
