/** Garbage collection on demand, for tests of what is kept. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

export const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of this thread's heap that are in use after a collection; a second one takes what finalizers have let go. */
export async function heapInUse(): Promise<number> {
  collectGarbage();
  await nextTurn();
  collectGarbage();
  return getHeapStatistics().used_heap_size;
}
