/**
 * Owns a collection that can be walked and holds nothing alive. Imports nothing.
 */

/** At least so many references before dead ones are looked for. */
const LEAST_PRUNED = 16;

export class WeakCollection<T extends object> {
  #references: WeakRef<T>[] = [];
  #pruneAt = LEAST_PRUNED;

  /** Adds a member; whoever adds one twice meets it twice. */
  add(member: T): void {
    if (this.#references.length >= this.#pruneAt) {
      this.#references = this.#references.filter((reference) => reference.deref() !== undefined);
      this.#pruneAt = Math.max(LEAST_PRUNED, this.#references.length * 2);
    }
    this.#references.push(new WeakRef(member));
  }

  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (const reference of this.#references) {
      const member = reference.deref();
      if (member !== undefined) yield member;
    }
  }
}
