/** The rules of the verdict, one by one: what each of them passes, and what it does not. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { books, keepBooks, session } from '../../src/demo/application.js';
import type { Level, PhaseLevels } from '../../src/demo/course.js';
import type { Report } from '../../src/demo/tally.js';
import { judge, type Judged, type Story } from '../../src/demo/verdict.js';
import { defineShadowType, ShadowStore } from '../../src/index.js';

const PATCH_TYPE = defineShadowType({ id: 0x10, fields: { at: 'f64' } });

let store: ShadowStore;
beforeEach(() => {
  store = ShadowStore.create({ maxBytes: 2 ** 22, types: [session, books, PATCH_TYPE] });
  keepBooks(store);
  store.getOrAlloc('ada', session).hits = 6;
  store.getOrAlloc('bob', session).hits = 3;
  store.free('bob', session); // its destructor writes the books
});
afterEach(() => store[Symbol.dispose]());

const level = (sessions: number): Level => ({ sessions, bytes: sessions * 2064, pageBytes: 2 ** 20 });
const phase = (name: PhaseLevels['name'], begin: number, end: number): PhaseLevels => ({ name, begin: level(begin), end: level(end) });

const COURSE: readonly PhaseLevels[] = [
  phase('unpatched', 0, 900),
  phase('patch 1', 900, 300),
  phase('patch 2', 300, 310),
  phase('downgrade', 310, 290),
  phase('disabled', 290, 800),
];

/** A run in order, but for what is given. */
function rulesBroken(given: { report?: Partial<Report>; story?: Partial<Story>; service?: Partial<Judged> } = {}): string[] {
  const report: Report = {
    phases: [],
    sent: 12,
    served: 9,
    refused: 3,
    failed: 0,
    opened: 2,
    versions: [
      { version: 0, code: 'service', answers: 5 },
      { version: 1, code: 'expire-sessions', answers: 7 },
    ],
    mixed: 0,
    wronglyRefused: 0,
    heldBack: 0,
    faults: [],
    ...given.report,
  };
  const story: Story = {
    phases: COURSE,
    versions: [
      { version: 0, code: 'service' },
      { version: 1, code: 'expire-sessions' },
    ],
    collected: [{ id: 0x11, patch: 'expire-sessions', state: null, variables: 4, milliseconds: 1 }],
    patchTypes: new Set([0x11]),
    error: undefined,
    interrupted: false,
    byOthers: 0,
    seen: { refused: 3, ended: 600, rate: 1000 },
    ...given.story,
  };
  const checks = judge({ store, answered: 12, connections: 4, ...given.service }, story, report);
  return checks.filter(({ ok }) => !ok).map(({ rule }) => rule);
}

test('a run in order passes', () => {
  assert.deepEqual(rulesBroken(), []);
});

test('every request is answered, and service and clients agree on how many were', () => {
  assert.deepEqual(rulesBroken({ report: { failed: 1, sent: 13 } }), ['answered']);
  assert.deepEqual(rulesBroken({ report: { sent: 13 } }), ['answered']);
  assert.deepEqual(rulesBroken({ service: { answered: 13 } }), ['answered']);
});

test('a request runs one version, and the code it saw is that of its version', () => {
  assert.deepEqual(rulesBroken({ report: { mixed: 1 } }), ['one-version']);
  assert.deepEqual(rulesBroken({ report: { versions: [{ version: 1, code: 'service', answers: 12 }] } }), ['one-version']);
  assert.deepEqual(rulesBroken({ report: { versions: [{ version: 7, code: 'expire-sessions', answers: 12 }] } }), ['one-version']);
});

test('only those that hammer are refused, and somebody is', () => {
  assert.deepEqual(rulesBroken({ report: { wronglyRefused: 1 } }), ['refused']);
  assert.deepEqual(rulesBroken({ story: { seen: { refused: 0, ended: 600, rate: 1000 } } }), ['refused']);
});

test('sessions have counted every served request once, those that ended included', () => {
  store.get('ada', session)!.hits = 5;
  assert.deepEqual(rulesBroken(), ['sessions']);
  store.get('ada', session)!.hits = 6;
  assert.deepEqual(rulesBroken({ report: { opened: 3 } }), ['sessions']);
});

test('sessions climb without a patch, fall with it, and keep their level', () => {
  const replaced = (one: PhaseLevels): PhaseLevels[] => COURSE.map((each) => (each.name === one.name ? one : each));
  assert.deepEqual(rulesBroken({ story: { phases: replaced(phase('unpatched', 0, 10)) } }), ['memory']);
  assert.deepEqual(rulesBroken({ story: { phases: replaced(phase('patch 1', 900, 901)) } }), ['memory']);
  assert.deepEqual(rulesBroken({ story: { phases: replaced(phase('downgrade', 310, 900)) } }), ['memory']);
});

test('nothing of the patches is left, and something was collected', () => {
  assert.deepEqual(rulesBroken({ story: { patchTypes: new Set([0x10]) } }), ['collected'], 'its registration is still there');
  assert.deepEqual(rulesBroken({ story: { collected: [] } }), ['collected']);
});

test('what was to be shown is not asked of a run that ended early or that somebody else has steered', () => {
  const nothing = { phases: [phase('unpatched', 0, 10)], collected: [], seen: { refused: 0, ended: 0, rate: 1000 } };
  assert.deepEqual(rulesBroken({ story: nothing }), ['refused', 'memory', 'collected']);
  assert.deepEqual(rulesBroken({ story: { ...nothing, interrupted: true } }), []);
  assert.deepEqual(rulesBroken({ story: { ...nothing, byOthers: 1 } }), []);
  assert.deepEqual(rulesBroken({ story: { ...nothing, interrupted: true }, report: { failed: 1, sent: 13 } }), ['answered']);
});
