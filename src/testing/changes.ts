/**
 * Owns how changes are made on a stage: to their end, or up to the moment when a wished number of workers has switched and all others are held;
 * and waiting for what follows, with an answer to what is in the way. Touches no shared memory. Imports the stage, the plan and patience.
 */
import type { PatchSource } from '../livepatch/loader.js';
import type { Patch } from '../livepatch/patch.js';
import { until, within } from './patience.js';
import type { Change } from './plan.js';
import type { Stage } from './stage.js';
import type { CheckedWorkload } from './workload.js';

/** A change on its way, with everybody held who has not switched. */
export interface Begun {
  /** Never rejects. */
  end: Promise<void>;
  ended: boolean;
  failure: { readonly error: unknown } | undefined;
}

export class Changes {
  readonly #stage: Stage;
  readonly #workload: CheckedWorkload;
  readonly #sources: ReadonlyMap<Patch, PatchSource>;

  constructor(stage: Stage, workload: CheckedWorkload, sources: ReadonlyMap<Patch, PatchSource>) {
    this.#stage = stage;
    this.#workload = workload;
    this.#sources = sources;
  }

  /** What is enabled, oldest first. */
  get stack(): Patch[] {
    const patches = [...this.#sources.keys()];
    return this.#stage.names.map((name) => patches.find((patch) => patch.name === name)!);
  }

  isPossible({ kind, patch }: Change): boolean {
    return this.stack.includes(patch) === (kind === 'disable');
  }

  /** What is enabled after the change. */
  after({ kind, patch }: Change): Patch[] {
    const stack = this.stack.filter((other) => other !== patch);
    if (kind === 'disable') return stack;
    return patch.replace ? [patch] : [...stack, patch];
  }

  /** `timeout` in ms; without one whoever waits has to be patient himself. @throws what the coordinator says */
  async make({ kind, patch }: Change, timeout?: number): Promise<void> {
    const { coordinator } = this.#stage;
    const options = timeout === undefined ? {} : { timeout };
    await (kind === 'enable' ? coordinator.enable(this.#sources.get(patch)!, options) : coordinator.disable(patch.name, options));
  }

  /** Begins the change, and waits until `at` workers have switched and all others are held; unless it has ended before. @throws Stall, CrewLost */
  async beginHeld(change: Change, at: number): Promise<Begun> {
    const { crew } = this.#stage;
    await crew.hold(this.#workload.workers - at);
    const begun: Begun = { end: Promise.resolve(), ended: false, failure: undefined };
    begun.end = this.make(change)
      .catch((error: unknown) => {
        begun.failure = { error };
      })
      .then(() => {
        begun.ended = true;
      });
    await this.until(() => begun.ended || this.#onlyHeldAreLeft(), `the other ${at} workers to switch`);
    if (begun.ended) crew.release();
    return begun;
  }

  /** Workers that run the new version already; none while variables are being migrated. */
  get switched(): number {
    const { patches, version } = this.#stage.coordinator;
    return patches[0]?.workers.filter((worker) => worker.version === version).length ?? 0;
  }

  /** @throws Stall, CrewLost */
  async until(condition: () => boolean, what: string): Promise<void> {
    const watched = (): boolean => {
      this.#stage.crew.check();
      return condition();
    };
    await until(watched, this.#workload.timeout, () => this.#tellWaiting(what));
  }

  /** @throws Stall, and what the promise rejects with */
  async patiently<T>(promise: Promise<T>, what: string): Promise<T> {
    return within(promise, this.#workload.timeout, () => this.#tellWaiting(what));
  }

  /** Without numbers of threads and tasks, so that the same fault is the same finding. `otherwise`: what is said if nobody is in the way. */
  tellStall(what: string, otherwise = what): string {
    const { stragglers, coordinator } = this.#stage;
    const doing = [...stragglers, ...coordinator.stragglers()].flatMap(({ tasks, calls }) => [
      ...tasks.map(({ name }) => `task ${name}`),
      ...calls.map(({ name, patch }) => `${name} (${patch ?? 'original'})`),
    ]);
    return doing.length === 0 ? otherwise : `${what}; in flight: ${[...new Set(doing)].sort().join(', ')}`;
  }

  #tellWaiting(what: string): string {
    return this.tellStall(`waited ${this.#workload.timeout} ms for ${what}`);
  }

  #onlyHeldAreLeft(): boolean {
    const { crew, coordinator } = this.#stage;
    const left = coordinator.stragglers().map(({ thread }) => thread);
    return left.length === crew.held.length && crew.held.every((thread) => left.includes(thread));
  }
}
