/**
 * Owns what REPAIR_LOCK and SETTLE_LOCK hold, and the question whether that is still anybody. Whoever recovers needs no slot of its own, so it is the OS thread
 * id; where that is unknown, the id that Node gave the thread, with a check by which any other number in its place is told from it: nobody waits for a thread
 * that never was. Touches no shared memory; imports os-threads.
 */
import { threadId } from 'node:worker_threads';

import { isGone, ownOsThread } from '../memory/os-threads.js';

/** No OS thread id is so large. */
const NODE_THREAD = 0x40000000;
/** Of two threads at one time the ids differ in these bits. */
const NODE_ID_BITS = 20;
const CHECK_BITS = 10;

/** This thread. */
export function ownRepairer(): number {
  const { id } = ownOsThread();
  return id === 0 ? nodeRepairer(threadId) : id;
}

/** Whether the thread certainly exists no more, or never did. `exited`: the id that Node gave one that is dead, 0 = none. */
export function isRepairerGone(seen: number, exited: number): boolean {
  if (seen < NODE_THREAD) return seen < 0 || isGone(seen, 0, 0);
  return seen !== nodeRepairer(seen >>> CHECK_BITS) || (exited > 0 && seen === nodeRepairer(exited));
}

/** A thread of which only its exit event tells that it is dead. */
export function nodeRepairer(nodeThreadId: number): number {
  const id = nodeThreadId & ((1 << NODE_ID_BITS) - 1);
  return NODE_THREAD | (id << CHECK_BITS) | (Math.imul(id ^ 0x5bf03635, 0x9e3779b1) >>> (32 - CHECK_BITS));
}
