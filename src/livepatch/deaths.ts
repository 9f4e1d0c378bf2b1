/**
 * Owns what is told of threads that died: the store recovers what they held, and each recovery is an event of the coordinator, whatever it was that made it
 * known; a destructor that threw when it had to run again is a warning, as anywhere else. Touches shared memory only through the store's recovery. Imports
 * errors and the types of the store and of recovery.
 */
import { messageOf, ShadowError } from '../errors.js';
import type { RecoveryReport } from '../recovery/recover.js';
import type { ShadowStore } from '../shadow/store.js';
import type { Announce } from './events.js';

export class Deaths {
  readonly #store: ShadowStore;
  readonly #announce: Announce;
  readonly #warn: (error: ShadowError) => void;
  readonly #before: (report: RecoveryReport) => void;

  constructor(store: ShadowStore, announce: Announce, warn: (error: ShadowError) => void) {
    this.#store = store;
    this.#announce = announce;
    this.#warn = warn;
    const { recovery } = store.internals;
    this.#before = recovery.onReport;
    recovery.onReport = this.#tell;
  }

  /** Recovers the threads that the operating system has no more. Never throws. */
  look(): void {
    try {
      this.#store.recover();
    } catch (cause) {
      this.#warn(new ShadowError('ERR_SHADOW_INVARIANT', `threads that died cannot be recovered: ${messageOf(cause)}`, { cause }));
    }
  }

  /** Runs the destructors that threads owed who died since: other threads that came across them may not. */
  settle(): void {
    this.#store.internals.recovery.settle();
  }

  /** Nobody listens any more. */
  close(): void {
    const { recovery } = this.#store.internals;
    if (recovery.onReport === this.#tell) recovery.onReport = this.#before;
  }

  readonly #tell = (report: RecoveryReport): void => {
    this.#announce('recovered', report);
    for (const cause of report.failures) {
      const what = `thread ${report.thread} died and left something to this one: ${messageOf(cause)}`;
      this.#warn(new ShadowError('ERR_PATCH_CALLBACK', what, { cause }));
    }
  };
}
