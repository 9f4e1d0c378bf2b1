/**
 * Owns the walking of one path: makes its steps under the workload, tells legitimate refusals from failures, and disables in the end whatever
 * is enabled. Reads the registry of types. Imports the stage, changes and the plan.
 */
import { type ErrorCode, messageOf, ShadowError } from '../errors.js';
import type { PatchSource } from '../livepatch/loader.js';
import type { Patch } from '../livepatch/patch.js';
import { Changes } from './changes.js';
import { CrewLost } from './crew.js';
import type { FindingList } from './findings.js';
import { Stall } from './patience.js';
import { type Change, type ModuleStep, type Path, type Step, tellStep } from './plan.js';
import type { Before, Stage } from './stage.js';
import type { CheckedWorkload } from './workload.js';

/** `passed-over`: there was nothing to do, because an earlier step was refused. */
export type StepOutcome = 'done' | 'reversed' | 'refused' | 'failed' | 'passed-over';

/** Plain JSON. */
export interface RehearsedStep {
  readonly step: string;
  readonly outcome: StepOutcome;
  /** The error, where there was one. */
  readonly why: string | null;
}

export interface Walked {
  readonly steps: readonly RehearsedStep[];
  /** `failed`: it could not be walked to its end. */
  readonly outcome: 'done' | 'refused' | 'failed';
  /** Whether another path can be walked on the same stage. */
  readonly reusable: boolean;
}

/** What a patch may say to the patches that are enabled already, or they to it. */
const REFUSALS: readonly ErrorCode[] = [
  'ERR_PATCH_STATE',
  'ERR_PATCH_BLOCKED',
  'ERR_PATCH_MIGRATION',
  'ERR_PATCH_PRE_PATCH',
  'ERR_PATCH_MODULE',
];

type Outcome = Omit<RehearsedStep, 'step'>;

const DONE: Outcome = { outcome: 'done', why: null };
const PASSED_OVER: Outcome = { outcome: 'passed-over', why: null };

export class Walk {
  readonly #stage: Stage;
  readonly #findings: FindingList;
  readonly #workload: CheckedWorkload;
  readonly #changes: Changes;
  readonly #steps: RehearsedStep[] = [];

  constructor(stage: Stage, findings: FindingList, workload: CheckedWorkload, sources: ReadonlyMap<Patch, PatchSource>) {
    this.#stage = stage;
    this.#findings = findings;
    this.#workload = workload;
    this.#changes = new Changes(stage, workload, sources);
  }

