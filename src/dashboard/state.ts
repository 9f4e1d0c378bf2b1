/**
 * Owns what a coordinator is doing at one moment, as a page shows it: patches, the pending transition, and its threads with those first that hold it up. What is listed of
 * threads and of each patch is bounded. Imports the types of coordinator and wire.
 */
import type { PatchInfo } from '../livepatch/inspect.js';
import type { Straggler } from '../livepatch/stragglers.js';
import type { PatchCoordinator } from '../pool/coordinator.js';
import type { PatchLine, State, StragglerLine, TransitionLine, WorkerLine } from './wire.js';

const MOST_WORKERS = 96;
const MOST_FUNCTIONS = 12;
const MOST_DOINGS = 8;

export function readState(coordinator: PatchCoordinator): State {
  const stragglers = new Map(coordinator.stragglers().map((straggler) => [straggler.thread, straggler]));
  const workers = coordinator.workers
    .map(({ thread, version, tasks, patchState }): WorkerLine => {
      const straggler = stragglers.get(thread);
      return { thread, version, tasks, patchState, straggler: straggler === undefined ? null : stragglerLine(straggler) };
    })
    .sort((a, b) => Number(b.straggler !== null) - Number(a.straggler !== null) || a.thread - b.thread);
  return {
    at: Date.now(),
    version: coordinator.version,
    transition: transitionLine(coordinator, workers),
    patches: coordinator.patches.map(patchLine),
    pinned: coordinator.pinned,
    workers: workers.slice(0, MOST_WORKERS),
    otherWorkers: Math.max(0, workers.length - MOST_WORKERS),
    ended: null,
  };
}

function transitionLine({ transition }: PatchCoordinator, workers: readonly WorkerLine[]): TransitionLine | null {
  if (transition === null) return null;
  const { patch, kind, direction, reversed, milliseconds } = transition;
  const wanted = direction === 'patching' ? 1 : 0;
  const running = workers.filter(({ version }) => version !== -1);
  const switched = running.filter(({ patchState }) => patchState === wanted).length;
  return { patch, kind, direction, reversed, milliseconds, switched, workers: running.length };
}

function patchLine(patch: PatchInfo): PatchLine {
  const { name, enabled, transition, replace, consistency, forced, stackOrder, version, functions, shadowTypes } = patch;
  return {
    name,
    enabled,
    transition,
    replace,
    consistency,
    forced,
    stackOrder,
    version,
    functions: functions.slice(0, MOST_FUNCTIONS),
    otherFunctions: Math.max(0, functions.length - MOST_FUNCTIONS),
    types: [...new Set(shadowTypes.map(({ id }) => id))].slice(0, MOST_FUNCTIONS),
  };
}

function stragglerLine({ tasks, calls }: Straggler): StragglerLine {
  return { tasks: tasks.slice(0, MOST_DOINGS), calls: calls.slice(0, MOST_DOINGS) };
}
