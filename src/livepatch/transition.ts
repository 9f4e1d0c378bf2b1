/**
 * Owns the record of the one transition that may be pending: from which stack to which, which way it goes now, and who waits for its end.
 * Touches no shared memory. Imports errors, entry, line and threads' form of an order.
 */
import type { ShadowError } from '../errors.js';
import type { PatchEntry } from './entry.js';
import type { DirectionName, TransitionKind } from './events.js';
import { PATCHING, UNPATCHING } from './line.js';
import type { PatchReference } from './manifest.js';
import type { PlannedMigration } from './migrations.js';
import type { HeldState } from './states.js';
import type { Order } from './threads.js';

/** How a transition ended. Plain JSON. */
export interface TransitionResult {
  readonly patch: string;
  readonly kind: TransitionKind;
  /** Whether it ended where it had begun. */
  readonly reversed: boolean;
  /** The reason given for not waiting for all threads; null if nobody forced it. */
  readonly forced: string | null;
  /** From the moment its turn came, loading included. */
  readonly milliseconds: number;
  /** Threads that run the new version. */
  readonly workers: number;
}

/** The pending transition. Plain JSON. */
export interface TransitionInfo {
  readonly patch: string;
  readonly kind: TransitionKind;
  readonly direction: DirectionName;
  readonly reversed: boolean;
  readonly milliseconds: number;
}

export type Direction = typeof PATCHING | typeof UNPATCHING;

/** A version of the code: its number, and the patches that make it, oldest first. */
export interface Arrangement {
  readonly version: number;
  readonly stack: readonly PatchEntry[];
}

interface Waiter {
  readonly wanted: Direction;
  readonly resolve: (result: TransitionResult) => void;
  readonly reject: (error: Error) => void;
}

export class Transition {
  readonly entry: PatchEntry;
  readonly kind: TransitionKind;
  readonly before: Arrangement;
  readonly after: Arrangement;
  readonly replaced: readonly PatchEntry[];
  readonly migrations: readonly PlannedMigration[];
  readonly startedAt: number;
  /** The way it goes as long as nobody reverses it. */
  readonly forward: Direction;
  direction: Direction;
  /** States that go with the patches that go, and were told so. */
  leaving: readonly HeldState[] = [];
  /** How far it has come: nobody has been told; it was refused then; threads switch; all have switched. */
  stage: 'preparing' | 'cancelling' | 'pending' | 'completing' = 'preparing';
  /** Some version may be in force already: there is no way back any more. */
  migrating = false;
  /** All versions are in force. */
  migrated = false;
  forced: string | null = null;
  /** Why it was turned round last. */
  cause: ShadowError | undefined;
  readonly #waiters: Waiter[] = [];

  constructor(
    entry: PatchEntry,
    kind: TransitionKind,
    before: Arrangement,
    after: Arrangement,
    replaced: readonly PatchEntry[],
    migrations: readonly PlannedMigration[],
    startedAt: number,
  ) {
    this.entry = entry;
    this.kind = kind;
    this.before = before;
    this.after = after;
    this.replaced = replaced;
    this.migrations = migrations;
    this.startedAt = startedAt;
    this.forward = kind === 'disable' ? UNPATCHING : PATCHING;
    this.direction = this.forward;
  }

  get reversed(): boolean {
    return this.direction !== this.forward;
  }

  get info(): TransitionInfo {
    const { direction, reversed, kind } = this;
    return {
      patch: this.entry.name,
      kind,
      direction: directionName(direction),
      reversed,
      milliseconds: performance.now() - this.startedAt,
    };
  }

  /** Where it goes now. */
  get target(): Arrangement {
    return this.reversed ? this.before : this.after;
  }

  /** What the threads have to do for it now. `retained`: patches that have to stay loaded for another reason. */
  order(retained: readonly PatchReference[]): Order {
    const { target } = this;
    const other = this.reversed ? this.after : this.before;
    const stack = references(target);
    const standby = [...references(other), ...retained].filter(
      (reference, index, all) => !stack.includes(reference) && all.indexOf(reference) === index,
    );
    return { version: target.version, stack, mode: this.mode, standby, candidate: null };
  }

  /** Resolves if it ends in this direction, rejects if it ends in the other. */
  outcome(wanted: Direction): Promise<TransitionResult> {
    return new Promise((resolve, reject) => this.#waiters.push({ wanted, resolve, reject }));
  }

  end(result: TransitionResult, reversedError: () => ShadowError): void {
    for (const { wanted, resolve, reject } of this.#waiters.splice(0)) {
      if (wanted === this.direction) resolve(result);
      else reject(this.cause ?? reversedError());
    }
  }

  fail(error: Error): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  /**
   * While variables get another layout, no task may run anywhere: not one that knows the old layout, nor one that knows the new. So the
   * threads are drained before any of them switches.
   */
  get mode(): Order['mode'] {
    if (this.forced !== null) return 'force';
    if (this.migrations.length > 0 && !this.migrated && !this.reversed) return 'hold';
    return this.entry.patch.consistency;
  }
}

export function references({ stack }: Arrangement): PatchReference[] {
  return stack.map((entry) => entry.reference);
}

export function directionName(direction: Direction): DirectionName {
  return direction === PATCHING ? 'patching' : 'unpatching';
}

/** What the journal calls what is being done for a transition. */
export function stageName({ stage, entry }: Transition): string {
  return `${stage} ${entry.reference.serial}`;
}
