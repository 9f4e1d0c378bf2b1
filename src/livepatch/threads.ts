/**
 * Owns the coordinator's hold on all other threads at once: who they are (roster.ts), what they are told (line.ts), and waiting until
 * they have done it, with the pools waking those of theirs that sleep. Touches shared memory only through those. Imports errors, layout,
 * line, roster, wake and manifest.
 */
import { ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';
import type { ShadowStore } from '../shadow/store.js';
import { Line } from './line.js';
import type { LoadReport, Manifest, PatchReference } from './manifest.js';
import { type AgentStatus, Roster } from './roster.js';
import { Wake } from './wake.js';

/** Threads that somebody else starts and ends, and that may sleep where no message wakes them. */
export interface WorkerGroup {
  /** threadIds of the threads that are up or starting. */
  threads(): readonly number[];
  /**
   * Sees to it that this thread looks at its manifest soon and stays awake until the code is loaded. Returns at once; false if that
   * cannot be done now, in which case `Threads.ring()` follows when it can.
   */
  wake(thread: number): boolean;
  close(): Promise<void>;
}

export interface ThreadsOptions {
  /** How long a patch may take to load in every thread, ms. */
  readonly loadMilliseconds: number;
  /** How often to look without having been told, ms: the safety net. */
  readonly pollMilliseconds: number;
}

export class Threads {
  readonly line: Line;
  readonly #options: ThreadsOptions;
  readonly #roster: Roster;
  readonly #wake: Wake;
  readonly #groups = new Set<WorkerGroup>();
  /** Of the manifest in force; by thread. */
  readonly #reports = new Map<number, LoadReport>();
  readonly #unreachable = new Map<number, Error>();
  /** When a thread was woken last to look at the manifest in force. */
  readonly #wokenAt = new Map<number, number>();
  readonly #onLateFailure: (error: ShadowError) => void;
  #loading = false;
  #closing = false;

  /** `onLateFailure` hears of threads that cannot load what is enabled already. */
  constructor(store: ShadowStore, options: ThreadsOptions, onLateFailure: (error: ShadowError) => void) {
    this.#options = options;
    this.#onLateFailure = onLateFailure;
    this.#wake = new Wake(store.internals.words);
    this.line = new Line(store, (report) => {
      this.#take(report);
    });
    this.#roster = new Roster(store, () => {
      this.#wake.ring();
    });
  }

  /** Adds a group, or says that one of its threads has become ready. */
  join(group: WorkerGroup): void {
    this.#groups.add(group);
    this.ring();
  }

  leave(group: WorkerGroup): void {
    this.#groups.delete(group);
    this.ring();
  }

  /** Something else changed in a group that a waiting transition should look at. */
  ring(): void {
    this.#wake.ring();
  }

  /** A group could not wake this thread although it is alive. */
  unreachable(thread: number, error: Error): void {
    this.#unreachable.set(thread, error);
    this.ring();
  }

  /**
   * Has every thread load `candidate` and check it, while all go on running what they run.
   * @returns how many threads did. @throws ERR_PATCH_LOAD, ERR_PATCH_FUNCTION, ERR_PATCH_CLOSED
   */
  async load(candidate: PatchReference): Promise<number> {
    const { version, stack } = this.line.manifest;
    // Threads that are starting count as well: whoever asks for a patch right after making a pool wants to hear whether it loads there.
    const starting = new Set(this.#groupThreads());
    const deadline = performance.now() + this.#options.loadMilliseconds;
    this.#loading = true;
    try {
      const { epoch } = this.#publish({ version, stack, candidate });
      const loaded = await this.#until(this.#options.loadMilliseconds, (agents) => {
        for (const agent of agents) if (agent.loaded === -epoch) throw refused(this.#failureOf(agent.thread));
        const behind = agents.filter((agent) => agent.loaded < epoch).map((agent) => agent.thread);
        for (const thread of this.#groupThreads()) {
          if (!starting.has(thread) || agents.some((agent) => agent.thread === thread)) continue;
          const cause = this.#unreachable.get(thread);
          if (cause !== undefined) throw refused(`thread ${thread} cannot be reached: ${cause.message}`, cause);
          behind.push(thread);
        }
        if (behind.length > 0 && performance.now() > deadline) {
          throw refused(`not loaded within ${this.#options.loadMilliseconds} ms in thread ${behind.join(', ')}; is a task blocking it?`);
        }
        return behind.length === 0 ? { done: agents.length } : { behind };
      });
      this.#checkFunctions(candidate);
      return loaded;
    } catch (error) {
      this.#publish({ version, stack, candidate: null });
      throw error;
    } finally {
      this.#loading = false;
    }
  }

  /**
   * Has every thread run `stack`, and returns how many do once no thread runs anything else. Threads that have not run anything yet start
   * with it and are not waited for.
   * @throws ERR_PATCH_CLOSED
   */
  async switch(
    version: number,
    stack: readonly PatchReference[],
    onProgress: (switched: number, threads: number) => void,
  ): Promise<number> {
    this.#publish({ version, stack, candidate: null });
    let reported = -1;
    return this.#until(Infinity, (agents) => {
      const running = agents.filter((agent) => agent.version !== Layout.PATCH_NOT_RUNNING);
      const behind = running.filter((agent) => agent.version !== version).map((agent) => agent.thread);
      const switched = running.length - behind.length;
      if (switched !== reported) onProgress(switched, running.length);
      reported = switched;
      return behind.length === 0 ? { done: running.length } : { behind };
    });
  }

  /** Forgets a candidate that was loaded everywhere and then refused. */
  dismissCandidate(): void {
    const { version, stack } = this.line.manifest;
    this.#publish({ version, stack, candidate: null });
  }

  /** How many threads run something now. */
  count(): number {
    return this.#roster.agents().filter((agent) => agent.version !== Layout.PATCH_NOT_RUNNING).length;
  }

  /** A transition that is waiting fails with ERR_PATCH_CLOSED. */
  interrupt(): void {
    this.#closing = true;
    this.ring();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#groups].map((group) => group.close()));
    this.#roster.close();
    this.line.close();
  }

  #publish(order: Omit<Manifest, 'epoch'>): Manifest {
    this.line.receive();
    this.#reports.clear();
    this.#unreachable.clear();
    this.#wokenAt.clear();
    return this.line.publish(order);
  }

  #until<T>(milliseconds: number, look: (agents: readonly AgentStatus[]) => { done: T } | { behind: readonly number[] }): Promise<T> {
    const pollMilliseconds = Math.min(milliseconds, this.#options.pollMilliseconds);
    return this.#wake
      .until(pollMilliseconds, () => {
        if (this.#closing)
          throw new ShadowError('ERR_PATCH_CLOSED', 'the coordinator was closed during the transition, which was abandoned');
        const agents = this.#roster.agents();
        this.line.receive(); // after the words, before what they mean is looked up
        const seen = look(agents);
        if ('done' in seen) return seen;
        this.#wakeUp(seen.behind);
        return undefined;
      })
      .then(({ done }) => done);
  }

  /** Once for each manifest is enough; again after a while is the safety net. */
  #wakeUp(behind: readonly number[]): void {
    const now = performance.now();
    for (const group of this.#groups) {
      for (const thread of group.threads()) {
        if (!behind.includes(thread) || now - (this.#wokenAt.get(thread) ?? -Infinity) < this.#options.pollMilliseconds) continue;
        if (group.wake(thread)) this.#wokenAt.set(thread, now);
      }
    }
  }

  #groupThreads(): number[] {
    return [...this.#groups].flatMap((group) => group.threads());
  }

  #take(report: LoadReport): void {
    if (report.epoch !== this.line.manifest.epoch) return;
    this.#reports.set(report.thread, report);
    if (report.failure !== null && !this.#loading)
      this.#onLateFailure(new ShadowError('ERR_PATCH_LOAD', `${this.#failureOf(report.thread)}; its tasks are refused`));
  }

  /** What a thread said about its failure to load. It starts with a code, as every error that crosses threads does. */
  #failureOf(thread: number): string {
    return this.#reports.get(thread)?.failure?.replace(/^ERR_PATCH_LOAD: /, '') ?? `thread ${thread} could not load it`;
  }

  /** A function is unknown when no thread declares it; a pool may well have workers without it. */
  #checkFunctions({ name }: PatchReference): void {
    const [first, ...others] = [...this.#reports.values()].map((report) => report.undeclared);
    const unknown = first?.filter((key) => others.every((undeclared) => undeclared.includes(key))) ?? [];
    if (unknown.length === 0) return;
    throw new ShadowError(
      'ERR_PATCH_FUNCTION',
      `patch "${name}" replaces ${unknown.join(', ')}, which no thread declares with patchable(); check the names, nothing changed`,
    );
  }
}

function refused(what: string, cause?: Error): ShadowError {
  return new ShadowError('ERR_PATCH_LOAD', `${what}; nothing changed`, { cause });
}
