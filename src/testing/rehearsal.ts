/**
 * Owns `rehearse()`: plans the paths, walks them one after another, each on a stage that is as good as new, and reports. Touches no shared
 * memory. Imports the rest of testing/, errors and loader.
 */
import { describe, ShadowError } from '../errors.js';
import { loadPatch, patchSource, type PatchSource } from '../livepatch/loader.js';
import type { Patch } from '../livepatch/patch.js';
import { CrewLost } from './crew.js';
import { type Finding, FindingList } from './findings.js';
import type { TypeReport } from './leftovers.js';
import { Stall } from './patience.js';
import { type Path, planPaths } from './plan.js';
import { Stage } from './stage.js';
import { type RehearsedStep, Walk, type Walked } from './walk.js';
import { type CheckedWorkload, readWorkload, type Workload } from './workload.js';

/** One path. Plain JSON. */
export interface RehearsedPath {
  readonly name: string;
  /** `refused`: some patch did not go with another, and said so in time; `skipped`: too much had gone wrong before. */
  readonly outcome: 'done' | 'refused' | 'failed' | 'skipped';
  readonly steps: readonly RehearsedStep[];
}

/** Plain JSON. */
export interface Rehearsal {
  /** Every path was walked, and nothing was found. */
  readonly ok: boolean;
  readonly patches: readonly string[];
  readonly workers: number;
  readonly paths: readonly RehearsedPath[];
  /** In the order in which they were found first. */
  readonly findings: readonly Finding[];
  /** Tasks that were run. */
  readonly tasks: number;
  /** The application's types. */
  readonly types: readonly TypeReport[];
}

/** A workload that hangs would take a time limit for each path. */
const MOST_STALLS = 3;

/**
 * Walks every path among the given patches under a workload: each is enabled, replaced by and stacked on each other, disabled in every order,
 * reversed at every number of workers that may have switched, and meets its modules coming and going. Everything runs in a store, a coordinator
 * and workers of its own; the patches' callbacks and the destructors of collected variables run on this thread.
 *
 * @example
 * const rehearsal = await rehearse([new URL('./fix-1.js', import.meta.url), new URL('./fix-2.js', import.meta.url)], {
 *   filename: new URL('./worker.js', import.meta.url),
 *   types: [usage],
 *   task: (n) => ({ id: `user ${n}` }),
 * });
 * assert.ok(rehearsal.ok, formatRehearsal(rehearsal));
 *
 * @throws ERR_PATCH_DECLARATION, ERR_PATCH_LOAD, ERR_SHADOW_… : the patches or the workload are not what they should be
 */
export async function rehearse<Task, Result>(patches: readonly PatchSource[], workload: Workload<Task, Result>): Promise<Rehearsal> {
  const checked = readWorkload(workload);
  const sources = await load(patches);
  const paths = planPaths([...sources.keys()], checked.modules, checked.workers);
  const rehearsed = new Run(checked, sources);
  try {
    for (const path of paths) await rehearsed.walk(path);
  } finally {
    await rehearsed.close();
  }
  return rehearsed.result;
}

async function load(patches: readonly PatchSource[]): Promise<Map<Patch, PatchSource>> {
  if (!Array.isArray(patches) || patches.length === 0)
    throw new ShadowError('ERR_PATCH_DECLARATION', `rehearse() takes a list of one or more patches, not ${describe(patches)}`);
  const sources = new Map<Patch, PatchSource>();
  for (const source of patches as readonly PatchSource[]) {
    const patch = await loadPatch(patchSource(source));
    const { name } = patch;
    if ([...sources.keys()].some((other) => other.name === name))
      throw new ShadowError(
        'ERR_PATCH_DECLARATION',
        `two patches of the rehearsal are named ${describe(name)}; only one at a time can be enabled`,
      );
    sources.set(patch, source);
  }
  return sources;
}

class Run {
  readonly #workload: CheckedWorkload;
  readonly #sources: ReadonlyMap<Patch, PatchSource>;
  readonly #findings = new FindingList();
  readonly #paths: RehearsedPath[] = [];
  #stage: Stage | undefined;
  #tasks = 0;
  #types: readonly TypeReport[] = [];

  constructor(workload: CheckedWorkload, sources: ReadonlyMap<Patch, PatchSource>) {
    this.#workload = workload;
    this.#sources = sources;
  }

  get result(): Rehearsal {
    const findings = this.#findings.list;
    return {
      ok: findings.length === 0 && this.#paths.every(({ outcome }) => outcome !== 'skipped'),
      patches: [...this.#sources.keys()].map(({ name }) => name),
      workers: this.#workload.workers,
      paths: this.#paths,
      findings,
      tasks: this.#tasks,
      types: this.#types,
    };
  }

  async walk(path: Path): Promise<void> {
    const walked = this.#stalls < MOST_STALLS ? await this.#try(path) : undefined;
    this.#paths.push({ name: path.name, outcome: walked?.outcome ?? 'skipped', steps: walked?.steps ?? [] });
    if (walked?.reusable !== true) await this.close();
  }

  async close(): Promise<void> {
    const stage = this.#stage;
    this.#stage = undefined;
    if (stage === undefined) return;
    await stage.close();
    this.#tasks += stage.tasks;
    this.#types = stage.types;
  }

  get #stalls(): number {
    return this.#findings.list.reduce((sum, { kind, times }) => (kind === 'stalled' ? sum + times : sum), 0);
  }

  async #try(path: Path): Promise<Walked> {
    this.#findings.path = path.name;
    this.#findings.step = '';
    try {
      this.#stage ??= await Stage.open(this.#workload, [...this.#sources.keys()], this.#findings);
    } catch (error) {
      if (!(error instanceof Stall || error instanceof CrewLost)) throw error;
      this.#findings.add(error instanceof Stall ? 'stalled' : 'task-failed', null, `unpatched: ${error.message}`);
      return { steps: [], outcome: 'failed', reusable: false };
    }
    return new Walk(this.#stage, this.#findings, this.#workload, this.#sources).run(path);
  }
}
