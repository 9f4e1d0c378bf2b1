/**
 * Owns sets of configurations: what the checker knows of one key is a set of (operations that have happened, state) pairs. Imports nothing.
 *
 * Almost all sets have one or two members, so membership is a scan; one that grows gets a hash table.
 */

const FIRST_CAPACITY = 4;
/** From here on a scan costs more than a hash. */
const SCANNED = 16;

export class Configurations {
  count = 0;
  /** By configuration: which of the open operations have happened, as bits of their slots; the instance and the value that stand at the key. */
  masks = new Int32Array(FIRST_CAPACITY);
  instances = new Int32Array(FIRST_CAPACITY);
  values = new Int32Array(FIRST_CAPACITY);
  /** Open addressing, index + 1 of a configuration; 0 = empty. At least twice as large as the set. */
  #table = new Int32Array(0);

  clear(): void {
    if (this.count > SCANNED) this.#table.fill(0);
    this.count = 0;
  }

  /** Adds a configuration; false if it was there already. */
  add(mask: number, instance: number, value: number): boolean {
    const { count, masks, instances, values } = this;
    if (count <= SCANNED) {
      for (let i = 0; i < count; i++) if (masks[i] === mask && instances[i] === instance && values[i] === value) return false;
    } else {
      const place = this.#place(mask, instance, value);
      if (this.#table[place] !== 0) return false;
    }
    if (count === masks.length) this.#grow();
    this.masks[count] = mask;
    this.instances[count] = instance;
    this.values[count] = value;
    this.count = count + 1;
    if (this.count > SCANNED) this.#enter();
    return true;
  }

  #enter(): void {
    const { count, masks, instances, values } = this;
    const first = count === SCANNED + 1 || this.#table.length < 2 * count ? 0 : count - 1;
    if (first === 0) {
      if (this.#table.length < 2 * count) this.#table = new Int32Array(4 * masks.length);
      else this.#table.fill(0);
    }
    for (let i = first; i < count; i++) this.#table[this.#place(masks[i]!, instances[i]!, values[i]!)] = i + 1;
  }

  /** Where a configuration stands in the table, or would. */
  #place(mask: number, instance: number, value: number): number {
    const table = this.#table;
    let hash = Math.imul(mask ^ Math.imul(instance, 0x9e3779b1) ^ Math.imul(value, 0x85ebca6b), 0xc2b2ae35);
    hash ^= hash >>> 15;
    for (let place = hash & (table.length - 1); ; place = (place + 1) & (table.length - 1)) {
      const i = table[place]! - 1;
      if (i < 0) return place;
      if (this.masks[i] === mask && this.instances[i] === instance && this.values[i] === value) return place;
    }
  }

  #grow(): void {
    const grown = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const larger = new Int32Array(old.length * 2);
      larger.set(old);
      return larger;
    };
    this.masks = grown(this.masks);
    this.instances = grown(this.instances);
    this.values = grown(this.values);
  }
}
