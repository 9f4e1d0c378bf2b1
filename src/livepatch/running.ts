/**
 * Owns what a thread runs: one version, or during a pinned switch two; and **the order of flipping** from one to another:
 *
 * THREAD_FLIPPING = 1, PATCH_EPOCH still that of the manifest, install, THREAD_PATCH_VERSION, THREAD_FLIPPING = 0, then whatever else is said.
 *
 * The coordinator publishes, then reads THREAD_FLIPPING, then THREAD_PATCH_VERSION: so after a reversal it knows for certain that a thread
 * which has not switched will not, however long it is stuck.
 *
 * Writes THREAD_FLIPPING and THREAD_PATCH_VERSION. Imports layout, chains, manifest, pin and slot-words.
 */
import { Layout } from '../memory/layout.js';
import { install, isBusy, type Stack } from './chains.js';
import type { Manifest } from './manifest.js';
import { Pin } from './pin.js';
import type { SlotWords } from './slot-words.js';

/** What is in the way of a switch. */
export type Obstruction = 'tasks' | 'calls' | null;

export class Running {
  /** The pinned switch that is under way. */
  pin: Pin | null = null;
  /** PATCH_MIXED during a pinned switch, PATCH_NOT_RUNNING before anything ran. */
  number: number = Layout.PATCH_NOT_RUNNING;
  readonly #words: Int32Array;
  readonly #slot: SlotWords;
  #installed: Stack = [];

  constructor(words: Int32Array, slot: SlotWords) {
    this.#words = words;
    this.#slot = slot;
  }

  /** All patches that calls may reach. */
  get patches(): Stack {
    return this.pin === null ? this.#installed : [...this.#installed, ...this.pin.second.stack];
  }

  /** Which tasks, of those in flight, or calls of another version than that of the manifest have not ended. Force asks for none to. */
  obstruction(manifest: Manifest, stack: Stack, inFlight: number): Obstruction {
    const { mode } = manifest;
    if (mode === 'force') return null;
    const kept = this.pin?.versionOf(manifest.version);
    const others = kept === undefined || mode === 'hold' || this.pin === null ? inFlight : this.pin.tasksBeside(kept, inFlight);
    if (others > 0) return 'tasks';
    return isBusy(kept?.stack ?? stack) ? 'calls' : null;
  }

  /** Runs the version of the manifest and nothing else. False if the manifest is out of date: nothing changed. */
  flip(manifest: Manifest, stack: Stack): boolean {
    return this.#change(manifest, manifest.version, () => {
      const kept = this.pin?.versionOf(manifest.version);
      this.#install(kept?.stack ?? stack);
    });
  }

  /** Begins to run the version of the manifest beside the one there is. False if the manifest is out of date. */
  pinned(manifest: Manifest, stack: Stack): boolean {
    const first = { number: this.number, stack: this.#installed };
    return this.#change(manifest, Layout.PATCH_MIXED, () => {
      this.pin = new Pin(first, { number: manifest.version, stack });
    });
  }

  /** Runs nothing: there is no version that this thread could run. */
  stop(): void {
    this.#install([]);
    this.number = Layout.PATCH_NOT_RUNNING;
    this.#slot.note(Layout.THREAD_PATCH_VERSION, Layout.PATCH_NOT_RUNNING);
  }

  #install(stack: Stack): void {
    this.pin?.end();
    this.pin = null;
    install(stack);
    this.#installed = stack;
  }

  /** The order of flipping. */
  #change(manifest: Manifest, number: number, change: () => void): boolean {
    this.#slot.note(Layout.THREAD_FLIPPING, 1);
    // step: flip.begun
    const current = Atomics.load(this.#words, Layout.PATCH_EPOCH) <= manifest.epoch;
    if (current) {
      // step: flip.current
      change();
      this.number = number;
      // step: flip.installed
      this.#slot.note(Layout.THREAD_PATCH_VERSION, number);
      // step: flip.versioned
    }
    this.#slot.note(Layout.THREAD_FLIPPING, 0);
    // step: flip.ended
    return current;
  }
}
