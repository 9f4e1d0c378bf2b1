/**
 * Owns the edge rules of the shadow API: each case of the catalogue is checked against what Umbra promises for it, which is stricter than
 * the sources where those were found wanting (semantics, section 5). Imports the public face and the stage.
 */
import assert from 'node:assert/strict';

import { definePatch, defineShadowType, type ErrorCode, ShadowError, ShadowStore, type ShadowType } from '../../src/index.js';
import { UnknownForm } from './fixture-table.js';
import { type ShadowAnswer, type ShadowSeen, sequenceType } from './fixtures/shadow-calls.js';
import { attempt, type ReplayOptions, type Result } from './replay.js';
import type { ShadowApi } from './shadow-steps.js';
import { Stage } from './stage.js';

const ID = 0x1234;
const OTHER = 0x1235;
const NO_FIXTURES = { modules: {}, patches: {}, objects: [] };
const RACES = 50;

interface Bench {
  readonly store: ShadowStore;
  /** Id registered by the application, with what its constructor and destructor saw. */
  readonly type: ReturnType<typeof sequenceType>;
  readonly seen: ShadowSeen[];
  readonly stage: Stage;
}

interface Rule {
  /** What the catalogue's case is recognised by. */
  readonly pattern: RegExp;
  readonly check: (bench: Bench) => Promise<void> | void;
}

function throws(code: ErrorCode, operation: () => unknown): void {
  assert.throws(operation, (error) => error instanceof ShadowError && error.code === code, `${code} was expected`);
}

async function rejects(code: ErrorCode, operation: Promise<unknown>): Promise<void> {
  await assert.rejects(operation, (error) => error instanceof ShadowError && error.code === code, `${code} was expected`);
}

function patch(plan: object, { replay }: Stage): URL {
  const whole = { replace: false, states: [], takesOver: false, prePatchResult: 0, ...plan };
  const query = new URLSearchParams({ replay: String(replay), plan: JSON.stringify(whole) });
  return new URL(`./fixtures/patch.js?${query.toString()}`, import.meta.url);
}

function declaring(name: string, stage: Stage): URL {
  return patch({ name, objects: [{ name: 'base', functions: [], callbacks: [], types: [OTHER] }] }, stage);
}

