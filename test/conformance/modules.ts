/**
 * Owns the target modules of a scenario: how they come and go, and what they do in workers of their own. Imports the public face, the crew
 * and the plans of modules.
 */
import { Worker } from 'node:worker_threads';

import type { PatchCoordinator } from '../../src/index.js';
import type { Crew } from './crew.js';
import type { ModulePlan, WorkPlan } from './fixture-table.js';
import { ORIGINAL } from './fixtures/functions.js';
import type { Ledger } from './fixtures/ledger.js';
import type { ModuleWork, WorkOrder, WorkReport } from './fixtures/module-work.js';

interface Work {
  readonly worker: Worker;
  readonly ended: Promise<void>;
  /** It has entered its function and was not told to leave it. */
  blocked: boolean;
}

interface Loaded {
  readonly plan: ModulePlan;
  work: Work | undefined;
}

export class Modules {
  readonly #coordinator: PatchCoordinator;
  readonly #crew: Crew;
  readonly #ledger: Ledger;
  readonly #loaded = new Map<string, Loaded>();
  readonly #workers: Worker[] = [];

  constructor(coordinator: PatchCoordinator, crew: Crew, ledger: Ledger) {
    this.#coordinator = coordinator;
    this.#crew = crew;
    this.#ledger = ledger;
  }

  /** Threads that stay in a function until they are told to leave it. */
  blocked(): Set<number> {
    const works = [...this.#loaded.values()].flatMap(({ work }) => (work?.blocked === true ? [work.worker.threadId] : []));
    return new Set(works);
  }

  /** Throws what loadModule() throws. */
  async load(plan: ModulePlan): Promise<void> {
    const { name, functions, work, hold } = plan;
    const module: Loaded = { plan, work: undefined };
    await this.#coordinator.loadModule(name, async () => {
      // From here on the functions are there; before, nobody must have heard of them.
      if (functions.length > 0) await this.#crew.everywhere({ kind: 'declare', object: name, functions });
      if (hold !== undefined)
        await this.#crew.everywhere({ kind: 'hold', object: 'base', name: hold.function, owner: name, exclusive: hold.exclusive });
      this.#loaded.set(name, module);
      if (work?.early === true && work.block) await this.#start(module, work);
      if (plan.announces) this.#ledger.add(['module', 'init', name]);
    });
    if (work === undefined || work.early) return;
    await this.#start(module, work);
    if (!work.block) await this.#release(module);
  }

  /** Throws what unloadModule() throws. */
  async unload(name: string): Promise<void> {
    const module = this.#loaded.get(name);
    await this.#coordinator.unloadModule(name, async () => {
      if (module === undefined) return;
      await this.#release(module);
      if (module.plan.hold !== undefined) await this.#crew.everywhere({ kind: 'release', owner: name });
      if (module.plan.announces) this.#ledger.add(['module', 'exit', name]);
    });
    this.#loaded.delete(name);
  }

  /** Whether the module can block at all. */
  async setBlock(name: string, block: boolean): Promise<boolean> {
    const module = this.#loaded.get(name);
    const work = module?.plan.work;
    if (module === undefined || work === undefined) return false;
    if (!block) await this.#release(module);
    else if (module.work === undefined) await this.#start(module, work);
    return true;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async #release(module: Loaded): Promise<void> {
    const { work } = module;
    if (work === undefined) return;
    work.blocked = false;
    work.worker.postMessage('release' satisfies WorkOrder);
    await work.ended;
    module.work = undefined;
  }

  /** Resolves when the function has been entered. */
  async #start(module: Loaded, plan: WorkPlan): Promise<void> {
    const { name, functions } = module.plan;
    const workerData: ModuleWork = {
      object: name,
      functions,
      function: plan.function,
      afterwards: plan.afterwards ?? null,
      asTask: plan.early,
    };
    const worker = new Worker(new URL('./fixtures/module-work.js', import.meta.url), { workerData });
    this.#workers.push(worker);
    // The thread ends with its work.
    const ended = new Promise<void>((resolve, reject) => {
      worker.once('exit', () => resolve());
      worker.once('error', reject);
    });
    ended.catch(() => undefined);
    const work: Work = { worker, ended, blocked: false };
    module.work = work;
    const entered = new Promise<void>((resolve) => {
      worker.on('message', (report: WorkReport) => {
        this.#note(name, plan, report);
        worker.postMessage('go on' satisfies WorkOrder);
        if (report.kind !== 'enter') return;
        work.blocked = plan.block;
        resolve();
      });
    });
    await Promise.race([entered, ended]);
  }

  #note(name: string, plan: WorkPlan, report: WorkReport): void {
    if (report.kind === 'enter') this.#ledger.add(['module', 'work-enter', name, ...(plan.early ? [report.provider] : [])]);
    else if (report.kind === 'exit') this.#ledger.add(['module', 'work-exit', name]);
    else {
      const { name: called, provider, detail } = report;
      this.#ledger.add(['observe', 'output-by', 'blocked-worker', called, provider, detail], provider === ORIGINAL);
    }
  }
}
