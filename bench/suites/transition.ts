/**
 * Suite `transition`: what live patching costs while nothing is patched anew, and how long it takes to patch a pool that is at work.
 *
 * How a figure is made.
 * - patched call: a patchable function, patched, against the same function called directly, both through a field that nobody changes;
 *   in one process, thread and round, and neither inlined into the loop more than the other allows.
 * - task entry + exit: `await task(handler)()` against `await handler()` of an async function that does the same nothing.
 * - pools at work and asleep: see transition-pools.ts.
 */
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { attach, patchable, task } from '../../src/worker.js';
import { CHUNK, runContest } from '../contest.js';
import { createFigure, type CaseSpec, type Figure } from '../figures.js';
import type { Plan } from '../plan.js';
import { getPoolCases, runPoolCase } from './transition-pools.js';

const PATCH = `const { definePatch } = require('umbra/worker');
module.exports = definePatch({ name: 'faster', objects: [{ name: 'steps', functions: { step: (x) => x + 1 } }] });`;

export function getTransitionCases(plan: Plan): CaseSpec[] {
  const base = { suite: 'transition', keys: 'dense', variables: plan.transitions, settings: plan.settings } as const;
  return [{ ...base, name: 'patched call' }, { ...base, name: 'task entry + exit' }, ...getPoolCases(plan)];
}

export function runTransitionCase(spec: CaseSpec): Promise<Figure[]> {
  if (spec.name === 'patched call') return runPatchedCall(spec);
  if (spec.name === 'task entry + exit') return runTaskEntry(spec);
  return runPoolCase(spec);
}

async function runPatchedCall(spec: CaseSpec): Promise<Figure[]> {
  const coordinator = new PatchCoordinator(ShadowStore.create({ maxBytes: 2 ** 24 }));
  attach();
  const patched = patchable('steps', { step: (x: number) => x + 1 });
  const direct = { step: (x: number) => x + 1 };
  await coordinator.enable({ code: PATCH });
  const { ours, reference } = runContest({ ours: () => chunk(patched), reference: () => chunk(direct) }, spec.settings);
  await coordinator.close();
  const bar = { on: 'difference', relation: '≤', value: 7 } as const;
  return [createFigure(spec, 'ns/op', { label: 'patched', rounds: ours }, { label: 'direct', rounds: reference }, bar)];
}

function chunk(subject: { step: (x: number) => number }): number {
  let x = 0;
  for (let i = 0; i < CHUNK; i++) x = subject.step(x);
  return x;
}

async function runTaskEntry(spec: CaseSpec): Promise<Figure[]> {
  const coordinator = new PatchCoordinator(ShadowStore.create({ maxBytes: 2 ** 24 }));
  attach();
  // eslint-disable-next-line @typescript-eslint/require-await -- what is compared is a call of an async function and nothing else
  const plain = async (x: number): Promise<number> => x + 1;
  const handler = task((x: number) => x + 1);
  const [ours, reference]: [number[], number[]] = [[], []];
  const { rounds, warmupRounds, milliseconds } = spec.settings;
  for (let round = -warmupRounds; round < rounds; round++) {
    const sides = [() => timed(handler, milliseconds), () => timed(plain, milliseconds)];
    const first = round % 2 === 0 ? 0 : 1;
    const times = [0, 0];
    times[first] = await sides[first]!();
    times[1 - first] = await sides[1 - first]!();
    if (round < 0) continue;
    ours.push(times[0]!);
    reference.push(times[1]!);
  }
  await coordinator.close();
  const bar = { on: 'difference', relation: '≤', value: 120 } as const;
  return [createFigure(spec, 'ns/op', { label: 'task()', rounds: ours }, { label: 'async function', rounds: reference }, bar)];
}

/** Nanoseconds per awaited call. */
async function timed(call: (x: number) => Promise<number>, milliseconds: number): Promise<number> {
  const startedAt = performance.now();
  let calls = 0;
  let x = 0;
  do {
    for (let i = 0; i < CHUNK; i++) x = await call(x);
    calls += CHUNK;
  } while (performance.now() - startedAt < milliseconds);
  return ((performance.now() - startedAt) * 1e6) / calls;
}
