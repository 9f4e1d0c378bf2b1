/**
 * Owns how a thread that is led through a berth counts the protocol steps it comes by, and stops at one if it was told to: to be killed there, to end itself, or
 * to go on. Imports berth and the hook.
 */
import { Berth } from './berth.js';
import { onStep } from './hook.js';

/** Says what the thread is at. */
export function tell(words: Int32Array, state: number): void {
  Atomics.store(words, Berth.STATE, state);
  Atomics.notify(words, Berth.STATE);
}

export function haltAtSteps(words: Int32Array): void {
  onStep((step) => {
    if (words[Berth.RECORDING] === 1) words[Berth.HITS + step]!++;
    if (words[Berth.STEP] !== step || --words[Berth.HIT]! !== 0) return;
    words[Berth.STEP] = 0;
    const state = Atomics.load(words, Berth.STATE);
    const resumed = Atomics.load(words, Berth.RESUME);
    tell(words, Berth.PARKED);
    if (words[Berth.FATE] === Berth.FATE_EXIT) process.exit(3);
    if (words[Berth.FATE] === Berth.FATE_THROW) throw new Error('an error that nobody catches');
    while (Atomics.load(words, Berth.RESUME) === resumed) Atomics.wait(words, Berth.RESUME, resumed);
    tell(words, state); // it may have had nothing to do but to follow
  });
}
