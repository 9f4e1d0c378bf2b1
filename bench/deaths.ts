/**
 * Deaths on stage: workers that end while they hold a lock, and a worker that waits for it. What all three files of suite `recover` share: types, messages,
 * and the words of the signal.
 */
import type { StoreHandle } from '../src/memory/reservation.js';
import { defineShadowType } from '../src/shadow/type.js';

/** Which lock is held: that of a bucket is held by a constructor, that of a variable by the body of `withLock`. */
export type Held = 'bucket' | 'variable';

export type Role = 'victim' | 'heir';

export interface DeathWorkerData {
  readonly handle: StoreHandle;
  readonly role: Role;
  readonly held: Held;
  readonly signal: SharedArrayBuffer;
}

/** Of the signal: raised when the victim is to end by itself, or never where it is terminated. */
export const GO = 0;
/** Where the victim writes when it ends by itself: as a float64, by the clock that all threads share, ns. */
export const DIED_AT_BYTES = 8;
export const SIGNAL_BYTES = 16;

/** The victim is inside, or the heir about to wait. */
export const THERE = 'there';

/** The one parent all of this is about. */
export const PARENT = 'the parent';

/** Its constructor calls what it is given. */
export const mortal = defineShadowType({
  id: 0x7a14,
  fields: { value: 'u32' },
  ctor: (_parent, _view, stop: (() => void) | undefined) => stop?.(),
});
