/**
 * Owns staged look-ups: several at once, each stage of all before the next stage of any, so that the processor fetches their cache lines side by side instead of
 * one after the other. Reads what find.ts reads, and leaves every answer but the common hit to `get`. Imports memory, table, binding.
 */
import { Layout, type WordAddress } from '../memory/layout.js';
import { bucketIndex, hashObject, identityOf, keyOf, objectHigh, preferredEntry } from '../table/hash.js';
import type { Binding } from './binding.js';
import type { Parent } from './objects.js';
import type { View } from './view.js';
import type { ViewConstructor } from './view-classes.js';

/** Look-ups under way at once: more than any processor fetches lines at once, and few enough that what is fetched first is still there at the end. */
const STAGE = 32;
// What is known of each look-up of a stage. Numbers that no table has to be asked for; all others are left to `get`.
const lows = new Int32Array(STAGE);
const identities = new Int32Array(STAGE);
const keys = new Int32Array(STAGE);
const lines = new Int32Array(STAGE);
const blocks = new Int32Array(STAGE);
const touched = new Int32Array(STAGE);
const NONE: readonly number[] = [];

// Local constants are folded into the compiled code, as in view-classes.ts.
const hash = hashObject;
const identity = identityOf;
const upper = objectHigh;
const index = bucketIndex;
const keyFor = keyOf;
const preferred = preferredEntry;

const TWO_32 = 2 ** 32;
/** Upper half of the first number that is not the user's own. */
const NAMES_HIGH = Layout.FIRST_NAME_HANDLE / TWO_32;

/** The views of many parents of one type in one attached store, undefined where there is no variable. */
export type GetMany = (parents: readonly Parent[]) => (View | undefined)[];

export function manyGetter(binding: Binding, TypedView: ViewConstructor, get: (parent: Parent) => View | undefined): GetMany {
  const { words, thread, buckets, lastBlock } = binding;
  /** Stage one: which bucket each variable stands in. Touches no memory but the number of buckets. */
  const place = (parents: readonly Parent[]): void => {
    const { slot } = binding;
    const bucketCount = words[Layout.BUCKET_COUNT]!;
    for (let i = 0; i < parents.length; i++) {
      const parent = parents[i];
      let low = 0;
      let high = 0;
      let identified = Layout.TYPE_SLOT_DEAD; // of no block in the table: for what is not a whole number of the user's own
      if (typeof parent === 'number') {
        low = parent | 0;
        if (low === parent && low >= 0) {
          identified = slot;
        } else {
          high = upper(parent);
          if (high * TWO_32 + (low >>> 0) === parent && high >>> 0 < NAMES_HIGH) identified = identity(high, slot);
        }
      }
      const hashed = hash(low, high);
      lows[i] = low;
      identities[i] = identified;
      keys[i] = keyFor(hashed, slot);
      lines[i] = (buckets + (index(hashed, bucketCount) << Layout.BUCKET_SHIFT)) | 0;
    }
  };

  /**
   * Fetches the lines at so many addresses and does nothing with them: in a loop this small all of them are on their way at once, while one that compares has two or three under
   * way at a time. What it returns keeps the compiler from dropping the loads.
   */
  const fetch = (addresses: Int32Array, count: number): number => {
    let bits = 0;
    for (let i = 0; i < count; i++) bits |= words[addresses[i]!]!;
    return bits;
  };

  /** Stage two: the block of the entry whose key fits, or 0. The lines are there by now: a mispredicted branch costs no waiting for memory. */
  const choose = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const key = keys[i]!;
      const line = lines[i]!;
      let entry = (line + Layout.BUCKET_KEYS + preferred(key)) | 0;
      entry = (entry + (Math.clz32(words[(entry + 1) | 0]! ^ key) >>> 5)) | 0;
      const block = words[entry] === key ? words[(entry + Layout.BUCKET_ENTRIES) | 0]! : anyBlock(words, line, key);
      blocks[i] = block > lastBlock ? 0 : block;
    }
  };

  /** Stage three: the block's own identity decides, as in every look-up. Adds the views; returns which are left over. */
  const judge = (views: (View | undefined)[], count: number): readonly number[] => {
    let left: number[] | undefined;
    for (let i = 0; i < count; i++) {
      const block: WordAddress = blocks[i]!;
      if (block !== 0 && words[block] === lows[i] && words[(block + Layout.BLOCK_IDENTITY) | 0] === identities[i]) {
        views.push(new TypedView(block, thread.interval, words[(block + Layout.BLOCK_GENERATION) | 0]!));
      } else {
        views.push(undefined);
        if (left === undefined) left = [i];
        else left.push(i);
      }
    }
    return left ?? NONE;
  };

  return (parents) => {
    const views: (View | undefined)[] = [];
    for (let start = 0; start < parents.length; start += STAGE) {
      // A copy: reading an element may run code of the user's, which may come here again or pass a safepoint. From here on nobody's code runs but this.
      const stage = parents.slice(start, start + STAGE);
      if (thread.interval === 0 || words[Layout.TYPE_EPOCH] !== binding.epoch) binding.refresh();
      place(stage);
      touched[0] = fetch(lines, stage.length);
      choose(stage.length);
      touched[0] = fetch(blocks, stage.length);
      const left = judge(views, stage.length);
      // Overflow line, split under way, another kind of parent, an older version, or a miss. Afterwards, since it may run code of the user's.
      for (let i = 0; i < left.length; i++) views[start + left[i]!] = get(stage[left[i]!]!);
    }
    return views;
  };
}

/** The block of an entry of a line whose key fits, wherever it stands; 0 if there is none. */
function anyBlock(words: Int32Array, line: WordAddress, key: number): WordAddress {
  const end = line + Layout.BUCKET_KEYS + Layout.BUCKET_ENTRIES;
  for (let entry = line + Layout.BUCKET_KEYS; entry < end; entry++) {
    if (words[entry] === key) return words[entry + Layout.BUCKET_ENTRIES]!;
  }
  return 0;
}
