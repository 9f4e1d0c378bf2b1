/**
 * Owns waiting with an end: what does not happen in time is a Stall, which says what was waited for. Touches no shared memory. Imports nothing
 * of ours.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** Something did not happen in time. */
export class Stall extends Error {}

/** Looks again and again. `what` is asked when time is up. @throws Stall */
export async function until(condition: () => boolean, milliseconds: number, what: () => string): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!condition()) {
    if (performance.now() > deadline) throw new Stall(what());
    await sleep(1);
  }
}

/** @throws Stall, and what the promise rejects with */
export async function within<T>(promise: Promise<T>, milliseconds: number, what: () => string): Promise<T> {
  const over = new AbortController();
  const stalled = sleep(milliseconds, undefined, { signal: over.signal }).then(
    () => {
      throw new Stall(what());
    },
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([promise, stalled]);
  } finally {
    over.abort();
  }
}
