/** A worker file of a Piscina pool: tasks that change variables of the store, look which version they run, and may end their thread. Runs from a chaos build. */
import { attach, currentVersion, task } from '../../src/livepatch/attach.js';
import { patchable } from '../../src/livepatch/functions.js';
import { Ledger, tally } from './tally.js';

export interface Errand {
  /** Whose variable is changed. */
  readonly key: number;
  readonly ledger: SharedArrayBuffer;
  /** Which word of the ledger tells that the task is under way. */
  readonly number: number;
  /** How it ends; 'abort': by whoever gave the task. */
  readonly fate: 'return' | 'abort' | 'exit' | 'throw' | 'memory';
}

const { store } = attach();
const { touch } = patchable('sessions', { touch: () => 'original' });
const ROUNDS = 20;

const look = (): string => `${currentVersion()} ${touch()}`;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export default task(async ({ key, ledger, number, fate }: Errand): Promise<string> => {
  const words = new Int32Array(ledger);
  const before = look();
  for (let round = 0; round < ROUNDS || fate === 'abort'; round++) {
    Atomics.add(words, Ledger.BEGUN + key, 1);
    store.getOrAlloc(key, tally).add('n', 1);
    Atomics.add(words, Ledger.DONE + key, 1);
    Atomics.store(words, Ledger.UNDER_WAY + number, 1);
    if (round % 4 === 3) await nextTurn();
    if (round === ROUNDS / 2 && fate === 'exit') process.exit(3);
    if (round === ROUNDS / 2 && fate === 'throw') setImmediate(() => store.withLock(store.get(key, tally)!, uncaught));
    if (round === ROUNDS / 2 && fate === 'memory')
      for (const hoard: number[][] = []; ;) hoard.push(new Array<number>(100_000).fill(hoard.length));
  }
  if (fate === 'throw') await new Promise(() => undefined);
  const after = look();
  if (before !== after) throw new Error(`a task ran two versions: ${before}, then ${after}`);
  return touch();
});

function uncaught(): never {
  throw new Error('an error that nobody catches');
}
