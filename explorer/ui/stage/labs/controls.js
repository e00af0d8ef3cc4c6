/** The settings of a lab: what the server says there is to set, as controls that stay while a person uses them. */

import { fill, find, make, makeButton, on, setAttributes } from '../dom.js';
import { radios } from '../bar.js';
import { tell } from './telling.js';

export class Controls {
  /** `onRefuse` hears what a person typed that a setting cannot be, as an error {code, details}.
   * @param {HTMLElement} box @param {Page.Words} words @param {(name: string, value: any) => void} onSet
   * @param {(problem: any) => void} onRefuse
   */
  constructor(box, words, onSet, onRefuse) {
    this.box = box;
    this.words = words;
    this.onSet = onSet;
    this.onRefuse = onRefuse;
    this.rows = new Map(); // by setting: {node, kind, show(control)}
    this.shown = [];
  }

  /** @param {any[]} controls */
  show(controls = this.shown) {
    this.shown = controls;
    for (const [name, row] of this.rows) {
      if (controls.some((one) => one.set === name && one.kind === row.kind)) continue;
      row.node.remove();
      this.rows.delete(name);
    }
    let last = null;
    for (const control of controls) {
      if (!this.rows.has(control.set)) this.rows.set(control.set, this.#row(control));
      const { node, show } = this.rows.get(control.set);
      node.dataset.set = control.set; // a lesson points at it
      show(control);
      const place = last ? last.nextSibling : this.box.firstChild;
      if (node !== place) this.box.insertBefore(node, place); // only what is not in its place: focus stays
      last = node;
    }
  }

  #row({ set: name, kind, options = [] }) {
    if (kind === 'radios') return this.#radios(name, options);
    if (kind === 'select') return this.#select(name);
    if (kind === 'check') return this.#check(name);
    return this.#typed(name, kind);
  }

  #radios(name, options) {
    const label = make('span', { className: 'fx-lab-label' });
    const group = make('div', { className: 'fx-toggle fx-lab-radios', role: 'radiogroup' });
    group.append(...options.map(([value]) => makeButton({ role: 'radio', 'data-value': value })));
    const choose = radios(group, 'value', (value) => this.onSet(name, value));
    const show = (control) => {
      label.textContent = tell(this.words, control.label);
      group.setAttribute('aria-label', label.textContent);
      if (control.options.length !== group.children.length) {
        group.replaceChildren(...control.options.map(([value]) => makeButton({ role: 'radio', 'data-value': value })));
      }
      control.options.forEach(([value, text], i) => {
        const button = /** @type {HTMLElement} */ (group.children[i]);
        button.dataset.value = String(value);
        button.textContent = tell(this.words, text);
      });
      choose(control.value);
    };
    return { node: make('div', { className: 'fx-lab-control' }, label, group), kind: 'radios', show };
  }

  #select(name) {
    const select = make('select');
    const [node, label] = labelled(select);
    let values = [];
    on(select, 'change', () => this.onSet(name, values[select.selectedIndex]));
    const show = (control) => {
      label.textContent = tell(this.words, control.label);
      values = control.options.map(([value]) => value);
      fill(select, control.options.map(([value, text]) => [value, tell(this.words, text)]), control.value);
    };
    return { node, kind: 'select', show };
  }

  #check(name) {
    const input = make('input', { type: 'checkbox' });
    const [node, label] = labelled(input);
    on(input, 'change', () => this.onSet(name, input.checked));
    const show = (control) => {
      label.textContent = tell(this.words, control.label);
      input.checked = control.value;
    };
    return { node, kind: 'check', show };
  }

  /** A number with or without a slider, or text. */
  #typed(name, kind) {
    const input = make('input', { type: kind === 'text' ? 'text' : 'number' });
    const slider = kind === 'range' ? make('input', { type: 'range', tabIndex: -1 }) : null;
    const [node, label] = labelled(input);
    const set = (value) => this.onSet(name, kind === 'text' ? value : Number(value));
    let held = ''; // what is in force
    on(input, 'change', () => {
      if (input.value !== '' && input.checkValidity()) return set(input.value);
      const { value } = input;
      if (value !== '') {
        const details = { setting: label.textContent, value: Number(value), nearest: nearest(Number(value), input) };
        this.onRefuse({ code: 'lab_range', details });
      }
      input.value = held;
    });
    if (slider) {
      node.classList.add('fx-lab-range');
      slider.setAttribute('aria-hidden', 'true'); // the number beside it says and sets the same
      find(node, 'span').after(slider);
      on(slider, 'input', () => {
        input.value = slider.value;
        set(slider.value);
      });
    }
    const show = ({ label: text, value, min, max, step }) => {
      label.textContent = tell(this.words, text);
      held = String(value);
      if (min !== undefined) setAttributes(input, { min, max, step });
      if (slider) {
        setAttributes(slider, { min, max, step });
        if (document.activeElement !== slider) slider.value = value;
      }
      if (document.activeElement !== input) input.value = value;
    };
    return { node, kind, show };
  }
}

/** The number nearest to one that a field would take. @param {number} value @param {HTMLInputElement} field */
function nearest(value, { min, max, step }) {
  const steps = Math.round((Number(value) - Number(min)) / Number(step));
  return Math.min(Math.max(Number(min), Number(min) + steps * Number(step)), Number(max));
}

/** A label with its text around a field. */
function labelled(field) {
  const text = make('span', { className: 'fx-lab-label' });
  return [make('label', { className: 'fx-lab-control' }, text, field), text];
}
