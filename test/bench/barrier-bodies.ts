/**
 * Bodies for the tests of the barrier: side 0 counts, side 1 returns only once all workers are inside at the same time, side 2 throws,
 * side 3 counts when the event loop has turned, side 4 rejects, side 5 tells what has come through the worker's port.
 */
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import type { Body } from '../../bench/barrier.js';

export interface BarrierTestData {
  /** Word 0: workers inside side 1; words 1…: calls of sides 0 and 3, per worker. */
  readonly shared: SharedArrayBuffer;
  readonly workers: number;
}

const MEET_MILLISECONDS = 10_000;

export function createBodies(data: unknown, index: number, port?: MessagePort): readonly Body[] {
  const { shared, workers } = data as BarrierTestData;
  const words = new Int32Array(shared);
  const count = (): number => {
    Atomics.add(words, 1 + index, 1);
    return 1;
  };
  const meet = (): number => {
    const inside = Atomics.add(words, 0, 1) + 1;
    Atomics.notify(words, 0);
    for (let seen = inside; seen < workers; seen = Atomics.load(words, 0)) {
      if (Atomics.wait(words, 0, seen, MEET_MILLISECONDS) === 'timed-out') throw new Error(`only ${seen} of ${workers} workers ran`);
    }
    return 1;
  };
  const fail = (): number => {
    throw new Error(`planted in worker ${index}`);
  };
  const countLater = async (): Promise<number> => {
    await turn();
    return count();
  };
  const failLater = async (): Promise<number> => {
    await turn();
    return fail();
  };
  const receive = async (): Promise<number> => {
    const [message] = (await once(port!, 'message')) as [number];
    return message;
  };
  return [count, meet, fail, countLater, failLater, receive];
}
