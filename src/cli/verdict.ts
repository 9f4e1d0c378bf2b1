/**
 * The verdict on a run: what the store holds and says is compared with the ledger and with the truth of the single-threaded replay, then
 * everything is freed and nothing may be left. Runs on the coordinator's thread when no task is in flight and no patch is enabled.
 */

import type { TransitionResult } from '../livepatch/transition.js';
import type { CheckResult } from '../recovery/check.js';
import type { Parent } from '../shadow/objects.js';
import type { ShadowStore } from '../shadow/store.js';
import { account } from './application.js';
import { FAULT_KINDS, type FaultKind, type FaultList, pairName } from './faults.js';
import { mergeHistograms, quantileOf } from './histogram.js';
import { rounded } from './json.js';
import { type Ledger, TRACKED, trackedName } from './ledger.js';
import { replayTally, type Truth } from './oracle.js';
import type { Collected, Replay } from './replay.js';
import { PATCH_OF_STAGE, STAGES, stagesOf } from './stages.js';

/** Variables freed between two safepoints, so that their memory can be used again meanwhile. */
const FREED_PER_SAFEPOINT = 4096;

/** What `--json` writes. */
export interface Verdict {
  readonly verdict: 'pass' | 'fail';
  readonly requests: number;
  readonly workers: number;
  readonly seconds: number;
  readonly opsPerSecond: number;
  readonly latencyMicroseconds: { readonly p50: number; readonly p99: number; readonly p999: number };
  readonly faults: Readonly<Record<Exclude<FaultKind, 'accounting'>, number>>;
  /** Constructor and destructor runs until the last patch was gone, and the variables alive then: the application's own. */
  readonly constructed: number;
  readonly destroyed: number;
  readonly live: number;
  readonly transitions: readonly TransitionResult[];
  readonly collected: readonly Collected[];
}

/** Checks everything, frees everything, ends the workers. Findings are in `replay.faults`. */
export async function judge(replay: Replay): Promise<Verdict> {
  const { store, ledger, tally, faults } = replay;
  const truth = replayTally(tally);
  const excluded = new Set(replay.failures.map(({ position }) => tally.input.indexes[position]!));

  if (replay.failures.length === 0) checkReports(replay, truth);
  checkStages(replay);
  checkAccounts(replay, truth, excluded);
  checkSettled(replay, truth, excluded);
  checkCollections(replay, truth, excluded.size > 0);
  const { constructed, destroyed, live } = checkLives(store, ledger, faults);
  checkStore(store, faults);

  freeAccounts(replay, truth);
  await replay.close();
  checkNothingLeft(store, ledger, faults);
  faults.merge(ledger.faults.drain());

  const counts = mergeHistograms(ledger.histograms);
  const microseconds = (quantile: number): number => quantileOf(counts, quantile) / 1000;
  const failed = faults.total > 0 || replay.error !== undefined || replay.failures.length > 0;
  const { leakedBlocks, duplicateVariables, lostUpdates, mixedTasks, unconstructedReads } = faults.counts;
  return {
    verdict: failed ? 'fail' : 'pass',
    requests: tally.requests,
    workers: replay.options.workers,
    seconds: rounded(replay.seconds),
    opsPerSecond: replay.seconds > 0 ? Math.round(tally.requests / replay.seconds) : 0,
    latencyMicroseconds: { p50: microseconds(0.5), p99: microseconds(0.99), p999: microseconds(0.999) },
    faults: { lostUpdates, duplicateVariables, mixedTasks, unconstructedReads, leakedBlocks },
    constructed,
    destroyed,
    live,
    transitions: replay.transitions.map((transition) => ({ ...transition, milliseconds: rounded(transition.milliseconds) })),
    collected: replay.collected.map((collection) => ({ ...collection, milliseconds: rounded(collection.milliseconds) })),
  };
}

/** What the workers counted per stage must be what the replay counts. */
function checkReports({ tally, faults }: Replay, truth: Truth): void {
  for (let stage = 0; stage < STAGES; stage++) {
    for (const figure of ['accesses', 'bytes'] as const) {
      const expected = truth.totals[stage]![figure];
      const found = tally.reported[stage]![figure];
      if (expected !== found)
        faults.add({ kind: 'accounting', what: `${figure} that workers reported of stage ${stage}`, expected, found });
    }
  }
}

