/** What a puppet can be told to do. Types only. */
import type { StoreHandle } from '../../src/memory/reservation.js';

export type Order =
  | {
      readonly kind: 'attach';
      readonly handle: StoreHandle;
      /** What constructors and destructors write down, see world.ts. */
      readonly ledger: SharedArrayBuffer;
      /** Whether the strings of this store collide. */
      readonly colliding: boolean;
    }
  | { readonly kind: 'detach' }
  /** Takes and frees variables of its own, holds views, and stays inside its grace epoch. */
  | { readonly kind: 'linger' }
  /** `arm` brings the thread into the state that `run` needs; `probe` touches everything that the operation may hold. */
  | { readonly kind: 'arm' | 'run' | 'probe'; readonly operation: string };
