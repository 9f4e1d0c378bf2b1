/**
 * Owns cursors: one object that is pointed at one variable after another, so that a loop over many allocates nothing. Reads what table/find.ts reads.
 * Imports memory, table, view.
 */
import { enter } from '../memory/grace.js';
import { Layout } from '../memory/layout.js';
import { findBlock } from '../table/find.js';
import { hashObject, identityOf, objectHigh } from '../table/hash.js';
import type { Binding } from './binding.js';
import type { Fields } from './fields.js';
import type { Parent } from './objects.js';
import { View } from './view.js';

// Local constants are folded into the compiled code; an imported binding is loaded and checked at every use, which find() would notice.
const find = findBlock;
const hash = hashObject;
const identity = identityOf;

/** Point it at a variable with find(), then use it like a view until the next find(). */
export class Cursor<F extends Fields = Fields> extends View<F> {
  /** @internal */
  constructor(binding: Binding) {
    super(binding, 0, -1, 0);
  }

  /** Moves to the variable of an object; false if there is none, and then the cursor is on no variable. @throws ERR_SHADOW_OBJECT */
  find(obj: Parent): boolean {
    let binding = this.$binding;
    const { thread, words } = binding;
    if (thread.interval === 0) enter(thread);
    if (words[Layout.TYPE_EPOCH] !== binding.epoch) {
      binding = binding.renewed();
      this.$binding = binding;
    }
    let block: number;
    if (typeof obj === 'number' && (obj | 0) === obj && obj >= 0) {
      block = find(words, binding.buckets, obj, binding.slot, hash(obj, 0));
    } else {
      const object = binding.objects.find(obj);
      const high = objectHigh(object);
      block = object < 0 ? 0 : find(words, binding.buckets, object | 0, identity(high, binding.slot), hash(object | 0, high));
    }
    this.$block = block;
    if (block === 0) {
      this.$interval = -1;
      return false;
    }
    this.$interval = thread.interval;
    this.$generation = words[(block + Layout.BLOCK_GENERATION) | 0]!;
    return true;
  }
}
