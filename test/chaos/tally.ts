/** What the tasks of a pool count in the store, and the shared words by which the count is judged. */
import { defineShadowType } from '../../src/shadow/type.js';

export const tally = defineShadowType({ id: 901, fields: { n: 'u32' } });

export const KEYS_OF_TALLY = 16;
/** Tasks at once. */
export const MOST_ERRANDS = 8;

export const enum Ledger {
  BEGUN = 0, // changes of each key that were begun
  DONE = 16, // those that were acknowledged
  UNDER_WAY = 32, // 1 for each task that has begun
  WORDS = 40,
}
