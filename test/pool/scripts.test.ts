import assert from 'node:assert/strict';
import { test } from 'node:test';

import { heapInUse } from '../garbage.js';
import { coordinate } from '../livepatch/fixtures/setup.js';
import type { StuckJob } from './fixtures/stuck.js';

/** Before: the allocators of all threads take their arenas, and the young generations grow to their size. */
const WARM_UP = 200;
const CYCLES = 200;

/** A patch of realistic size, different in each cycle: 64 KiB of functions that are compiled, and a shadow type. */
function script(cycle: number): { code: string; filename: string } {
  const filler = Array.from(
    { length: 400 },
    (_, i) => `function helper${i}(x) { return x + ${i} * ${cycle} + '${'helper '.repeat(12)}'.length; }`,
  );
  const code = `
    const { definePatch, defineShadowType } = require('umbra/worker');
    ${filler.join('\n')}
    const table = new Array(4096).fill(${cycle}.5);
    module.exports = definePatch({
      name: 'script',
      shadowTypes: [defineShadowType({ id: 5, fields: { cycle: 'u32' } })],
      objects: [{ name: 'sessions', functions: { touch: () => 'script ' + (helper1(table[7]) > 0) } }],
    });`;
  return { code, filename: `script-${cycle}.cjs` };
}

test('patches as bundled scripts come and go without leaving memory behind, on the coordinator and in the workers', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = coordinator.createPool<StuckJob, { answer: string }>({
    filename: new URL('./fixtures/stuck.js', import.meta.url),
    minThreads: 2,
    maxThreads: 2,
  });
  const weigh = async (): Promise<{ main: number; worker: number; resident: number }> => {
    await pool.run({});
    await pool.run({});
    const heaps: number[] = [];
    for (let i = 0; i < 6; i++)
      heaps.push(
        await (pool as unknown as { run: (input: object, options: { name: string }) => Promise<number> }).run({}, { name: 'heap' }),
      );
    return { main: await heapInUse(), worker: Math.max(...heaps), resident: process.memoryUsage.rss() };
  };
  const weights: { main: number; worker: number; resident: number }[] = [];
  for (let cycle = 1; cycle <= WARM_UP + CYCLES; cycle++) {
    await coordinator.enable(script(cycle));
    if (cycle % 20 === 1) assert.equal((await pool.run({})).answer, 'script true');
    await coordinator.disable('script');
    // Garbage is collected all the time, so that what grows is not the room that the engine gives to it.
    if (cycle % 10 === 0) await weigh();
    if (cycle === WARM_UP || cycle === WARM_UP + CYCLES) weights.push(await weigh());
  }
  t.diagnostic(JSON.stringify(weights));
  const [before, after] = weights as [(typeof weights)[0], (typeof weights)[0]];
  // What one enabling holds is about 180 KiB in each of three threads: left behind, it would be more than 100 MiB here.
  assert.ok(after.main - before.main < 2 ** 20, 'the heap of the coordinator grew');
  assert.ok(after.worker - before.worker < 2 ** 20, 'the heap of a worker grew');
  assert.ok(after.resident - before.resident < 3 * 2 ** 24, 'resident memory grew');
});
