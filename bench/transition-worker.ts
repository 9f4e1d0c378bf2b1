/**
 * Worker file of the suite `transition`: tasks of one millisecond, spent computing or waiting, on a patchable function that patches replace.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { attach, patchable, task } from '../src/worker.js';

attach();
const { step } = patchable('steps', { step: (x: number) => x + 1 });

export interface StepJob {
  readonly kind: 'compute' | 'wait';
  /** How long the task takes, ms of wall time. */
  readonly milliseconds: number;
}

/** Returns how long it took, ms. */
export default task(async ({ kind, milliseconds }: StepJob): Promise<number> => {
  const startedAt = performance.now();
  if (kind === 'wait') await sleep(milliseconds);
  let x = 0;
  do x = step(x);
  while (kind === 'compute' && performance.now() - startedAt < milliseconds);
  return performance.now() - startedAt;
});
