/**
 * Owns the list of operations in which threads are killed. Data; see operation.ts for what an operation is.
 */
import { allocations } from './operations-alloc.js';
import { collections } from './operations-collect.js';
import { growths } from './operations-grow.js';
import { memories } from './operations-memory.js';
import { migrations } from './operations-migrate.js';
import type { Operation } from './operation.js';
import { removals } from './operations-free.js';
import { recoveries } from './operations-recover.js';
import { snapshots } from './operations-snapshot.js';
import { visits } from './operations-visit.js';

export const OPERATIONS: readonly Operation[] = [
  ...allocations,
  ...visits,
  ...removals,
  ...growths,
  ...memories,
  ...migrations,
  ...collections,
  ...snapshots,
  ...recoveries,
];

const byName = new Map(OPERATIONS.map((operation) => [operation.name, operation]));

export function operationNamed(name: string): Operation {
  const operation = byName.get(name);
  if (operation === undefined) throw new Error(`no operation is called ${name}`);
  return operation;
}
