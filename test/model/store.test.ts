import fc from 'fast-check';
import { test } from 'node:test';
import { seedOf, SOAK } from '../concurrency/random.js';
import { bulkCommands, tearDown } from './bulk-commands.js';
import { variableCommands } from './commands.js';
import { Model } from './model.js';
import { World } from './world.js';

// Every world would give the warning about its unregistered type.
process.removeAllListeners('warning');

const RUNS = 120;
const COMMANDS = 150;
/** The smallest store in which every parent can have every type at once, with little to spare. */
const TINY_BYTES = 20 * 2 ** 16;

function weighted<T>(weight: number, arbitraries: readonly fc.Arbitrary<T>[]): fc.WeightedArbitrary<T>[] {
  return arbitraries.map((arbitrary) => ({ weight, arbitrary }));
}

const commands = fc.commands(
  [fc.oneof(...weighted(6, variableCommands.slice(0, 2)), ...weighted(2, variableCommands.slice(2)), ...weighted(1, bulkCommands))],
  {
    maxCommands: COMMANDS,
    size: 'max',
  },
);

test('whatever is done to a store, it holds what plain Maps hold', (context) => {
  const seed = seedOf(context);
  fc.assert(
    fc.property(fc.constantFrom(TINY_BYTES, 2 ** 21), commands, (maxBytes, run) => {
      const world = new World(maxBytes);
      const model = new Model();
      try {
        fc.modelRun(() => ({ model, real: world }), run);
        tearDown(model, world);
      } finally {
        world.dispose();
      }
    }),
    { seed, numRuns: Math.ceil(RUNS * SOAK), includeErrorInReport: true },
  );
});
