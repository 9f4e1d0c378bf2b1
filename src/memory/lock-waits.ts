/**
 * Owns the telling of long waits for locks, in the thread that waited. Called by lock.ts where a thread has begun to sleep, never before; the clock is read only if
 * somebody subscribes. Reads THREAD_NODE_ID of the owner plainly: it may have left meanwhile, and names are all it is for. Imports channels, layout, the type of a thread.
 */
import { CHANNELS, publishLater } from '../channels.js';
import { Layout, type ThreadSlot, type WordAddress } from './layout.js';
import type { Thread } from './threads.js';

/** What a lock guards. */
export type LockKind = 'bucket' | 'variable' | 'types' | 'growth' | 'names' | 'orphans' | 'pages' | 'size-class';

/** A thread waited for a lock, and has it, or has seen it free. */
export interface LockWait {
  readonly lock: LockKind;
  readonly milliseconds: number;
  /** The thread that waited. */
  readonly slot: ThreadSlot;
  /** Slot of the thread that held the lock when this one last looked, and its `threadId` of node:worker_threads. */
  readonly owner: ThreadSlot;
  readonly ownerThreadId: number;
}

/** Shorter waits are not told, unless somebody asks for them. */
export const TOLD_MILLISECONDS = 10;

/** What subscribers ask for. */
let asked: readonly number[] = [];
let least = TOLD_MILLISECONDS;

/** Has waits of this length and longer told; @returns what takes that back. */
export function tellWaits(overMilliseconds: number): () => void {
  const own = [overMilliseconds];
  set([...asked, ...own]);
  return () => {
    const at = asked.indexOf(overMilliseconds);
    if (own.pop() !== undefined) set(asked.filter((_, i) => i !== at));
  };
}

/** When a wait begins; −1 if nobody wants to know. */
export function waitBegins(): number {
  return CHANNELS['lock-wait'].hasSubscribers ? performance.now() : -1;
}

/** A wait is over that began at `since`, not −1. `owner`: what the lock word named last, not 0: then there was nobody to wait for. */
export function waitEnds(thread: Thread, lock: LockKind, owner: number, since: number): void {
  const milliseconds = performance.now() - since;
  if (milliseconds < least || !CHANNELS['lock-wait'].hasSubscribers) return;
  const slot = owner - 1;
  const ownerThreadId = thread.words[thread.memory.threads + slot * Layout.THREAD_WORDS + Layout.THREAD_NODE_ID]!;
  const message: LockWait = { lock, milliseconds, slot: thread.slot, owner: slot, ownerThreadId };
  publishLater(CHANNELS['lock-wait'], message); // the lock is held now, and others may be
}

/** What a plain lock guards. */
export function lockKind({ memory }: Thread, lock: WordAddress): LockKind {
  switch (lock) {
    case Layout.TYPE_LOCK:
      return 'types';
    case Layout.GROW_LOCK:
      return 'growth';
    case Layout.SPACE_LOCK:
      return 'pages';
    case Layout.THREAD_LOCK:
      return 'orphans';
    case Layout.NAME_LOCK:
      return 'names';
    default:
      return lock >= memory.buckets ? 'bucket' : 'size-class';
  }
}

function set(thresholds: readonly number[]): void {
  asked = thresholds;
  least = Math.min(TOLD_MILLISECONDS, ...thresholds);
}
