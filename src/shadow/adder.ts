/**
 * Owns `add()` on 32-bit fields, the one atomic operation that hot loops use: made once per type and attached store, closing over everything that never
 * changes for it, as the accessors of fields do. What is not common is left to the general way. Imports layout and fields.
 */
import { Layout } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import type { Field } from './fields.js';
import type { View } from './view.js';

type Add = (this: View, field: string, value: unknown) => unknown;

/** Words from the start of the block, by the names of fields of one kind. Frozen, and without fields that come later: the compiler folds what it holds. */
function wordsOf(fields: readonly Field[], kind: 'i32' | 'u32'): Readonly<Record<string, unknown>> {
  const own = fields.filter((field) => field.kind === kind).map(({ name, offset }) => [name, Layout.BLOCK_DATA + (offset >> 2)] as const);
  return Object.freeze(Object.fromEntries(own));
}

export function adder(fields: readonly Field[], { words, uwords }: Memory, thread: Thread): Add {
  const unsigned = wordsOf(fields, 'u32');
  const signed = wordsOf(fields, 'i32');
  return function add(field, value) {
    if (typeof value === 'number' && (value | 0) === value) {
      if (this.$interval !== thread.interval) this.$revalidate();
      // What every object inherits is no number.
      const word = unsigned[field];
      if (typeof word === 'number') return Atomics.add(uwords, (this.$block + word) | 0, value);
      const signedWord = signed[field];
      if (typeof signedWord === 'number') return Atomics.add(words, (this.$block + signedWord) | 0, value);
    }
    return this.$atomic('add', field, value);
  };
}
