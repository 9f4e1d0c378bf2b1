/**
 * A pool of workers on stage that patches come to and go from: idle, or kept busy with tasks of one millisecond, two of them per worker under way.
 */
import type { Piscina } from 'piscina';
import { PatchCoordinator } from '../src/pool/coordinator.js';
import { ShadowStore } from '../src/shadow/store.js';
import type { StepJob } from './transition-worker.js';

/** What the workers do meanwhile. */
export type Load = 'idle' | StepJob['kind'];

const TASK_MILLISECONDS = 1;
const TASKS_PER_WORKER = 2;

/** Comes and goes. */
const LONE = 'lone';
/** Supersede each other. */
const RIVALS = ['first', 'second'] as const;

function patchCode(name: string, replace: boolean): string {
  return `const { definePatch } = require('umbra/worker');
module.exports = definePatch({ name: '${name}', replace: ${replace}, objects: [{ name: 'steps', functions: { step: (x) => x + 1 } }] });`;
}

export class PatchedPool {
  readonly coordinator = new PatchCoordinator(ShadowStore.create({ maxBytes: 2 ** 26 }));
  /** How long each task took that has ended, by its own clock, ms; to be emptied by whoever reads it. */
  taskTimes: number[] = [];
  readonly #pool: Piscina<StepJob, number>;
  readonly #durations: number[] = [];
  readonly #kinds: string[] = [];
  #load: readonly Promise<void>[] = [];
  #stopped = false;

  /** Starts the pool; resolves once every worker runs. */
  static async start(workers: number, load: Load): Promise<PatchedPool> {
    const pool = new PatchedPool(workers);
    await pool.comeAndGo(1);
    if (load !== 'idle') pool.#work(load, workers * TASKS_PER_WORKER);
    return pool;
  }

  private constructor(workers: number) {
    const filename = new URL('./transition-worker.js', import.meta.url);
    this.#pool = this.coordinator.createPool({ filename, minThreads: workers, maxThreads: workers, stricterFIFO: true });
    let began = 0;
    this.coordinator.on('transition', ({ kind, phase, switched, workers: reached, milliseconds }) => {
      if (phase === 'start') began = milliseconds;
      if (phase !== 'complete') return;
      if (switched !== reached) throw new Error(`only ${switched} of ${reached} threads were switched`);
      this.#durations.push(milliseconds - began);
      this.#kinds.push(kind);
    });
  }

  /** Threads that run the functions that are patched. */
  get threads(): number {
    return this.#pool.threads.length;
  }

  /** Enables a patch and disables it again, so many times; how long each transition took from its start in threads to its end, ms. */
  async comeAndGo(times: number): Promise<number[]> {
    this.#forget();
    for (let i = 0; i < times; i++) {
      await this.coordinator.enable({ code: patchCode(LONE, false) });
      await this.coordinator.disable(LONE);
    }
    return this.#done(['enable', 'disable'], times);
  }

  /** Has two patches supersede each other so many times, the last of which is disabled; how long each replacement took, ms. */
  async supersede(times: number): Promise<number[]> {
    await this.coordinator.enable({ code: patchCode(RIVALS[1], true) });
    this.#forget();
    for (let i = 0; i < times; i++) for (const name of RIVALS) await this.coordinator.enable({ code: patchCode(name, true) });
    const durations = this.#done(['replace', 'replace'], times);
    await this.coordinator.disable(RIVALS[1]);
    return durations;
  }

  async end(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#load);
    await this.coordinator.close();
  }

  #work(kind: StepJob['kind'], tasks: number): void {
    this.#load = Array.from({ length: tasks }, async () => {
      while (!this.#stopped) this.taskTimes.push(await this.#pool.run({ kind, milliseconds: TASK_MILLISECONDS }));
    });
  }

  #forget(): void {
    this.#durations.length = 0;
    this.#kinds.length = 0;
  }

  /** What was measured since: exactly these kinds of transition, over and over. */
  #done(kinds: readonly string[], times: number): number[] {
    const expected = Array.from({ length: times }, () => kinds).flat();
    if (this.#kinds.join() !== expected.join()) throw new Error(`transitions were ${this.#kinds.join()} instead of ${expected.join()}`);
    return [...this.#durations];
  }
}
