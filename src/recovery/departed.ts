/**
 * Owns what is known of a thread whose exit event has arrived: which slots and which of recovery's two locks were its own, although the operating system may list
 * it for a moment still, and although it may not have come to saying who it is. Reads thread slots, writes nothing. Imports layout, threads, repairer.
 */
import { Layout, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { isInUse, isSlotGone, osThreadOf, threadSlotAddress } from '../memory/threads.js';
import { isRepairerGone } from './repairer.js';

/** Longer than a living thread takes from claiming a slot to saying who it is, and than the operating system lists a dead one, ms. */
const CLAIM_MILLISECONDS = 50;
const LOOK_MILLISECONDS = 1;

export class Departed {
  readonly #thread: number;
  /** OS threads of it that the operating system still lists. */
  readonly #listed: ReadonlySet<number>;

  constructor(thread: number, listed: ReadonlySet<number>) {
    this.#thread = thread;
    this.#listed = listed;
  }

  /** Whether a slot was its own, or one in the name of whose thread it acted: such a slot may not name it yet. */
  had(words: Int32Array, address: WordAddress): boolean {
    return this.#thread > 0 && (words[address + Layout.THREAD_NODE_ID] === this.#thread || this.#listed.has(osThreadOf(words, address)));
  }

  /** Whether nobody holds a lock of recovery any more in which this stands. */
  isHolderGone(seen: number): boolean {
    return this.#listed.has(seen) || isRepairerGone(seen, this.#thread);
  }
}

export const NOBODY = new Departed(0, new Set());

/** A worker of this node:worker_threads id, after its exit event. */
export function departed(memory: Memory, thread: number): Departed {
  const { words } = memory;
  const listed = new Set<number>();
  if (thread <= 0) return new Departed(thread, listed);
  for (let slot = 0; slot < memory.maxThreads; slot++) {
    const address = threadSlotAddress(memory, slot);
    const state = Atomics.load(words, address + Layout.THREAD_STATE);
    // Whoever is taking over the slot of the dead at this moment has not said who it is: what stands there names the dead, beside the OS thread of the living.
    const isNamed = Atomics.load(words, address + Layout.THREAD_OS_START_LOW) !== 0;
    if (!isInUse(state) || !isNamed || words[address + Layout.THREAD_NODE_ID] !== thread) continue;
    // If it is gone there, its id may be somebody else's already.
    if (isSlotGone(words, address) || Atomics.load(words, address + Layout.THREAD_STATE) !== state) continue;
    listed.add(state >>> Layout.THREAD_STATE_BITS);
  }
  return new Departed(thread, listed);
}

/**
 * Waits until every thread that has claimed a slot has said who it is, or is gone. One that died in between can only be told by the operating system, which lists
 * it for a moment after its exit event.
 */
export function awaitClaims(memory: Memory): void {
  const { words } = memory;
  const deadline = performance.now() + CLAIM_MILLISECONDS;
  for (let slot = 0; slot < memory.maxThreads; slot++) {
    const address = threadSlotAddress(memory, slot);
    for (;;) {
      const state = Atomics.load(words, address + Layout.THREAD_STATE);
      const anonymous = (state & Layout.THREAD_STATE_MASK) === Layout.THREAD_LIVE && words[address + Layout.THREAD_OS_START_LOW] === 0;
      if (!anonymous || osThreadOf(words, address) === 0 || isSlotGone(words, address) || performance.now() > deadline) break;
      Atomics.wait(words, address + Layout.THREAD_STATE, state, LOOK_MILLISECONDS);
    }
  }
}
