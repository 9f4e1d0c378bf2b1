/**
 * Suite `observe`: what it costs to watch a store at work. What it costs not to is in the suites transition (a task) and write (withLock), whose code asks whether anybody does.
 *
 * How a figure is made: the same loop with somebody watching and with nobody, in one process, one right after the other in each round.
 * - task: tasks that end at once, while a TaskMeter is open, and while none is.
 * - free lock: withLock() on a variable that nobody else wants, while somebody subscribes to waits for locks, and while nobody does. A thread that gets its lock asks nobody.
 */
import { observe } from '../../src/observe/channels.js';
import { TaskMeter } from '../../src/observe/task-meter.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { attach, defineShadowType, task } from '../../src/worker.js';
import { CHUNK } from '../contest.js';
import { createFigure, type CaseSpec, type Figure } from '../figures.js';
import type { Plan } from '../plan.js';

export function getObserveCases({ settings }: Plan): CaseSpec[] {
  return ['task', 'free lock'].map((name) => ({ suite: 'observe', name, keys: 'dense', variables: 1, settings }));
}

export async function runObserveCase(spec: CaseSpec): Promise<Figure[]> {
  const type = defineShadowType({ id: 1, fields: { count: 'u32' } });
  const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [type] });
  const coordinator = new PatchCoordinator(store);
  attach();
  const handler = task((x: number) => x + 1);
  const view = store.alloc(1, type);
  const isTask = spec.name === 'task';
  const chunk = async (): Promise<void> => {
    if (isTask) for (let x = 0; x < CHUNK;) x = await handler(x);
    else for (let i = 0; i < CHUNK; i++) store.withLock(view, (locked) => (locked.count = i));
  };
  const watch = isTask ? () => openMeter(store) : () => observe('lock-wait', () => undefined);
  const [watched, alone]: [number[], number[]] = [[], []];
  const { rounds, warmupRounds, milliseconds } = spec.settings;
  for (let round = -warmupRounds; round < rounds; round++) {
    for (const isWatched of round % 2 === 0 ? [true, false] : [false, true]) {
      const end = isWatched ? watch() : undefined;
      const time = await timed(chunk, milliseconds);
      end?.();
      if (round >= 0) (isWatched ? watched : alone).push(time);
    }
  }
  await coordinator.close();
  return [createFigure(spec, 'ns/op', { label: 'watched', rounds: watched }, { label: 'not watched', rounds: alone }, null)];
}

function openMeter(store: ShadowStore): () => void {
  const meter = new TaskMeter(store);
  return () => {
    meter[Symbol.dispose]();
  };
}

/** Nanoseconds per operation. */
async function timed(chunk: () => Promise<void>, milliseconds: number): Promise<number> {
  const startedAt = performance.now();
  let chunks = 0;
  do {
    await chunk();
    chunks++;
  } while (performance.now() - startedAt < milliseconds);
  return ((performance.now() - startedAt) * 1e6) / (chunks * CHUNK);
}
