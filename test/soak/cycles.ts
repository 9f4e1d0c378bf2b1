/**
 * Owns the cycle that has to leave nothing behind, however often it is run: enable a patch, replace it, begin to replace that one and turn
 * round, disable; under a load of several asynchronous tasks per worker. Every task has to run on one version; after every cycle no
 * patch-owned registration or variable may be left, and no heap may have grown.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Piscina } from 'piscina';

import { PatchCoordinator, ShadowError, ShadowStore } from '../../src/index.js';
import { Random } from '../concurrency/random.js';
import { heapInUse } from '../garbage.js';
import type { Seen } from './worker.js';

export interface SoakOptions {
  readonly cycles: number;
  readonly workers: number;
  /** Concurrent tasks per worker. */
  readonly tasks: number;
  readonly seed: number;
}

export interface SoakResult {
  readonly cycles: number;
  readonly tasks: number;
  /** What tasks saw that saw more than one version. */
  readonly mixed: readonly Seen[];
  /** What was left behind, with the cycle. */
  readonly leftovers: readonly string[];
  /** Transitions that were turned round in the middle. */
  readonly reversed: number;
  /** Variables of patch-owned types that were collected. */
  readonly collected: number;
  /** Used heap after collection in bytes, at ten moments evenly spread: of the coordinator's thread, and of all workers together. */
  readonly heap: readonly { readonly main: number; readonly workers: number; readonly resident: number }[];
}

const SAMPLES = 10;

/** A patch as a bundled script: all functions of `records`, and a variable of each of its types for every object that is opened. */
function script(name: string, types: readonly number[]): { code: string; filename: string } {
  const code = `
    const { attach, definePatch, defineShadowType } = require('umbra/worker');
    const types = ${JSON.stringify(types)}.map((id) => defineShadowType({ id, fields: { opened: 'u32' } }));
    const pause = () => new Promise((resolve) => setImmediate(resolve));
    module.exports = definePatch({
      name: ${JSON.stringify(name)},
      replace: true,
      shadowTypes: types,
      objects: [{
        name: 'records',
        functions: {
          open(id) {
            for (const type of types) attach().store.getOrAlloc(id, type).add('opened', 1);
            return ${JSON.stringify(name)};
          },
          async read(id) {
            await pause();
            return ${JSON.stringify(name)};
          },
          *list() {
            yield ${JSON.stringify(name)};
          },
        },
      }],
    });`;
  return { code, filename: `${name}.cjs` };
}

export async function soak({ cycles, workers, tasks, seed }: SoakOptions, onCycle?: (cycle: number) => void): Promise<SoakResult> {
  const store = ShadowStore.create({ maxBytes: 2 ** 26 });
  const coordinator = new PatchCoordinator(store);
  const filename = new URL('./worker.js', import.meta.url);
  const pool = coordinator.createPool<number, Seen>({
    filename,
    minThreads: workers,
    maxThreads: workers,
    concurrentTasksPerWorker: tasks,
    stricterFIFO: true,
  });
  const random = new Random(seed);
  const mixed: Seen[] = [];
  const leftovers: string[] = [];
  const heap: { main: number; workers: number; resident: number }[] = [];
  let [stop, ran, reversed, collected] = [false, 0, 0, 0];
  coordinator.on('collected', ({ variables }) => (collected += variables));
  coordinator.on('warning', (error) => leftovers.push(String(error)));
  let pause: Promise<void> | undefined;
  const load = Array.from({ length: workers * tasks }, async () => {
    while (!stop) {
      await pause;
      const seen = await pool.run(random.below(500));
      ran++;
      if (seen.answers.length !== 1 || seen.versions.length !== 1) mixed.push(seen);
    }
  });
  for (let cycle = 1; cycle <= cycles; cycle++) {
    await coordinator.enable(script('first', [1]));
    await coordinator.enable(script('second', [1, 2]));
    if (await turnRound(coordinator, random)) reversed++;
    await coordinator.disable('second');
    await settled(store);
    const owned = store.internals.registry.owners().length;
    const live = store.stats().types.reduce((sum, type) => sum + type.live, 0);
    if (owned !== 0 || live !== 0) leftovers.push(`cycle ${cycle}: ${owned} registrations, ${live} variables`);
    if (cycle % Math.max(1, Math.floor(cycles / SAMPLES)) === 0) {
      let resume = (): void => undefined;
      pause = new Promise((resolve) => (resume = resolve));
      heap.push(await weigh(pool, workers));
      pause = undefined;
      resume();
    }
    onCycle?.(cycle);
  }
  stop = true;
  await Promise.all(load);
  await coordinator.close();
  const { violations } = store.check();
  for (const violation of violations) leftovers.push(JSON.stringify(violation));
  return { cycles, tasks: ran, mixed, leftovers, reversed, collected, heap };
}

/** Begins to replace, and reverses when a random number of threads has switched. @returns whether it was still on its way */
async function turnRound(coordinator: PatchCoordinator, random: Random): Promise<boolean> {
  const after = random.below(4);
  let back: Promise<boolean> | undefined;
  const onTransition = ({ patch, phase, switched }: { patch: string; phase: string; switched: number }): void => {
    if (patch !== 'third' || (phase !== 'start' && phase !== 'progress') || switched < after || back !== undefined) return;
    back = coordinator.reverse().then(
      () => true,
      () => false,
    );
  };
  coordinator.on('transition', onTransition);
  try {
    await coordinator.enable(script('third', [2, 3]));
    await back;
    await coordinator.enable(script('second', [1, 2])); // it was too late: go back the long way
    return false;
  } catch (error) {
    if (!(error instanceof ShadowError && error.code === 'ERR_PATCH_REVERSED')) throw error;
    await back;
    return true;
  } finally {
    coordinator.off('transition', onTransition);
  }
}

/** Waits until what has died is swept. */
async function settled(store: ShadowStore): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    if (store.stats().types.every((type) => type.live === 0)) return;
    await sleep(1);
  }
}

/** With nothing under way: what a heap holds beside garbage and the messages of the moment. */
async function weigh(pool: Piscina<number, Seen>, workers: number) {
  while (pool.queueSize > 0) await sleep(1);
  await sleep(20); // the last tasks take a few turns of the event loop
  const samples: number[] = [];
  for (let sample = 0; sample < workers * 4; sample++) samples.push(await (pool as unknown as Weighing).run(0, { name: 'heap' }));
  return {
    main: await heapInUse(),
    workers: Math.round((samples.reduce((sum, used) => sum + used, 0) / samples.length) * workers),
    resident: process.memoryUsage.rss(),
  };
}

interface Weighing {
  run(input: number, options: { name: 'heap' }): Promise<number>;
}