  async run(path: Path): Promise<Walked> {
    this.#findings.path = path.name;
    const { crew } = this.#stage;
    try {
      crew.resume();
      for (const step of path.steps) await this.#make(step);
      if (this.#stage.isComplete) crew.resume();
      for (const patch of [...this.#changes.stack].reverse()) await this.#make({ kind: 'disable', patch });
      const reusable = await this.#stage.settle();
      const refused = this.#steps.some(({ outcome }) => outcome === 'refused');
      const failed = this.#steps.some(({ outcome }) => outcome === 'failed');
      return { steps: this.#steps, outcome: failed ? 'failed' : refused ? 'refused' : 'done', reusable };
    } catch (error) {
      if (error instanceof Stall) this.#findings.add('stalled', null, error.message);
      else if (error instanceof CrewLost) this.#findings.add('task-failed', this.#stage.suspect, error.message);
      else this.#findings.add('step-failed', null, messageOf(error));
      return { steps: this.#steps, outcome: 'failed', reusable: false };
    }
  }

  async #make(step: Step): Promise<void> {
    const text = tellStep(step);
    this.#findings.step = text;
    let outcome: Outcome = { outcome: 'failed', why: null };
    try {
      outcome = await this.#perform(step);
    } catch (error) {
      outcome = { outcome: 'failed', why: messageOf(error) };
      throw error;
    } finally {
      this.#steps.push({ step: text, ...outcome });
    }
  }

  async #perform(step: Step): Promise<Outcome> {
    switch (step.kind) {
      case 'enable':
      case 'disable':
        return this.#changes.isPossible(step) ? this.#change(step) : PASSED_OVER;
      case 'reverse':
        return this.#changes.isPossible(step.change) ? this.#reverse(step.change, step.at) : PASSED_OVER;
      case 'during':
        return this.#changes.isPossible(step.change) ? this.#during(step.change, step.steps) : PASSED_OVER;
      case 'pause':
        await this.#stage.crew.pause();
        this.#stage.judge(); // before modules go
        return DONE;
      case 'resume':
        if (!this.#stage.isComplete) return PASSED_OVER; // a module was refused
        this.#stage.crew.resume();
        await this.#stage.crew.progress();
        this.#stage.judge();
        return DONE;
      default:
        return this.#move(step.kind, step.module);
    }
  }

  async #change(change: Change): Promise<Outcome> {
    const before = this.#stage.snapshot();
    const after = this.#changes.after(change);
    try {
      await this.#changes.make(change, this.#workload.timeout);
    } catch (error) {
      return this.#refused(change, error, before);
    }
    await this.#goOn(after);
    return DONE;
  }

  /** Begins the change, and turns it round when `at` workers have switched and all others are held. */
  async #reverse(change: Change, at: number): Promise<Outcome> {
    const { crew, coordinator } = this.#stage;
    const before = this.#stage.snapshot();
    const [old, after] = [this.#changes.stack, this.#changes.after(change)];
    const begun = await this.#changes.beginHeld(change, at);
    if (begun.ended) return this.#refused(change, begun.failure?.error, before);
    this.#stage.learn(after);
    if (this.#changes.switched === at) await crew.progress();
    let refusal: { readonly error: unknown } | undefined;
    const turned = coordinator.reverse().catch((error: unknown) => {
      refusal = { error };
    });
    await this.#changes.until(() => refusal !== undefined || coordinator.transition?.reversed !== false, 'the transition to be reversed');
    crew.release();
    await this.#changes.patiently(Promise.all([turned, begun.end]), 'the end of the transition');
    await this.#goOn(refusal === undefined ? old : after);
    if (refusal !== undefined) return this.#refused(change, (refusal as { error: unknown }).error, undefined);
    this.#compare(change.patch, before);
    return { outcome: 'reversed', why: null };
  }

  /** Begins the change, and makes these steps before any worker has switched. */
  async #during(change: Change, steps: readonly ModuleStep[]): Promise<Outcome> {
    const before = this.#stage.snapshot();
    const after = this.#changes.after(change);
    const begun = await this.#changes.beginHeld(change, 0);
    if (begun.ended) return this.#refused(change, begun.failure?.error, before);
    let outcome = DONE;
    for (const { kind, module } of steps) {
      const moved = await this.#move(kind, module);
      if (moved.outcome !== 'done') outcome = moved;
    }
    this.#stage.crew.release();
    await this.#changes.patiently(begun.end, 'the end of the transition');
    if (begun.failure !== undefined) return this.#refused(change, begun.failure.error, undefined);
    await this.#goOn(after);
    return outcome;
  }

  async #move(kind: 'load' | 'unload', module: string): Promise<Outcome> {
    const { coordinator } = this.#stage;
    const phase = coordinator.modules.find(({ name }) => name === module)?.phase;
    if ((phase === undefined) !== (kind === 'load')) return PASSED_OVER;
    const before = this.#stage.snapshot();
    try {
      const moved = kind === 'load' ? coordinator.loadModule(module) : coordinator.unloadModule(module);
      await this.#changes.patiently(moved, `module ${module} to ${kind}`);
    } catch (error) {
      return this.#refused(undefined, error, before);
    }
    if (kind === 'unload') this.#checkUnloaded(module);
    return DONE;
  }

  /** What belongs to the module goes with it, whatever is enabled. */
  #checkUnloaded(module: string): void {
    for (const { owner, object, id } of this.#stage.coordinator.store.internals.registry.owners()) {
      if (object !== module || !owner.startsWith('patch ')) continue;
      this.#findings.add(
        'left-over-registration',
        owner.slice('patch '.length).replace(/ #\d+$/, ''),
        `type ${id} of module ${module}, which is gone`,
      );
    }
  }

  /** The threads run this now: some of the workload on it, and a look at the evidence. */
  async #goOn(stack: readonly Patch[]): Promise<void> {
    this.#stage.learn(stack);
    await this.#stage.crew.progress();
    this.#stage.judge();
  }

  /** @throws Stall */
  #refused(change: Change | undefined, error: unknown, before: Before | undefined): Outcome {
    const why = messageOf(error);
    const code = error instanceof ShadowError ? error.code : undefined;
    if (code === 'ERR_PATCH_STALLED')
      throw new Stall(this.#changes.tellStall(`a transition was not complete within ${this.#workload.timeout} ms`, why));
    const patch = change?.patch ?? null;
    if (before !== undefined) this.#compare(patch, before);
    const alone = change?.kind === 'enable' && this.#changes.stack.length === 0;
    if (code !== undefined && REFUSALS.includes(code) && !alone) return { outcome: 'refused', why };
    this.#findings.add('step-failed', patch?.name ?? null, error === undefined ? 'it was complete although workers were held' : why);
    return { outcome: 'failed', why };
  }

  #compare(patch: Patch | null, before: Before): void {
    for (const difference of before.since()) this.#findings.add('not-as-before', patch?.name ?? null, difference);
  }
}
