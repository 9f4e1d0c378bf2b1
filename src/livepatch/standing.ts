/**
 * Owns what the coordinator knows of itself: which patches are enabled, what the threads run, and the transition that is pending. Touches no shared memory. Imports
 * entry, manifest and transition.
 */
import type { PatchEntry } from './entry.js';
import type { SwitchMode } from './manifest.js';
import type { Arrangement, Transition } from './transition.js';

export class Standing {
  /** In the order of enabling, those in transition included. */
  list: readonly PatchEntry[] = [];
  transition: Transition | undefined;
  /** What the threads run when no transition is pending. */
  settled: Arrangement = { version: 0, stack: [] };
  /** How they come to it. After a forced transition some have yet to switch, and must not wait for their tasks then. */
  settledMode: SwitchMode = 'gate';
  lastSerial = 0;
  lastVersion = 0;

  /** Every patch that is on the list, or that threads may run. */
  get patches(): PatchEntry[] {
    const { transition } = this;
    const pending =
      transition === undefined ? [] : [transition.entry, ...transition.before.stack, ...transition.after.stack, ...transition.replaced];
    return [...new Set([...this.list, ...this.settled.stack, ...pending])];
  }
}
