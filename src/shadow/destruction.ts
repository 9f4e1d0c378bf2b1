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
  /** The name record of the parent that was kept for the destructor, 0 = none. */
  readonly name: WordAddress;
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
    const depth = Math.max(0, words[address + Layout.THREAD_DESTROYING_COUNT]!);
    if (depth < Layout.THREAD_DESTROYING_WORDS) words[address + Layout.THREAD_DESTROYING + depth] = block;
    // step: owe.noted
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

  #destroy({ block, name, parent, binding, destructor }: Unlinked): void {
    const thread = this.#thread;
    thread.destroying++;
    try {
      const returned: unknown = destructor?.(parent, binding?.view(block) as never);
      refusePromise(returned, `the destructor of type ${binding?.type.id}`);
    } finally {
      thread.destroying--;
      // step: destroy.done
      finishDestruction(thread, this.#blocks, block);
      if (name !== 0) finishDestruction(thread, this.#blocks, name);
    }
  }
}

/** What follows a destructor: the block is retired, and then taken off the record of the thread that owed it. */
export function finishDestruction(thread: Thread, blocks: Blocks, block: WordAddress): void {
  openIntent(thread, Layout.INTENT_MEMORY, 0);
  blocks.retire(block);
  // step: destroy.retired
  settle(thread, block);
  // step: destroy.settled
  closeIntent(thread);
}

/** Takes a block off the record: its entry is emptied, and those at the end that are empty are dropped. One that is not there was nested too deep for it. */
export function settle({ words, address }: Thread, block: WordAddress): void {
  const count = address + Layout.THREAD_DESTROYING_COUNT;
  const list = address + Layout.THREAD_DESTROYING;
  const depth = Math.max(0, words[count]!);
  let at = Math.min(depth, Layout.THREAD_DESTROYING_WORDS) - 1;
  while (at >= 0 && words[list + at] !== block) at--;
  if (at >= 0) words[list + at] = 0;
  let left = at >= 0 ? depth : depth - 1;
  if (left <= Layout.THREAD_DESTROYING_WORDS) while (left > 0 && words[list + left - 1] === 0) left--;
  words[count] = Math.max(0, left);
}
