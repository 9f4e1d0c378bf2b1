/**
 * Owns what an operation on patches is: what the coordinator's thread, or a thread that follows it, does while it is killed at a step. What sailors are told and
 * what they answer. Types only.
 */
import type { StoreHandle } from '../../src/memory/reservation.js';
import type { PatchCoordinator } from '../../src/pool/coordinator.js';
import type { ShadowStore } from '../../src/shadow/store.js';

/** Who does something: the thread of the coordinator, or one of the two that follow it. */
export type Part = 'captain' | 'mate' | 'boatswain';

/** Words that all of them share. */
export const enum Deck {
  HOLD = 0, // 1 while the mate is to stay in its task
  HELD = 1, // 1 while it does
  WORDS = 4,
}

/** What one thread has. */
export interface Sailor {
  readonly store: ShadowStore;
  readonly deck: Int32Array;
  /** Of the captain. */
  coordinator: PatchCoordinator | undefined;
  /** Follows the coordinator from here on. */
  follow(): void;
  /** Runs one task, and says what it saw. */
  task(hold?: boolean): Promise<string>;
}

export interface PatchOperation {
  readonly name: string;
  /** Whose steps count, and who is killed as the holder. */
  readonly where: Part;
  /** Who does it. */
  readonly runner: Part;
  /** What the captain has done before. */
  readonly arm?: (captain: Sailor) => Promise<unknown>;
  /** Whether the mate holds a task in flight, which ends when the operation says so. */
  readonly held?: boolean;
  readonly run: (sailor: Sailor) => Promise<unknown>;
  /** Whether the captain has no coordinator before: it makes one, or takes over from one that died in a switch. */
  readonly unmanned?: 'new' | 'dead';
  /** Whether the mate has no agent before. */
  readonly ashore?: boolean;
  /** Enabled patches, oldest first. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** What else may come of it if the coordinator dies on the way. */
  readonly halfway?: readonly string[];
}

/** What a sailor can be told to do. */
export type SailorOrder =
  | { readonly kind: 'board'; readonly handle: StoreHandle; readonly deck: SharedArrayBuffer }
  | { readonly kind: 'coordinate' | 'follow' | 'hold' | 'task' | 'patches' }
  | { readonly kind: 'arm' | 'run'; readonly operation: string }
  | { readonly kind: 'enable' | 'disable'; readonly patch: string };
