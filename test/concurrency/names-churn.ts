/** What the workers of the name tests do. */
import { Ledger, payloadTypes, verify } from './payload.js';
import type { Task } from './workers/task.js';

export interface NamesData {
  readonly ledger: SharedArrayBuffer;
  readonly rounds: number;
}

const NAMES = [
  '',
  'a',
  'b',
  'Zürich',
  'zürich',
  '\ud800',
  'a long name, longer than a cache line and than the bytes of most variables '.repeat(4),
  '🜁',
];

/** A string comes into being with its first variable and goes with its last, so most of these operations create or drop a name. */
export function churnNames({ store, random, data }: Task<NamesData>): undefined {
  const ledger = new Ledger(data.ledger);
  const types = payloadTypes(ledger, () => random.linger(40));
  for (let round = 0; round < data.rounds; round++) {
    const name = random.pick(NAMES);
    const type = random.pick(types);
    const choice = random.below(10);
    if (choice < 4) verify(ledger, type.id, name, store.getOrAlloc(name, type));
    else if (choice < 6) store.free(name, type);
    else if (choice < 8) store.freeObject(name);
    else {
      const view = store.get(name, type);
      if (view !== undefined) verify(ledger, type.id, name, view);
    }
    if (random.oneIn(30)) store.safepoint();
  }
}
