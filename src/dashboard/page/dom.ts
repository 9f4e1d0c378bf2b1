/**
 * Owns the few ways in which the page makes and changes elements. Nothing is ever parsed from a string, and what has not changed is left alone: focus stays where it
 * is, and nothing is read out again. Imports nothing.
 */

type Child = Node | string;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** An element that index.html has. */
export function byId<T extends HTMLElement>(id: string, kind: abstract new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new TypeError(`index.html has no ${kind.name} #${id}`);
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function show(element: HTMLElement, visible: boolean): void {
  if (element.hidden === visible) element.hidden = !visible;
}

/** Children of one element, one for each item, which stay the same elements as long as the items have the same keys. */
export class Keyed<T, E extends HTMLElement> {
  readonly #parent: HTMLElement;
  readonly #create: (item: T) => E;
  readonly #update: (element: E, item: T) => void;
  readonly #elements = new Map<string, E>();

  constructor(parent: HTMLElement, create: (item: T) => E, update: (element: E, item: T) => void) {
    this.#parent = parent;
    this.#create = create;
    this.#update = update;
  }

  show(items: readonly T[], key: (item: T) => string): void {
    const wanted = new Set(items.map(key));
    for (const [name, element] of this.#elements) {
      if (wanted.has(name)) continue;
      element.remove();
      this.#elements.delete(name);
    }
    let place = this.#parent.firstElementChild;
    for (const item of items) {
      const name = key(item);
      let element = this.#elements.get(name);
      if (element === undefined) this.#elements.set(name, (element = this.#create(item)));
      this.#update(element, item);
      if (element === place) place = place.nextElementSibling;
      else this.#parent.insertBefore(element, place);
    }
  }
}
