import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';

import { ShadowError } from '../../src/errors.js';
import type { ShadowStore } from '../../src/shadow/store.js';
import { prepare } from './fixtures/prepared.js';
import { runFlips } from './fixtures/watchdog.js';
import { wordClasses } from './fixtures/word-classes.js';

/** Flips of these are reported whichever bit it is. */
const ALWAYS = [
  ...['MAGIC', 'VERSION', 'PAGES', 'MAX_THREADS', 'PAGE_TABLE', 'TYPES', 'THREADS', 'COUNTERS', 'BUCKETS', 'NAME_SEED'].map(
    (w) => `HEADER_${w}`,
  ),
  ...[
    'SPACE_LOCK',
    'GROW_LOCK',
    'TYPE_LOCK',
    'THREAD_LOCK',
    'NAME_LOCK',
    'CLASS_LOCK',
    'BUCKET_LOCK',
    'SPLIT_TARGET',
    'LINE_ORDINAL',
    'REPAIR_LOCK',
    'SETTLE_LOCK',
  ],
  ...['BUCKET_PAGE_LIMIT', 'PAGE_FLOOR', 'FREE_PAGE_HEAD', 'FREE_PAGE_COUNT', 'PAGE_CLASS', 'PAGE_NEXT', 'PATCH_TARGET'],
  ...['CLASS_HEAD', 'CLASS_COUNT', 'ORPHANS RETIRED_HEAD', 'ORPHANS RETIRED_TAIL', 'ORPHANS RETIRED_COUNT'],
  ...['TYPE_LIVE_BASE', 'TYPE_PREVIOUS', 'unused type slot', 'RETIRED_HEAD', 'RETIRED_TAIL', 'RETIRED_COUNT', 'RETIRED_OLDER_HEAD'],
  ...['THREAD_DESTROYING', 'CACHE_HEAD', 'CACHE_COUNT', 'CARVE_NEXT', 'BUCKET_NEXT', 'unused entry', 'BUCKET_KEYS', 'BUCKET_BLOCKS'],
  ...['BLOCK_OBJECT_LOW', 'BLOCK_IDENTITY', 'length of a name', 'text of a name'],
  ...['BLOCK_NEXT of free blocks', 'BLOCK_NEXT of retired blocks', 'BLOCK_IDENTITY of retired blocks'],
];

/** Any value of these may be right: data of the user's, statistics, names of threads, what only counts up. */
const NEVER = [
  ...['HEADER_STORE_ID', 'TYPE_EPOCH', 'BLOCKS_GIVEN', 'PATCH_EPOCH', 'PATCH_WAKE', 'WARNED_IDS', 'DEPARTED_COUNTERS', 'TYPE_DEAD_EPOCH'],
  ...[
    'THREAD_GENERATION',
    'RECOVERED_THREADS',
    'THREAD_FIRST_HANDLE',
    'THREAD_INTENT_COUNTER',
    'THREAD_UNDO_LOG',
    'THREAD_JOURNAL',
    'THREAD_INTENT_BUCKET',
    'THREAD_INTENT_BLOCK',
    'THREAD_AGENT',
  ],
  ...['THREAD_PATCH_EPOCH', 'THREAD_PATCH_LOADED', 'THREAD_TASK_SERIAL', 'THREAD_TASK_TABLE', 'BLOCK_DATA'],
  ...['THREAD_TASK_HISTOGRAM', 'THREAD_TASK_TIME'],
];

/** Locks that hold an OS thread id. */
const REPAIRERS = ['REPAIR_LOCK', 'SETTLE_LOCK'];

/** Bits that are flipped of each word: the lowest, some in the middle, and the sign. */
const BITS = [0, 1, 4, 12, 19, 30, 31];
const ADDRESSES_OF_EACH = 10;

test('each class of words: a flipped bit is reported, of some words only where it leads to something impossible', () => {
  const { store } = prepare();
  const { words } = store.internals;
  const image = words.slice();
  const missed: string[] = [];
  const seen = new Set<string>();
  for (const { name, addresses } of wordClasses(store)) {
    assert.ok(addresses.length > 0, `the prepared store has no ${name}`);
    seen.add(name);
    let reported = 0;
    for (const address of spread(addresses, ADDRESSES_OF_EACH)) {
      for (const bit of BITS) {
        if (REPAIRERS.includes(name) && existsSync(`/proc/self/task/${1 << bit}`)) continue; // it may well be that thread
        words[address] = words[address]! ^ (1 << bit);
        const { ok, violations } = checked(store, `${name} at ${address}, bit ${bit}`);
        if (!name.startsWith('THREAD_INTENT'))
          assert.equal(words[address], image[address]! ^ (1 << bit), 'check() writes nothing but its own intent');
        if (!ok) reported++;
        else if (ALWAYS.includes(name)) missed.push(`${name} at ${address}, bit ${bit}`);
        if (NEVER.includes(name)) assert.deepEqual(violations, [], name);
        words.set(image);
      }
    }
    if (!NEVER.includes(name)) assert.ok(reported > 0, `no flip of ${name} is ever reported`);
  }
  assert.deepEqual(missed, []);
  for (const name of [...ALWAYS, ...NEVER]) assert.ok(seen.has(name), name);
  assert.deepEqual(store.check().violations, []);
});

test('10,000 random flips: check() reports, and never hangs or throws', async (t) => {
  const { flips, reported, alone } = await runFlips(t, { flips: 10_000, mode: 'check' });
  if (!alone) assert.ok(reported > flips / 4, `${reported} of ${flips} reported`);
});

test('random flips under all operations: they may fail, but never hang, and never with anything but a ShadowError', async (t) => {
  const { codes, alone } = await runFlips(t, { flips: Number(process.env['UMBRA_FLIPS'] ?? 600), mode: 'operate' });
  if (!alone) assert.ok((codes['ERR_SHADOW_INVARIANT'] ?? 0) > 0, 'some damage is met');
});

/** Some of many, evenly. */
function spread(addresses: readonly number[], most: number): number[] {
  const step = Math.max(1, addresses.length / most);
  return Array.from({ length: Math.min(most, addresses.length) }, (_, i) => addresses[Math.floor(i * step)]!);
}

function checked(store: ShadowStore, damage: string): ReturnType<ShadowStore['check']> {
  try {
    const result = store.check();
    for (const { rule, what, address } of result.violations) {
      assert.match(rule, /^[a-z]+$/);
      assert.ok(what.length > 10);
      assert.ok(Number.isInteger(address));
    }
    assert.equal(result.ok, result.violations.length === 0);
    return result;
  } catch (error) {
    if (error instanceof ShadowError) throw new Error(`check() refused after ${damage}`, { cause: error });
    throw error;
  }
}
