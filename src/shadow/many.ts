/**
 * Owns staged look-ups: several at once, each stage of all before the next stage of any, so that the processor fetches their cache lines side by
 * side. Reads what find.ts reads, and leaves every answer but the common hit to it. Imports memory, table, variables.
 */
import { Layout } from '../memory/layout.js';
import { bucketAddress, bucketIndex, hashObject, identityOf, keyOf, objectHigh } from '../table/hash.js';
import type { Binding } from './binding.js';
import type { Parent } from './objects.js';
import type { Variables } from './variables.js';
import type { View } from './view.js';

const STAGE = 32;
const objects = new Float64Array(STAGE);
const hashes = new Int32Array(STAGE);
const lines = new Int32Array(STAGE);
const candidates = new Int32Array(STAGE);

/** The views of many parents, undefined where there is no variable. The caller has entered the grace epoch. */
export function getMany(variables: Variables, binding: Binding, parents: readonly Parent[]): (View | undefined)[] {
  const views: (View | undefined)[] = [];
  for (let start = 0; start < parents.length; start += STAGE) {
    const count = Math.min(STAGE, parents.length - start);
    // A copy: reading an element may run code of the user's, which may come here again.
    const copy = parents.slice(start, start + count);
    locate(variables, binding, copy);
    for (let i = 0; i < count; i++) {
      const object = objects[i]!;
      if (object < 0) views.push(undefined);
      else if (isHit(variables, binding, i)) views.push(binding.view(candidates[i]!));
      else views.push(variables.view(binding, object)); // overflow line, split under way, or a miss: find.ts knows
    }
    // Afterwards: migrating runs code of the user's, which may come here again.
    if (!binding.exhaustive) copy.forEach((parent, i) => (views[start + i] ??= binding.get(parent)));
  }
  return views;
}

/** Stages one and two: hashes and bucket lines, then the first entry of each primary line whose key fits. */
function locate(variables: Variables, binding: Binding, parents: readonly Parent[]): void {
  const count = parents.length;
  const { words, buckets } = variables.table;
  const bucketCount = words[Layout.BUCKET_COUNT]!;
  for (let i = 0; i < count; i++) {
    const parent = parents[i]!;
    const object = typeof parent === 'number' && (parent | 0) === parent && parent >= 0 ? parent : binding.objects.find(parent);
    objects[i] = object;
    const hash = hashObject(object | 0, objectHigh(object));
    hashes[i] = hash;
    lines[i] = bucketAddress(buckets, bucketIndex(hash, bucketCount));
  }
  for (let i = 0; i < count; i++) {
    const key = keyOf(hashes[i]!, binding.slot);
    const first = lines[i]! + Layout.BUCKET_KEYS;
    let block = 0;
    for (let entry = first; entry < first + Layout.BUCKET_ENTRIES; entry++) {
      if (words[entry] !== key) continue;
      block = words[entry + Layout.BUCKET_BLOCKS - Layout.BUCKET_KEYS]!;
      if (block !== 0) break;
    }
    candidates[i] = block;
  }
}

/** Stage three: the block's own identity decides, as in every look-up. */
function isHit(variables: Variables, binding: Binding, i: number): boolean {
  const { words } = variables.table;
  const object = objects[i]!;
  const block = candidates[i]!;
  return (
    block !== 0 &&
    words[block + Layout.BLOCK_OBJECT_LOW] === (object | 0) &&
    words[block + Layout.BLOCK_IDENTITY] === identityOf(objectHigh(object), binding.slot)
  );
}
