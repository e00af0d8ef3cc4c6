/** What an address asks for is shown: when the page opens, when the browser goes back, when a lesson leads on. */

import { on } from './dom.js';
import { wishOf } from './explore/looked.js';
import { OWN, follows, fromAddress } from './selection.js';

export class Visits {
  /** @param {any} stage */
  constructor(stage) {
    this.stage = stage;
  }

  /** Start with the run that came with the page, or the one that the address asks for. */
  async begin(start) {
    const { stage } = this;
    if (stage.returning.isAnother()) stage.message.greet({ code: 'restarted', details: {} });
    const wish = this.#wish(stage.address, start.selection);
    const view = stage.address.get('view');
    stage.views.restore(stage.address);
    on(window, 'popstate', () => this.#back(start.selection));
    if (wish) this.#choose(wish);
    if (stage.views.has(view)) {
      stage.root.dataset.state = 'ready';
      return stage.show(view);
    }
    if (wish) stage.run();
    else if (start.trace) await stage.bar.waiting(stage.open(start.trace, start.selection), stage.words);
  }

  /** What an address asks for, null if it is what the page opens on; without an image in it, this tab's own. */
  #wish(address, standard) {
    const { stage } = this;
    const own = stage.image.ownFor(address);
    if (!own && address.get('image') === OWN) stage.message.greet({ code: 'own_image', details: {} });
    const wish = fromAddress(stage.catalog, address, standard, own?.image);
    if (own && wish) stage.image.recall(own);
    stage.explore.wished = wishOf(address);
    return wish;
  }

  /** What an address leaves open is left to the image, too. */
  #choose(selection) {
    this.stage.left = follows(this.stage.catalog, selection);
    this.stage.choose(selection);
  }

  /** The browser's buttons back and forward: the address is another one, and what it asks for is shown. */
  #back(standard) {
    this.stage.position.turned();
    const address = new URLSearchParams(location.search);
    this.visit(address, standard);
    this.stage.lessons.restore(address);
  }

  /** Show what an address asks for, filled up from `standard`. */
  visit(address, standard) {
    const { stage } = this;
    const { views, runner } = stage;
    const view = views.has(address.get('view')) ? address.get('view') : 'explore';
    views.restore(address);
    const { image: before } = stage.selection;
    this.#choose(this.#wish(address, standard) ?? standard);
    const { image } = stage.selection;
    if (view !== views.shown) stage.show(view);
    else if (views.panel)
      stage.doing(() => views.panel.changed(image === before ? {} : { image }, stage.image.name(image)));
    else if (stage.isStale()) stage.doing(() => runner.send({ selection: stage.selection }, { ownImage: false }));
    if (view !== 'explore' || stage.isStale()) return;
    if (runner.request) runner.cancel(); // of another, asked for meanwhile
    stage.explore.revisit();
  }
}
