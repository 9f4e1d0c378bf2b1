/**
 * Owns waiting for work in a thread that sleeps in Atomics.wait, where no message wakes it. Reads the words that the user names. Imports
 * errors, layout and the type of the agent.
 */
import { describe, ShadowError } from '../errors.js';
import type { Agent } from './agent.js';

/** How long a thread sleeps before it looks at its manifest again, ms: the latest that a transition reaches it. */
const SLICE_MILLISECONDS = 50;

/**
 * `Atomics.wait(words, index, value, timeoutMs)` outside tasks, during which the thread passes a safepoint, loads patches and switches. Returns 'ok' when the word was
 * notified or changed while it waited.
 * @throws ERR_PATCH_AGENT inside a task, for which patches have to wait
 */
export async function waitBetweenTasks(
  agent: Agent,
  words: Int32Array,
  index: number,
  value: number,
  timeoutMs: number,
): Promise<'ok' | 'not-equal' | 'timed-out'> {
  if (!(words instanceof Int32Array) || !(words.buffer instanceof SharedArrayBuffer) || !(index in words) || typeof index !== 'number') {
    throw new ShadowError(
      'ERR_PATCH_DECLARATION',
      `waitForWork() takes an Int32Array on a SharedArrayBuffer and an index into it, not ${describe(words)} and ${describe(index)}`,
    );
  }
  if (typeof value !== 'number')
    throw new ShadowError('ERR_PATCH_DECLARATION', `waitForWork(): the value is a number, not ${describe(value)}`);
  if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) {
    throw new ShadowError('ERR_PATCH_DECLARATION', `waitForWork(): timeoutMs is a number of milliseconds, not ${describe(timeoutMs)}`);
  }
  if (Atomics.load(words, index) !== value) return 'not-equal';
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (agent.tasksInFlight > 0) {
      throw new ShadowError(
        'ERR_PATCH_AGENT',
        'waitForWork() was called while a task is in flight, and a switch has to wait for tasks; call it between tasks',
      );
    }
    agent.safepoint();
    if (!agent.isSettled()) await settleWhileWaiting(agent);
    const left = deadline - performance.now();
    const slept = Atomics.wait(words, index, value, Math.max(0, Math.min(SLICE_MILLISECONDS, left)));
    if (slept !== 'timed-out') return 'ok';
    if (left <= SLICE_MILLISECONDS) return 'timed-out';
  }
}

/** Loading and suspended calls need the event loop; work that comes meanwhile must not wait for them longer than for a slice. */
async function settleWhileWaiting(agent: Agent): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const slice = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, SLICE_MILLISECONDS);
  });
  await Promise.race([agent.settle(), slice]);
  clearTimeout(timer);
}
