import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { findBypasses } from './explorer/bypass.js';
import { FAULTS } from '../chaos/faults.js';
import { catchMutation } from './explorer/catch.js';
import { Builds, explore, type Form } from './explorer/explore.js';
import { outdatedRaces } from './explorer/intended-races.js';
import { layoutWith } from './explorer/layout.js';
import { MUTATIONS } from './explorer/mutations.js';
import { SCENARIOS } from './explorer/scenarios.js';
import { compiled } from './explorer/sources.js';
import { applyChange } from './explorer/text-change.js';

const SEED = 20_261;
/** Executions of one scenario in one form with one mortal thread; the long run is `npm run explore`. */
const EXHAUSTIVE = 100;
const RANDOM = 20;
/** Faults that are planted here: one of each kind, the rest by `npm run mutations`. */
const PLANTED = [
  'an allocation does not look a second time under the lock',
  'blocks are reused without a grace period',
  'a sweep does not wait for an allocation that is under way',
  'recovery forgets the journal',
  'a thread switches although tasks are in flight',
];
/** Ways past the scheduler. */
const PLANTED_BYPASSES = `
export function planted({ words }: Memory): unknown[] {
  const view = words;
  const [second] = words;
  return [view[0], view.indexOf(1), second, ...words, structuredClone(words)];
}
`;

void describe(`explored interleavings of the real code (seed ${SEED})`, () => {
  const builds = new Builds();

  test('no plain access is declared to race that the code does not have', () => {
    assert.deepEqual(outdatedRaces(builds.for('portable', true).sites), []);
  });

  test('no access to shared memory in the modules that are explored goes past the scheduler; one that is planted is found', () => {
    const paths = builds.for('strong', true).explored.map((path) => path.replace(/js$/, 'ts'));
    const grace = readFileSync(new URL('../../../src/memory/grace.ts', import.meta.url), 'utf8');
    const { found, outdated } = findBypasses(paths, new Map([['memory/grace.ts', grace + PLANTED_BYPASSES]]));
    assert.deepEqual(found, [
      'memory/grace.ts: taken apart: [second] = words',
      'memory/grace.ts: an element under another name: view[0]',
      'memory/grace.ts: a method that is no step: view.indexOf',
      'memory/grace.ts: iterated: ...words',
      'memory/grace.ts: handed to what is not explored: structuredClone(words)',
    ]);
    assert.deepEqual(outdated, []);
  });

  test('each fault that can be planted has its place in the code', () => {
    const layout = layoutWith({});
    const lost: string[] = [];
    for (const { name, changes } of [...MUTATIONS, ...FAULTS]) {
      const texts = new Map<string, string>();
      for (const change of changes) {
        try {
          texts.set(change.module, applyChange(texts.get(change.module) ?? compiled(change.module), change, layout));
        } catch (error) {
          lost.push(`${name}: ${String(error)}`);
        }
      }
    }
    assert.deepEqual(lost, []);
  });

  for (const scenario of SCENARIOS) {
    test(`${scenario.name}: ${scenario.about}`, async (context) => {
      const mortals = [-1, ...(scenario.mortals ?? scenario.threads.map((_, id) => id))];
      let [count, whole] = [0, 0];
      const forms: readonly Form[] = scenario.withPatches === true ? ['strong', 'portable'] : ['strong', 'weak'];
      for (const form of forms) {
        for (const mortal of mortals) {
          for (const [bound, executions] of [
            [1, EXHAUSTIVE],
            [undefined, RANDOM],
          ] as const) {
            const plan = { form, mortal, seed: SEED, executions, ...(bound === undefined ? {} : { bound }) };
            const explored = await explore(scenario, builds, plan);
            assert.equal(explored.fault, null, `npm run explore -- --replay ${explored.schedule}`);
            count += explored.count;
            whole += explored.count - explored.pruned;
          }
        }
      }
      context.diagnostic(`${count} executions, ${whole} of them to the end`);
    });
  }

  for (const name of PLANTED) {
    test(`a planted fault is found: ${name}`, async () => {
      const mutation = MUTATIONS.find((one) => one.name === name);
      assert.ok(mutation !== undefined);
      const { by } = await catchMutation(mutation, SCENARIOS, SEED);
      assert.notEqual(by, null);
    });
  }
});