/** An uninterrupted run has taken every stage, under load. */
function checkStages(replay: Replay): void {
  if (replay.interrupted || replay.error !== undefined || replay.failures.length > 0) return;
  replay.stagesSeen.forEach((tasks, stage) => {
    if (tasks > 0) return;
    replay.faults.add({ kind: 'accounting', what: `stage ${stage} (${stageName(stage)})`, expected: 'requests', found: 'none' });
  });
}

function stageName(stage: number): string {
  return PATCH_OF_STAGE[stage]?.name ?? 'unpatched';
}

/** The application's own variables hold exactly what the replay counts. */
function checkAccounts({ input, store, faults }: Replay, truth: Truth, excluded: ReadonlySet<number>): void {
  for (let index = 0; index < input.objects.length; index++) {
    if (excluded.has(index)) continue;
    const object = input.objects[index]!;
    const view = store.get(object, account);
    const reads = truth.reads[index]! >>> 0; // as wide as the fields
    const writes = truth.writes[index]! >>> 0;
    const what = `${pairName(object, account.id)} (account)`;
    if (view === undefined) {
      const missing = truth.reads[index]! + truth.writes[index]!;
      if (missing > 0) faults.add({ kind: 'lostUpdates', what, expected: `${missing} accesses`, found: 'no variable' }, missing);
      continue;
    }
    checkSum(faults, `${what}, reads`, reads, view.reads);
    checkSum(faults, `${what}, writes`, writes, view.writes);
    checkSum(faults, `${what}, bytes`, truth.bytes[index]!, Number(view.bytes));
  }
}

/** The variables of the patches held, when they were collected, exactly what the replay counts for the stages that kept them. */
function checkSettled({ input, ledger, faults }: Replay, truth: Truth, excluded: ReadonlySet<number>): void {
  for (const { id, name, freed } of TRACKED) {
    if (id === account.id) continue;
    const sums = truth.sumsOf(id);
    for (let index = 0; index < input.objects.length; index++) {
      const what = `${pairName(input.objects[index], id)} (${name})`;
      const lives = ledger.livesOf(id, index);
      if (lives !== 0)
        faults.add({
          kind: 'accounting',
          what,
          expected: 'as many destructor runs as constructor runs',
          found: `${lives} more constructed`,
        });
      if (freed || excluded.has(index)) continue;
      const settled = ledger.settledOf(id, index);
      checkSum(faults, `${what}, accesses`, sums.accesses[index]!, settled.accesses);
      checkSum(faults, `${what}, bytes`, sums.bytes[index]!, settled.bytes);
    }
  }
}

function checkSum(faults: FaultList, what: string, expected: number, found: number): void {
  if (expected !== found) faults.add({ kind: 'lostUpdates', what, expected, found });
}

/** Each collection found the variables that the ledger says were alive, and the objects that the replay says were touched. */
function checkCollections({ collected, expectedCollections, ledger, faults }: Replay, truth: Truth, approximate: boolean): void {
  for (const { id, name, freed } of TRACKED) {
    const found = collected.filter((entry) => entry.id === id);
    const expected = expectedCollections.filter((entry) => entry.id === id);
    const what = `collection of id 0x${id.toString(16)} (${name})`;
    if (found.length !== expected.length) {
      faults.add({ kind: 'accounting', what, expected: `${expected.length} collections`, found: found.length });
    }
    const runs = keptRuns(id);
    expected.forEach(({ variables }, turn) => {
      const count = found[turn]?.variables;
      if (count !== undefined && count !== variables)
        faults.add({ kind: 'accounting', what, expected: `${variables} variables by constructors`, found: count });
      const touched = truth.distinct(runs[turn] ?? []);
      if (!freed && !approximate && count !== undefined && count !== touched) {
        faults.add({ kind: 'accounting', what, expected: `${touched} variables by the replay`, found: count });
      }
    });
    const inWorkers = ledger.workerDestructions(id);
    const bySweeps = found.reduce((sum, { variables }) => sum + variables, 0);
    const destructions = ledger.destructions(id);
    if (id !== account.id && destructions !== inWorkers + bySweeps) {
      faults.add({
        kind: 'accounting',
        what: `destructor runs of id 0x${id.toString(16)} (${name})`,
        expected: inWorkers + bySweeps,
        found: destructions,
      });
    }
  }
}

/** The stages that keep an id, in unbroken runs: each run ends with a collection. */
function keptRuns(id: number): number[][] {
  const runs: number[][] = [];
  for (const stage of stagesOf(id)) {
    const last = runs.at(-1);
    if (last?.at(-1) === stage - 1) last.push(stage);
    else runs.push([stage]);
  }
  return runs;
}

