/**
 * Deaths at exact points: copies of a store's whole memory as a thread leaves it when it stops for ever right before one of its atomic operations, with the
 * locks that it held given back. What recovery does to blocks in hand is left to recovery.
 */
import { Layout } from '../../src/memory/layout.js';
import { threadSlotAddress } from '../../src/memory/threads.js';
import type { Violation } from '../../src/recovery/violations.js';
import { ShadowStore } from '../../src/shadow/store.js';

type AtomicsCall = (array: Int32Array, word: number, ...rest: number[]) => number;
const CALLS = ['store', 'add', 'sub', 'exchange', 'compareExchange'] as const;

export interface Death {
  /** The operation that was not executed any more, and its word. */
  readonly before: string;
  readonly word: number;
  readonly buffer: SharedArrayBuffer;
}

/** A copy of the memory before each atomic operation that `operation` performs. */
export function deathsDuring(store: ShadowStore, operation: () => void): Death[] {
  const { words } = store.internals;
  const deaths: Death[] = [];
  const originals = CALLS.map((name) => (Atomics as unknown as Record<string, AtomicsCall>)[name]!);
  CALLS.forEach((name, i) => {
    const staged: AtomicsCall = (array, word, ...rest) => {
      if (array === words) {
        const buffer = new SharedArrayBuffer(words.buffer.byteLength);
        new Int32Array(buffer).set(words);
        deaths.push({ before: name, word, buffer });
      }
      return originals[i]!(array, word, ...rest);
    };
    Object.assign(Atomics, { [name]: staged });
  });
  try {
    operation();
  } finally {
    CALLS.forEach((name, i) => Object.assign(Atomics, { [name]: originals[i] }));
  }
  return deaths;
}

/** Attaches to what a death left, after the locks that thread `slot` held were given back. */
export function afterDeath({ buffer }: Death, slot: number): ShadowStore {
  const words = new Int32Array(buffer);
  const owner = slot + 1;
  for (let line = words[Layout.HEADER_BUCKETS]!, n = 0; n < words[Layout.BUCKET_COUNT]!; n++, line += Layout.BUCKET_WORDS)
    if (words[line + Layout.BUCKET_LOCK] === owner) words[line + Layout.BUCKET_LOCK] = 0;
  return ShadowStore.attach({ kind: 'umbra.store', layoutVersion: Layout.LAYOUT_VERSION, buffer });
}

/** What check() complains about, but for the one block that the dead thread had in hand, which its intent names. */
export function damage(store: ShadowStore, slot: number): readonly Violation[] {
  const { memory, words } = store.internals;
  const inHand = words[threadSlotAddress(memory, slot) + Layout.THREAD_INTENT_BLOCK];
  return store.check().violations.filter(({ rule, address }) => rule !== 'leak' || address !== inHand);
}
