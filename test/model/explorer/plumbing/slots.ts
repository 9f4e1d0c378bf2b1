/**
 * Owns the question whether thread slots tell what is so when a switch is over, the dead are recovered and nothing moves any more. Reads THREAD_AGENT and the
 * words of live patching. Imports layout and the types of what it looks at.
 */
import { Layout } from '../../../../src/memory/layout.js';
import type { ShadowStore } from '../../../../src/shadow/store.js';

/** What is wrong, in words. `version`: what every thread with an agent runs. */
export function wrongSlots({ internals: { memory } }: ShadowStore, version: number): string[] {
  const { words, threads, maxThreads } = memory;
  const wrong: string[] = [];
  for (let slot = 0; slot < maxThreads; slot++) {
    const address = threads + slot * Layout.THREAD_WORDS;
    const expect = (word: number, value: number, what: string): void => {
      if (words[address + word] !== value) wrong.push(`slot ${slot}: ${what} is ${words[address + word]}, not ${value}`);
    };
    const isLive = (words[address + Layout.THREAD_STATE]! & Layout.THREAD_STATE_MASK) === Layout.THREAD_LIVE;
    expect(Layout.THREAD_TASKS, 0, 'THREAD_TASKS');
    for (let entry = 0; entry < Layout.TASK_ENTRIES; entry++)
      expect(Layout.THREAD_TASK_TABLE + entry * Layout.TASK_WORDS + Layout.TASK_SERIAL, 0, `task entry ${entry}`);
    for (let counter = 0; counter < Layout.ACTIVATION_COUNTERS; counter++)
      expect(Layout.THREAD_ACTIVATIONS + counter, 0, `activation counter ${counter}`);
    if (!isLive) {
      expect(Layout.THREAD_AGENT, 0, 'THREAD_AGENT');
      expect(Layout.THREAD_EPOCH, 0, 'THREAD_EPOCH');
    } else if (words[address + Layout.THREAD_AGENT] !== 0) {
      expect(Layout.THREAD_FLIPPING, 0, 'THREAD_FLIPPING');
      expect(Layout.THREAD_PATCH_VERSION, version, 'THREAD_PATCH_VERSION');
    }
  }
  return wrong;
}

/** A dead thread that was repaired holds back nobody's memory. To be asked while others are at work. @throws if it does */
export function requireNoneInEpoch({ internals: { memory } }: ShadowStore): void {
  const { words, threads, maxThreads } = memory;
  for (let slot = 0; slot < maxThreads; slot++) {
    const address = threads + slot * Layout.THREAD_WORDS;
    const state = Atomics.load(words, address + Layout.THREAD_STATE) & Layout.THREAD_STATE_MASK;
    if (state !== Layout.THREAD_DEAD) continue;
    const epoch = Atomics.load(words, address + Layout.THREAD_EPOCH);
    const isStill = (Atomics.load(words, address + Layout.THREAD_STATE) & Layout.THREAD_STATE_MASK) === Layout.THREAD_DEAD;
    if (isStill && epoch !== 0) throw new Error(`slot ${slot} is that of a dead thread, and in epoch ${epoch}`);
  }
}