/** For each id: constructed = destroyed + what the store says is live. */
function checkLives(store: ShadowStore, ledger: Ledger, faults: FaultList): { constructed: number; destroyed: number; live: number } {
  const types = store.stats().types;
  const sum = { constructed: 0, destroyed: 0, live: 0 };
  for (const { id, name } of TRACKED) {
    const constructed = ledger.constructions(id);
    const destroyed = ledger.destructions(id);
    const live = types.filter((type) => type.id === id).reduce((total, type) => total + type.live, 0);
    if (constructed !== destroyed + live) {
      const what = `variables of id 0x${id.toString(16)} (${name})`;
      faults.add({ kind: 'accounting', what, expected: `${constructed} constructed`, found: `${destroyed} destroyed + ${live} live` });
    }
    sum.constructed += constructed;
    sum.destroyed += destroyed;
    sum.live += live;
  }
  return sum;
}

/** The store's own walk over its memory; returns what it met. */
function checkStore(store: ShadowStore, faults: FaultList): CheckResult['found'] {
  const { violations, found } = store.check();
  for (const { rule, what } of violations) {
    faults.add({
      kind: rule === 'leak' ? 'leakedBlocks' : 'accounting',
      what: `store.check(): ${rule}`,
      expected: 'no violation',
      found: what,
    });
  }
  return found;
}

/** Frees what the application keeps, object by object: whatever it does not know of stays behind and is found. */
function freeAccounts({ input, store, faults }: Replay, truth: Truth): void {
  for (let index = 0; index < input.objects.length; index++) {
    const object = input.objects[index]!;
    const freed = store.free(object, account);
    if (freed && truth.reads[index]! + truth.writes[index]! === 0) {
      faults.add({ kind: 'accounting', what: `${pairName(object, account.id)} (account)`, expected: 'no variable', found: 'a variable' });
    }
    if (index % FREED_PER_SAFEPOINT === 0) store.safepoint();
  }
  store.safepoint();
}

/** Nothing is alive, in the ledger's books, in the store's counts or in its memory. */
function checkNothingLeft(store: ShadowStore, ledger: Ledger, faults: FaultList): void {
  let named = 0;
  for (const [object] of store.entries(account)) {
    named++;
    faults.add({
      kind: 'leakedBlocks',
      what: `${pairName(parentName(object), account.id)} (account)`,
      expected: 'freed',
      found: 'still there',
    });
  }
  for (const { id, live } of store.stats().types) {
    const rest = id === account.id ? live - named : live;
    if (rest !== 0)
      faults.add({ kind: 'leakedBlocks', what: `variables of id 0x${id.toString(16)}`, expected: 0, found: rest }, Math.abs(rest));
  }
  for (const { id } of TRACKED) {
    const alive = ledger.constructions(id) - ledger.destructions(id) - (id === account.id ? named : 0);
    if (alive !== 0) {
      const what = `id 0x${id.toString(16)} (${trackedName(id)}) after everything was freed`;
      faults.add({ kind: 'accounting', what, expected: 'as many destructor runs as constructor runs', found: `${alive} more constructed` });
    }
  }
  const { variables, names, destroying } = checkStore(store, faults);
  const blocks = variables - named + names + destroying;
  if (blocks !== 0) faults.add({ kind: 'leakedBlocks', what: 'blocks in use by the walk over memory', expected: 0, found: blocks }, blocks);
}

function parentName(object: Parent): string {
  return typeof object === 'object' ? 'null' : String(object);
}

/** One line per fault that was kept, and a line for those that were not. */
export function describeFaults(faults: FaultList): string[] {
  const lines = faults.faults.map(
    ({ kind, what, expected, found }) => `${FAULT_NAMES[kind]}: ${what}: expected ${expected}, found ${found}`,
  );
  for (const kind of FAULT_KINDS) {
    const kept = faults.faults.filter((fault) => fault.kind === kind).length;
    if (faults.counts[kind] > kept) lines.push(`${FAULT_NAMES[kind]}: ${faults.counts[kind]} in all, ${kept} of them above`);
  }
  return lines;
}

const FAULT_NAMES: Readonly<Record<FaultKind, string>> = {
  lostUpdates: 'lost update',
  duplicateVariables: 'duplicate variable',
  mixedTasks: 'mixed task',
  unconstructedReads: 'unconstructed read',
  leakedBlocks: 'leaked block',
  accounting: 'accounting',
};
