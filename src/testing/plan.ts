/**
 * Owns the paths of a rehearsal: which steps lead through every way in which the given patches can follow each other. A path begins with
 * nothing enabled; whoever walks it disables at its end whatever is enabled then. Before a step is made for good it is made and reversed once
 * for each number of workers that may have switched by then. Touches no shared memory. Imports the declaration of patches.
 */
import { BASE_OBJECT, type Patch } from '../livepatch/patch.js';

export interface Change {
  readonly kind: 'enable' | 'disable';
  readonly patch: Patch;
}

export type Step =
  | Change
  /** Begin the change, reverse it when `at` workers have switched. */
  | { readonly kind: 'reverse'; readonly change: Change; readonly at: number }
  /** No task is in flight from here on, until `resume`. */
  | { readonly kind: 'pause' | 'resume' }
  | ModuleStep
  /** Begin the change, and make these steps before any worker may switch. */
  | { readonly kind: 'during'; readonly change: Change; readonly steps: readonly ModuleStep[] };

export interface ModuleStep {
  readonly kind: 'load' | 'unload';
  readonly module: string;
}

export interface Path {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** All paths. `modules`: those that come and go with every patch, whether it patches them or not. */
export function planPaths(patches: readonly Patch[], modules: readonly string[], workers: number): Path[] {
  const pairs = patches.flatMap((older) => patches.filter((newer) => newer !== older).map((newer) => [older, newer] as const));
  return [
    ...patches.map((patch) => path(...trial(enable(patch), workers), ...trial(disable(patch), workers))),
    ...pairs.flatMap(([older, newer]) => (newer.replace ? [replacement(older, newer, workers)] : stackings(older, newer, workers))),
    ...cumulative(patches, workers),
    ...patches.flatMap((patch) => modulesOf(patch, modules).flatMap((module) => comingAndGoing(patch, module))),
  ];
}

/** One line for a step. */
export function tellStep(step: Step): string {
  switch (step.kind) {
    case 'enable':
      return step.patch.replace ? `enable ${step.patch.name} (replace)` : `enable ${step.patch.name}`;
    case 'disable':
      return `disable ${step.patch.name}`;
    case 'reverse':
      return `${tellStep(step.change)}, reversed at ${step.at}`;
    case 'load':
    case 'unload':
      return `${step.kind} module ${step.module}`;
    case 'during':
      return `${tellStep(step.change)} during which ${step.steps.map(tellStep).join(', ')}`;
    default:
      return step.kind;
  }
}

function enable(patch: Patch): Change {
  return { kind: 'enable', patch };
}

function disable(patch: Patch): Change {
  return { kind: 'disable', patch };
}

/** The change, after each of its reversals. */
function trial(change: Change, workers: number): Step[] {
  return [...Array.from({ length: workers }, (_, at) => ({ kind: 'reverse' as const, change, at })), change];
}

/** Upgrade or downgrade, whichever of the two is the newer. */
function replacement(older: Patch, newer: Patch, workers: number): Path {
  return path(enable(older), ...trial(enable(newer), workers), disable(newer));
}

/** One upon the other, and away in both orders. */
function stackings(older: Patch, newer: Patch, workers: number): Path[] {
  return [
    path(enable(older), ...trial(enable(newer), workers), ...trial(disable(older), workers), disable(newer)),
    path(enable(older), enable(newer), ...trial(disable(newer), workers), disable(older)),
  ];
}

/** Patches that replace all others at once. */
function cumulative(patches: readonly Patch[], workers: number): Path[] {
  const stacked = patches.filter(({ replace }) => !replace);
  if (stacked.length < 2) return [];
  return patches
    .filter(({ replace }) => replace)
    .map((newest) => path(...stacked.map(enable), ...trial(enable(newest), workers), disable(newest)));
}

/** The application is not using the module while it is away, so nothing is in flight then. */
function comingAndGoing(patch: Patch, module: string): Path[] {
  const [load, unload] = (['load', 'unload'] as const).map((kind) => ({ kind, module })) as [ModuleStep, ModuleStep];
  const during = (change: Change): Step => ({ kind: 'during', change, steps: [unload, load] });
  const [pause, resume] = (['pause', 'resume'] as const).map((kind) => ({ kind })) as [Step, Step];
  return [
    path(enable(patch), pause, unload, load, resume, disable(patch)),
    path(pause, unload, enable(patch), load, resume, disable(patch)),
    path(enable(patch), pause, unload, disable(patch), load, resume),
    path(pause, during(enable(patch)), resume, pause, during(disable(patch)), resume),
  ];
}

function modulesOf(patch: Patch, modules: readonly string[]): string[] {
  return [...new Set([...patch.objects.map(({ name }) => name), ...modules])].filter((name) => name !== BASE_OBJECT);
}

/** Named by what is done for good. */
function path(...steps: Step[]): Path {
  const lasting = steps.filter(({ kind }) => kind !== 'reverse' && kind !== 'pause' && kind !== 'resume');
  return { name: lasting.map(tellStep).join(', '), steps };
}
