/**
 * Owns the list of events, the newest first. Imports dom, format and the types of wire.
 */
import type { Line, LineKind } from '../wire.js';
import { byId, el, show } from './dom.js';
import { clock } from './format.js';

const MOST_LINES = 200;
const WORDS: Readonly<Record<LineKind, string>> = {
  transition: 'patch',
  collection: 'collect',
  death: 'death',
  module: 'module',
  warning: 'warning',
  note: 'note',
  action: 'asked',
};

export class Lines {
  readonly #list = byId('lines', HTMLElement);
  readonly #none = byId('no-lines', HTMLElement);
  readonly #items = new Map<string, HTMLLIElement>();

  /** `run`: lines are numbered anew by each run of the dashboard. */
  add(run: number, lines: readonly Line[]): void {
    for (const line of lines) {
      if (line.replaces !== null) this.#drop(`${run}/${line.replaces}`);
      const key = `${run}/${line.number}`;
      if (this.#items.has(key)) continue;
      const item = createItem(line);
      this.#items.set(key, item);
      this.#list.prepend(item);
    }
    for (const key of [...this.#items.keys()].slice(0, Math.max(0, this.#items.size - MOST_LINES))) this.#drop(key);
    show(this.#none, this.#items.size === 0);
    // What was there before the page was opened is not read out.
    this.#list.setAttribute('aria-live', 'polite');
  }

  #drop(key: string): void {
    this.#items.get(key)?.remove();
    this.#items.delete(key);
  }
}

function createItem({ at, kind, text }: Line): HTMLLIElement {
  const time = el('time', { datetime: new Date(at).toISOString() }, clock(at));
  return el('li', {}, time, ' ', el('span', { class: `badge kind-${kind}` }, WORDS[kind]), ' ', el('span', {}, text));
}
