/** What a person chose for good: language and theme. Kept in the browser where it allows that. */

const PREFIX = 'fcn-unet-explorer.';

/** Read a stored choice, or store one. Embedded pages and strict settings refuse the store: then nothing is kept. */
export function stored(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(PREFIX + name);
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // the choice holds for this visit
  }
  return value ?? null;
}

/** The light-or-dark button; Gradio's `dark` class on the body is what the styles look at. */
export function themeButton(button, address) {
  const mark = () => button.setAttribute('aria-pressed', String(document.body.classList.contains('dark')));
  const wish = stored('theme');
  if (wish && !address.has('__theme')) document.body.classList.toggle('dark', wish === 'dark');
  button.addEventListener('click', () => {
    stored('theme', document.body.classList.toggle('dark') ? 'dark' : 'light');
    mark();
  });
  mark();
}
