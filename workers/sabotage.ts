/**
 * Faults planted on purpose, so that the verdict can be seen to fail. Used only with --sabotage; nothing here runs otherwise.
 */

import { setImmediate as pause } from 'node:timers/promises';
import { account } from '../src/cli/application.js';
import type { ledger } from '../src/cli/ledger.js';
import type { Sabotage } from '../src/cli/options.js';
import type { ShadowStore } from '../src/index.js';

/** How long a task waits for a switch that it must not see. */
const PATIENCE_MILLISECONDS = 10_000;

/** What a planted fault works on. */
export interface Victim {
  readonly store: ShadowStore;
  /** The object of the task's first request, and what that request does. */
  readonly object: number;
  readonly write: boolean;
  readonly strayObject: number;
}

/** Begins the fault before a task's requests; call the returned function after them. */
export function plant(sabotage: Sabotage, victim: Victim): () => void {
  if (sabotage === 'lost-update') return plantLostUpdate(victim);
  // Allocated and forgotten: nobody who cleans up knows the object.
  if (sabotage === 'leak') victim.store.getOrAlloc(victim.strayObject, account);
  return () => undefined;
}

/** A plain read, all requests of the task, and only then the plain write: what others added meanwhile is overwritten. */
function plantLostUpdate({ store, object, write }: Victim): () => void {
  const field = write ? 'writes' : 'reads';
  const before = store.get(object, account)?.[field] ?? 0;
  return () => {
    store.getOrAlloc(object, account)[field] = before + 1;
  };
}

/** Waits in the middle of a task until a transition is complete. Only a task that went around the gate can see that happen. */
export async function outlastTransition(books: ReturnType<typeof ledger>): Promise<void> {
  const phase = books.phase;
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  while (books.phase === phase && performance.now() < deadline) await pause();
}
