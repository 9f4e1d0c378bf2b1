/**
 * From an object's number to its index in the input: an open-addressing table in shared memory. Filled once before any worker starts,
 * read-only from then on, so plain reads are exact. Imports nothing.
 */

const EMPTY = -1;

/** Structured-clone friendly. */
export interface ObjectIndexTable {
  readonly objects: Float64Array;
  readonly indexes: Uint32Array;
}

/** At most half of the places are taken, so a search ends after one or two steps. */
export function createObjectIndex(objects: Float64Array): ObjectIndexTable {
  const places = 2 ** Math.ceil(Math.log2(Math.max(2, objects.length * 2)));
  const table = {
    objects: new Float64Array(new SharedArrayBuffer(places * Float64Array.BYTES_PER_ELEMENT)).fill(EMPTY),
    indexes: new Uint32Array(new SharedArrayBuffer(places * Uint32Array.BYTES_PER_ELEMENT)),
  };
  for (let index = 0; index < objects.length; index++) {
    const place = findPlace(table, objects[index]!);
    table.objects[place] = objects[index]!;
    table.indexes[place] = index;
  }
  return table;
}

/** The object's index, or −1 for an object that the input does not name. */
export function indexOfObject(table: ObjectIndexTable, object: number): number {
  const place = findPlace(table, object);
  return table.objects[place] === EMPTY ? -1 : table.indexes[place]!;
}

function findPlace(table: ObjectIndexTable, object: number): number {
  const mask = table.objects.length - 1;
  let hash = Math.imul((object | 0) ^ Math.imul((object / 2 ** 32) | 0, 0x9e3779b1), 0x85ebca6b);
  hash ^= hash >>> 15;
  let place = hash & mask;
  while (table.objects[place] !== object && table.objects[place] !== EMPTY) place = (place + 1) & mask;
  return place;
}
