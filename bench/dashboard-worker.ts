/**
 * Worker file of the suite `dashboard`: tasks that do a fixed amount of work on the store, so that whatever takes time from them shows.
 */
import { attach, task } from '../src/worker.js';
import { hits } from './dashboard-type.js';

const { store } = attach();
const cursor = store.cursor(hits);

export interface HitsJob {
  readonly variables: number;
  readonly operations: number;
  /** Where among the variables it begins. */
  readonly first: number;
}

export default task(({ variables, operations, first }: HitsJob): void => {
  for (let i = 0; i < operations; i++) {
    const obj = (first + i * 31) % variables;
    if (i % 16 === 0) {
      store.free(obj, hits);
      store.getOrAlloc(obj, hits);
    } else if (cursor.find(obj)) cursor.add('count', 1);
  }
});
