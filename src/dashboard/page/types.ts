/** Owns the table of types. Imports dom, format and the types of wire. */
import type { Sample, TypeLine } from '../wire.js';
import { byId, el, Keyed, setText, show } from './dom.js';
import { hex, plural, whole } from './format.js';

export class Types {
  readonly #rows = new Keyed<TypeLine, HTMLTableRowElement>(byId('types', HTMLElement), createRow, updateRow);
  readonly #others = byId('other-types', HTMLElement);

  show({ types, otherTypes }: Sample): void {
    this.#rows.show(types, ({ id }) => String(id));
    show(this.#others, otherTypes.count > 0);
    setText(this.#others, `${plural(otherTypes.count, 'more type')} with ${plural(otherTypes.live, 'variable')}.`);
  }
}

function createRow({ id }: TypeLine): HTMLTableRowElement {
  const figures = Array.from({ length: 4 }, () => el('td', { class: 'figure' }));
  return el('tr', { id: `type-${id}` }, el('th', { scope: 'row' }, hex(id)), ...figures, el('td'));
}

function updateRow(row: HTMLTableRowElement, { live, version, size, registrations, state, unmigrated }: TypeLine): void {
  const left = unmigrated > 0 ? `, ${whole(unmigrated)} of an older version` : '';
  const texts = [whole(live), whole(version), whole(size), whole(registrations), `${state}${left}`];
  texts.forEach((text, index) => {
    const cell = row.cells[index + 1];
    if (cell !== undefined) setText(cell, text);
  });
}
