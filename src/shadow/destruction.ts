/**
 * Owns what follows an unlink: the destructor, outside every lock, and then retirement. A block whose destructor is owed stands in THREAD_DESTROYING, put
 * there before it is unlinked, so that a death in between loses nothing: recovery runs it again. Imports memory, binding and view.
 */
import { type Blocks } from '../memory/blocks.js';
import { closeIntent, openIntent } from '../memory/intent.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import type { Thread } from '../memory/threads.js';
import type { Binding } from './binding.js';
import type { Parent } from './objects.js';
import type { AnyShadowType } from './type.js';
import { refusePromise } from './view.js';

/** A variable that was unlinked. */
export interface Unlinked {
  readonly block: WordAddress;
  readonly parent: Parent;
  readonly binding: Binding | undefined;
  /** Undefined when the type has none, or when no declaration of the id is known in this thread: then the block is retired already. */
  readonly destructor: AnyShadowType['dtor'];
}

/** Frames that touchStack() goes down: more than a destructor's entry and everything that follows it take. */
const TOUCHED_FRAMES = 40;

/**
 * Throws a RangeError here and now if the stack is nearly used up, before anything is unlinked: later it would come between an unlink and what has to
 * follow it.
 */
export function touchStack(frames = TOUCHED_FRAMES): number {
  return frames === 0 ? 0 : touchStack(frames - 1) + 1;
}

/** The destructors one thread owes. */
export class Destruction {
  readonly #thread: Thread;
  readonly #blocks: Blocks;
  /** Freed while this thread held a variable lock: destroyed once it is released, so that a destructor may take any lock. */
  readonly #deferred: Unlinked[] = [];

  constructor(thread: Thread, blocks: Blocks) {
    this.#thread = thread;
    this.#blocks = blocks;
    thread.onUnlocked = () => {
      const failures: unknown[] = [];
      this.runAll(this.#deferred.splice(0), failures);
      if (failures.length > 0) throw failures[0];
    };
  }

  /** Records that the destructor of a block is owed, before it is unlinked. Nesting deeper than the record runs unrecorded. */
  owe(block: WordAddress): void {
    const { words, address } = this.#thread;
    const depth = words[address + Layout.THREAD_DESTROYING_COUNT]!;
    if (depth < Layout.THREAD_DESTROYING_WORDS) words[address + Layout.THREAD_DESTROYING + depth] = block;
    words[address + Layout.THREAD_DESTROYING_COUNT] = depth + 1;
  }

  /** Runs the destructor, or leaves it for the end of the lock body that this thread is in. */
  run(unlinked: Unlinked): void {
    if (unlinked.destructor === undefined) return;
    if (this.#thread.locked !== 0) {
      this.#deferred.push(unlinked);
      this.#thread.deferred = true;
    } else {
      this.#destroy(unlinked);
    }
  }

  /** Runs all of them; what they throw is added to `failures`. */
  runAll(gone: readonly Unlinked[], failures: unknown[]): void {
    for (const unlinked of gone) {
      try {
        this.run(unlinked);
      } catch (error) {
        failures.push(error);
      }
    }
  }

  #destroy({ block, parent, binding, destructor }: Unlinked): void {
    const thread = this.#thread;
    thread.destroying++;
    try {
      const returned: unknown = destructor?.(parent, binding?.view(block) as never);
      refusePromise(returned, `the destructor of type ${binding?.type.id}`);
    } finally {
      thread.destroying--;
      openIntent(thread, Layout.INTENT_MEMORY, 0);
      this.#blocks.retire(block);
      this.#settle(block);
      closeIntent(thread);
    }
  }

  /** Takes a block off the record. */
  #settle(block: WordAddress): void {
    const { words, address } = this.#thread;
    const depth = words[address + Layout.THREAD_DESTROYING_COUNT]!;
    const recorded = Math.min(depth, Layout.THREAD_DESTROYING_WORDS);
    const list = address + Layout.THREAD_DESTROYING;
    for (let i = recorded - 1; i >= 0; i--) {
      if (words[list + i] !== block) continue;
      words.copyWithin(list + i, list + i + 1, list + recorded);
      words[list + recorded - 1] = 0;
      break;
    }
    words[address + Layout.THREAD_DESTROYING_COUNT] = depth - 1;
  }
}
