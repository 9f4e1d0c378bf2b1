/** Recovery as an operation: of threads that died in the middle of another one. */
import { allocations } from './operations-alloc.js';
import { removals } from './operations-free.js';
import { growths } from './operations-grow.js';
import { memories } from './operations-memory.js';
import { migrations } from './operations-migrate.js';
import type { Operation } from './operation.js';
import { visits } from './operations-visit.js';

const ALL = [...allocations, ...visits, ...removals, ...growths, ...memories, ...migrations];

/** Operations and the steps at which threads died in them: one for each thing that a death may leave. */
const CORPSES: readonly (readonly [operation: string, step: string])[] = [
  ['alloc of a type with constructor', 'insert.published'],
  ['alloc on a string', 'name.published'],
  ['alloc of large variables', 'journal.committed'],
  ['update', 'update.write'],
  ['free with destructor', 'body.destructor'],
  ['free of the last variable of a string', 'unlink.unlinked'],
  ['freeObject of an object', 'unlink.owed'],
  ['growth with overflow lines', 'split.copied'],
  ['safepoint that frees what was retired', 'reclaim.unlinked'],
  ['alloc that turns pages over to another class', 'leaving.unlisted'],
  ['get that migrates', 'body.migrate'],
  ['dispose', 'orphan.locked'],
  ['check', 'intent.opened'],
];

export const recoveries: readonly Operation[] = CORPSES.map(([name, step]) => {
  const { arm: _arm, ...interrupted } = ALL.find((operation) => operation.name === name)!;
  return {
    ...interrupted,
    name: `recovery from a death in "${name}" at ${step}`,
    corpse: { operation: name, step },
    run: ({ store }) => {
      store.recover();
    },
  };
});
