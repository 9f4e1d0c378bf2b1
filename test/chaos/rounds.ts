/**
 * Owns the kinds of rounds: what goes on in a store while its threads are killed.
 */
import { setImmediate as turn } from 'node:timers/promises';

import type { Round, RoundKind } from './round.js';
import { ballast, passing, SUBJECT_TYPES, VERSIONED } from './subjects.js';

/** A store so small that it is exhausted again and again. */
const TIGHT_BYTES = 2 ** 20 + 2 ** 19;
const OWNER = 'chaos';

const steady: RoundKind = { name: 'steady' };

const growth: RoundKind = { name: 'growth', maxBytes: 2 ** 26, cue: { ballast: 50 } };

const exhaustion: RoundKind = {
  name: 'exhaustion',
  maxBytes: TIGHT_BYTES,
  cue: { ballast: 40 },
  between: (round) => {
    if (round.windows % 4 !== 0) return;
    round.store.freeAll(ballast);
    round.census.unloaded();
    round.store.safepoint();
  },
};

/** Registers the type, and collects it while threads die. */
const collection: RoundKind = {
  name: 'collection',
  cue: { passing: 30 },
  between: ({ store }) => {
    store.internals.registry.register(OWNER, 'base', [passing]);
  },
  during: async ({ store, random }) => {
    for (let turns = random.below(20); turns > 0; turns--) await turn();
    for (const sweep of store.internals.registry.unregister(OWNER, 'base')) while (!sweep.step(1 + random.below(300))) await turn();
  },
  judge: (round) => round.census.collected(),
};

/** Puts the next version of a type in force every few windows; half of the times it is swept, too. */
const migration: RoundKind = {
  name: 'migration',
  between: (round) => {
    const next = round.versions[VERSIONED]! + 1;
    const type = SUBJECT_TYPES[VERSIONED]![next];
    if (round.windows % 8 !== 0 || type === undefined) return;
    round.migration = round.store.internals.registry.changeVersion(type);
    round.versions[VERSIONED] = next;
  },
  during: async (round: Round) => {
    if (round.random.oneIn(2)) return;
    while (round.migration?.step(1 + round.random.below(300)) === false) await turn();
  },
};

export const ROUND_KINDS: readonly RoundKind[] = [steady, growth, collection, migration, exhaustion];

/** The round of pool-round.ts, which is of another make. */
export const POOL = 'pool';

export const ROUND_NAMES: readonly string[] = [...ROUND_KINDS.map(({ name }) => name), POOL];
