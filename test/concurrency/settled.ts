/** What holds of every store once all other threads have left it. */
import assert from 'node:assert/strict';
import { Layout } from '../../src/memory/layout.js';
import type { CheckResult } from '../../src/recovery/check.js';
import type { ShadowStore } from '../../src/shadow/store.js';

/** Proves the invariants, and that exactly so many variables are left and nothing else. */
export function settled(store: ShadowStore, live: number): CheckResult {
  store.safepoint();
  const check = store.check();
  assert.deepEqual(check.violations, []);
  assert.equal(check.found.variables, live);
  assert.equal(check.found.destroying, 0, 'no destructor is owed');
  const stats = store.stats();
  assert.equal(stats.live, live);
  assert.equal(stats.allocated - stats.freed, live);
  const { words, slotAddress } = store.internals;
  const entries = stats.growth.entries + words[slotAddress + Layout.THREAD_ENTRY_DELTA]!;
  if (stats.threads.length === 1) assert.equal(entries, live + check.found.names, 'the count of entries is exact');
  if (live === 0) assert.equal(check.found.names, 0, 'no name outlives its variables');
  return check;
}