/** Where two patterns fit, the first counts. */
const RULES: readonly Rule[] = [
  {
    pattern: /(alloc|get).*unregistered type|unregistered type.*(alloc|get)/i,
    check({ store }) {
      const stranger = sequenceType(OTHER, {});
      assert.equal(store.get('o0', stranger), undefined);
      throws('ERR_SHADOW_UNREGISTERED', () => store.alloc('o0', stranger, 'c0'));
      throws('ERR_SHADOW_UNREGISTERED', () => store.getOrAlloc('o0', stranger, 'c0'));
      assert.equal(store.get('o0', stranger), undefined);
    },
  },
  {
    pattern: /^free.*unregistered type/i,
    check({ store, seen }) {
      const stranger = sequenceType(OTHER, {}, seen);
      assert.equal(store.free('o0', stranger), false);
      assert.equal(store.freeAll(stranger), 0);
      assert.equal(seen.length, 0);
    },
  },
  {
    pattern: /^alloc when .* exists/i,
    check({ store, type, seen }) {
      store.alloc('o0', type, 'c0');
      throws('ERR_SHADOW_EXISTS', () => store.alloc('o0', type, 'c1'));
      assert.deepEqual(
        seen.map(({ kind, content }) => [kind, content]),
        [['ctor', 'c0']],
      );
      assert.equal(store.get('o0', type)?.stamp, seen[0]?.stamp);
    },
  },
  {
    pattern: /^get_or_alloc when it exists/i,
    check({ store, type, seen }) {
      store.alloc('o0', type, 'c0').stamp = 77;
      assert.equal(store.getOrAlloc('o0', type, 'c1').stamp, 77);
      assert.equal(store.getOrAlloc('o0', sequenceType(ID, { ctor: false })).stamp, 77);
      assert.equal(seen.length, 1);
    },
  },
  {
    pattern: /size differs/i,
    check({ store, type }) {
      store.alloc('o0', type, 'c0').stamp = 77;
      const wide = sequenceTypeOfSize(16);
      throws('ERR_SHADOW_SIZE_MISMATCH', () => store.get('o0', wide));
      throws('ERR_SHADOW_SIZE_MISMATCH', () => store.getOrAlloc('o0', wide));
      throws('ERR_SHADOW_SIZE_MISMATCH', () => store.alloc('o1', wide));
      assert.equal(store.get('o0', type)?.stamp, 77);
    },
  },
  {
    pattern: /constructor returns non-zero/i,
    check({ store, type, seen }) {
      assert.throws(() => store.alloc('o0', type), /EINVAL/);
      assert.equal(store.get('o0', type), undefined);
      assert.equal(seen.length, 0);
      assert.equal(store.getOrAlloc('o0', type, 'c0').stamp, seen[0]?.stamp);
    },
  },
  {
    pattern: /memory allocation fails/i,
    check() {
      const seen: ShadowSeen[] = [];
      const type = sequenceType(ID, {}, seen);
      using store = ShadowStore.create({ maxBytes: 2 ** 21, types: [type] });
      let made = 0;
      throws('ERR_SHADOW_EXHAUSTED', () => {
        for (; made < 2 ** 20; made++) store.alloc(made, type, 'c0');
      });
      assert.equal(seen.length, made);
      assert.equal(store.get(made, type), undefined);
      assert.ok(store.check().ok);
    },
  },
  {
    pattern: /free of a missing/i,
    check({ store, type, seen }) {
      store.alloc('o1', type, 'c1');
      assert.equal(store.free('o0', type), false);
      assert.equal(seen.length, 1);
    },
  },
  {
    pattern: /free_all of an id without/i,
    check({ store, type, seen }) {
      assert.equal(store.freeAll(type), 0);
      assert.equal(seen.length, 0);
    },
  },
  {
    pattern: /get after free/i,
    check({ store }) {
      const inside: unknown[] = [];
      const type = sequenceType(ID, {}, { push: () => inside.push(store.get('o0', type)) });
      store.alloc('o0', type, 'c0');
      inside.length = 0;
      assert.equal(store.free('o0', type), true);
      assert.deepEqual(inside, [undefined]);
      assert.equal(store.get('o0', type), undefined);
    },
  },
  {
    pattern: /several ids on one obj/i,
    async check({ store, type, stage }) {
      await stage.coordinator.enable(declaring('first', stage));
      const other = sequenceTypeOfSize(4, OTHER);
      store.alloc('o0', type, 'c0');
      store.alloc('o0', other);
      assert.equal(store.free('o0', other), true);
      assert.equal(store.has('o0', type), true);
    },
  },
  {
    pattern: /obj is null/i,
    check({ store, type }) {
      store.alloc(null, type, 'c0').stamp = 77;
      throws('ERR_SHADOW_EXISTS', () => store.alloc(null, type, 'c1'));
      assert.equal(store.get(null, type)?.stamp, 77);
      assert.equal(store.get('o0', type), undefined);
      assert.equal(store.free(null, type), true);
    },
  },
  {
    pattern: /racing get_or_alloc/i,
    async check({ stage: { crew } }) {
      const stamps = new Int32Array(new SharedArrayBuffer(4));
      for (let race = 0; race < RACES; race++) {
        const call = { operation: 'get_or_alloc', obj: `r${race}`, id: ID, ctor: true, dtor: true, data: 'c0', stamps } as const;
        const answers = (await crew.everywhere({ kind: 'shadow', call })) as ShadowAnswer[];
        assert.equal(answers.flatMap(({ seen }) => seen).length, 1);
        assert.equal(new Set(answers.map(({ variable }) => variable?.stamp)).size, 1);
      }
    },
  },
  {
    pattern: /unregister when other users remain/i,
    async check({ store, stage }) {
      const other = sequenceTypeOfSize(4, OTHER);
      await stage.coordinator.enable(declaring('first', stage));
      await stage.coordinator.enable(declaring('second', stage));
      store.alloc('o0', other);
      await stage.coordinator.disable('first');
      assert.equal(store.has('o0', other), true);
    },
  },
  {
    pattern: /unregister the last user/i,
    async check({ store, stage }) {
      const other = sequenceTypeOfSize(4, OTHER);
      await stage.coordinator.enable(declaring('first', stage));
      await stage.coordinator.enable(declaring('last', stage));
      for (const obj of ['o0', 'o1', null]) store.alloc(obj, other);
      await stage.coordinator.disable('first');
      await stage.coordinator.disable('last');
      assert.equal(store.get('o0', other), undefined);
      await stage.waitUntil(() => stage.recorder.swept);
      assert.deepEqual([...stage.ledger.destroyed], [[`${OTHER} last`, 3]]);
      assert.equal(
        store.stats().types.find(({ id }) => id === OTHER),
        undefined,
      );
    },
  },
  {
    pattern: /unregister a type that is not registered/i,
    async check({ store, type, stage }) {
      store.alloc('o0', type, 'c0');
      await rejects('ERR_PATCH_NOT_ENABLED', stage.coordinator.disable('first'));
      await stage.coordinator.enable(declaring('first', stage));
      await stage.coordinator.disable('first');
      await rejects('ERR_PATCH_NOT_ENABLED', stage.coordinator.disable('first'));
      assert.equal(store.has('o0', type), true);
    },
  },
  {
    pattern: /register an already registered/i,
    check({ type }) {
      throws('ERR_SHADOW_DUPLICATE_ID', () => definePatch({ name: 'twice', shadowTypes: [type, type] }));
      throws('ERR_SHADOW_DUPLICATE_ID', () => ShadowStore.create({ maxBytes: 2 ** 22, types: [type, type] }));
    },
  },
];

/** A type of the same id whose constructor wants nothing. */
function sequenceTypeOfSize(size: number, id = ID) {
  return defineShadowType({ id, size });
}

/** One run for each case of the catalogue. */
export function ruleRuns({
  edge_rules_from_source: cases = [],
}: ShadowApi): { id: string; run: (options: ReplayOptions) => Promise<Result> }[] {
  return cases.map((entry, index) => {
    const id = `shadowApi/rule-${index + 1}`;
    const title = entry.case;
    return { id, run: (options: ReplayOptions) => runRule(id, title, options) };
  });
}

async function runRule(id: string, title: string, options: ReplayOptions): Promise<Result> {
  const seen: ShadowSeen[] = [];
  const type = sequenceType(ID, {}, seen);
  return attempt(
    { id, title, events: [] },
    options,
    () => Stage.open(NO_FIXTURES, options.workers, [], [type as unknown as ShadowType]),
    async (stage) => {
      const rule = RULES.find(({ pattern }) => pattern.test(title));
      if (rule === undefined) throw new UnknownForm(`no rule is known for the case ${JSON.stringify(title)}`);
      await rule.check({ store: stage.store, type, seen, stage });
      stage.ledger.log.length = 0;
    },
  );
}
