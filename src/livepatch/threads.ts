/**
 * Owns the coordinator's hold on all other threads at once: who they are (roster.ts), what they are told (line.ts), and waiting until
 * they have done it, with the pools waking those of theirs that sleep. Touches shared memory only through those. Imports errors, layout,
 * line, roster, stragglers, wake and manifest.
 */
import { ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';
import type { ShadowStore } from '../shadow/store.js';
import type { Deadline } from './deadline.js';
import { Line } from './line.js';
import type { AgentReport, LoadReport, Manifest, ModuleEntry, PatchReference } from './manifest.js';
import type { SourcePolicy } from './root.js';
import { type AgentStatus, Roster } from './roster.js';
import { Observer, type Straggler, tellStraggler } from './stragglers.js';
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
  /** After so many looks in vain, and again after as many, the threads are poked. */
  readonly pokeEvery: number;
}

/** What the rest of the coordinator has to say and hear. */
export interface ThreadsHost {
  /** Of the modules, at this moment. */
  modules(): readonly ModuleEntry[];
  /** A thread declares functions of these modules. */
  onModules(names: readonly string[]): void;
  /** A thread cannot load what is enabled already. */
  onLateFailure(error: ShadowError): void;
  onPoke(attempt: number, stragglers: readonly Straggler[]): void;
  /** The operating system says that a thread is dead of which no event will tell: its slot is to be recovered. */
  onDeath(): void;
}

/** What the threads should run, modules apart. */
export type Order = Omit<Manifest, 'epoch' | 'modules' | 'policy'>;

/** What the threads found when they checked a candidate. */
export interface CheckedCandidate {
  /** Functions that no thread declares, as "object.function". */
  readonly undeclared: readonly string[];
  /** Functions whose slot somebody owns in some thread; with the owner's name. */
  readonly owned: ReadonlyMap<string, string>;
}

export interface Progress {
  readonly switched: number;
  readonly threads: number;
}

/**
 * How long threads are waited for before the operating system is asked whether they are still there, which takes about 0.03 ms for each; then twice as long
 * each time, up to the last.
 */
const FIRST_LOOK_MILLISECONDS = 50;
const LAST_LOOK_MILLISECONDS = 1000;

export class Threads {
  readonly line: Line;
  readonly #options: ThreadsOptions;
  readonly #host: ThreadsHost;
  readonly #roster: Roster;
  readonly #observer: Observer;
  readonly #wake: Wake;
  readonly #groups = new Set<WorkerGroup>();
  /** Of the manifest in force; by thread. */
  readonly #reports = new Map<number, LoadReport>();
  readonly #unreachable = new Map<number, Error>();
  /** When a thread was woken last to look at the manifest in force. */
  readonly #wokenAt = new Map<number, number>();
  #order: Order;
  #loading = false;
  #closing = false;

  constructor(store: ShadowStore, options: ThreadsOptions, policy: SourcePolicy | undefined, predecessor: number, host: ThreadsHost) {
    this.#options = options;
    this.#host = host;
    this.#observer = new Observer(store.internals.words);
    this.#wake = new Wake(store.internals.words);
    this.line = new Line(store, policy, predecessor, (report) => {
      this.#take(report);
    });
    this.#order = this.line.manifest;
    this.#roster = new Roster(store, (thread) => {
      this.#observer.forget(thread);
      this.#reports.delete(thread);
      this.#unreachable.delete(thread);
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

  /** Something else changed that a waiting transition should look at. */
  ring(): void {
    this.#wake.ring();
  }

  /** A group could not wake this thread although it is alive. */
  unreachable(thread: number, error: Error): void {
    this.#unreachable.set(thread, error);
    this.ring();
  }

  /** Tells every thread what to run from now on. */
  order(order: Order): void {
    this.#order = order;
    this.#publish();
  }

  /** Tells every thread that the modules have changed. */
  retell(): void {
    this.#publish();
  }

  /**
   * Has every thread load `candidate` and check it, while all go on running what they run.
   * @throws ERR_PATCH_LOAD, ERR_PATCH_STALLED, ERR_PATCH_ABORTED, ERR_PATCH_CLOSED
   */
  async load(candidate: PatchReference, deadline: Deadline): Promise<CheckedCandidate> {
    const settled = this.#order;
    // Threads that are starting count as well: whoever asks for a patch right after making a pool wants to hear whether it loads there.
    const starting = new Set(this.#groupThreads());
    const latest = performance.now() + this.#options.loadMilliseconds;
    this.#loading = true;
    const ring = (): void => {
      this.ring();
    };
    deadline.onEnd(ring);
    try {
      this.order({ ...settled, standby: [...settled.standby, candidate], candidate: candidate.serial });
      await this.#until(Math.min(this.#options.loadMilliseconds, deadline.remaining), (agents) => {
        const { epoch } = this.line.manifest;
        for (const agent of agents) if (agent.loaded === -epoch) throw refused(this.#failureOf(agent.thread));
        const behind = agents.filter((agent) => agent.loaded < epoch);
        const unborn = this.#groupThreads().filter((thread) => starting.has(thread) && !this.#roster.hasStarted(thread));
        for (const thread of unborn) {
          const cause = this.#unreachable.get(thread);
          if (cause !== undefined) throw refused(`thread ${thread} cannot be reached: ${cause.message}`, cause);
        }
        const threads = [...behind.map((agent) => agent.thread), ...unborn];
        if (threads.length === 0) return { done: undefined };
        const busy = behind.map((agent) => tellStraggler(this.#observer.describe(agent))).join('; ');
        deadline.check(() => `not loaded in thread ${threads.join(', ')}${busy === '' ? '' : ` (${busy})`}`);
        if (performance.now() >= latest)
          throw refused(
            `not loaded within ${this.#options.loadMilliseconds} ms in thread ${threads.join(', ')}; is a task blocking it? ${busy}`,
          );
        return { behind: threads };
      });
      return this.#checked();
    } catch (error) {
      this.order(settled);
      throw error;
    } finally {
      this.#loading = false;
      deadline.offEnd(ring);
    }
  }

  /**
   * Waits until every thread has done what the newest order says, whichever that is then: a reversal changes it meanwhile. Threads that have
   * not run anything yet start with it and are not waited for. @throws ERR_PATCH_CLOSED
   */
  async obeyed(onProgress: (progress: Progress) => void): Promise<void> {
    let attempt = 0;
    let last = '';
    let due = performance.now();
    await this.#until(this.#options.pollMilliseconds, (agents) => {
      const progress = this.#progress(agents);
      const key = `${this.#order.version} ${progress.switched} ${progress.threads}`;
      if (key !== last) onProgress(progress);
      last = key;
      if (this.isObeyed(agents)) return { done: undefined };
      if (performance.now() >= due) {
        due = performance.now() + this.#options.pollMilliseconds;
        attempt++;
        if (attempt > 1 && (attempt - 1) % this.#options.pokeEvery === 0) this.#poke(attempt);
      }
      return { behind: agents.filter((agent) => !this.#hasObeyed(agent)).map((agent) => agent.thread) };
    });
  }

  isObeyed(agents: readonly AgentStatus[] = this.#roster.agents()): boolean {
    return this.#order.mode === 'force' || agents.every((agent) => this.#hasObeyed(agent));
  }

  /** Who has not done yet what the newest order says. */
  stragglers(): Straggler[] {
    return this.#roster
      .agents()
      .filter((agent) => !this.#hasObeyed(agent))
      .map((agent) => this.#observer.describe(agent));
  }

  progress(): Progress {
    return this.#progress(this.#roster.agents());
  }

  agents(): AgentStatus[] {
    return this.#roster.agents();
  }

  /** A transition that is waiting fails with ERR_PATCH_CLOSED. */
  interrupt(): void {
    this.#closing = true;
    this.ring();
  }

  /** The coordinator could not be made. */
  giveUp(): void {
    this.#roster.close();
    this.line.giveUp();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#groups].map((group) => group.close()));
    this.#roster.close();
    this.line.close();
  }

  #publish(): void {
    this.line.receive();
    this.#reports.clear();
    this.#unreachable.clear();
    this.#wokenAt.clear();
    this.line.publish({ ...this.#order, modules: this.#host.modules() });
    this.ring();
  }

  #hasObeyed(agent: AgentStatus): boolean {
    if (agent.version === Layout.PATCH_NOT_RUNNING) return true;
    if (this.#order.mode === 'hold') return agent.acted === this.line.manifest.epoch;
    return !agent.flipping && agent.version === this.#order.version;
  }

  #progress(agents: readonly AgentStatus[]): Progress {
    const running = agents.filter((agent) => agent.version !== Layout.PATCH_NOT_RUNNING);
    return { switched: running.filter((agent) => agent.version === this.#order.version).length, threads: running.length };
  }

  #poke(attempt: number): void {
    this.#host.onPoke(attempt, this.stragglers());
    this.#wokenAt.clear();
    this.line.poke();
  }

  #until<T>(milliseconds: number, look: (agents: readonly AgentStatus[]) => { done: T } | { behind: readonly number[] }): Promise<T> {
    const pollMilliseconds = Math.max(1, Math.min(milliseconds, this.#options.pollMilliseconds));
    let seen: readonly number[] = [];
    let waitedFor: readonly number[] = [];
    const deaths = watchDeaths(() => {
      if (this.#roster.isAnyGone(waitedFor)) this.#host.onDeath();
      const left = this.#roster.agents().map(({ thread }) => thread);
      if (seen.some((thread) => !left.includes(thread))) this.ring(); // its slot was recovered just now, by whomever
    });
    return this.#wake
      .until(pollMilliseconds, () => {
        if (this.#closing)
          throw new ShadowError('ERR_PATCH_CLOSED', 'the coordinator was closed during the transition, which was abandoned');
        const agents = this.#roster.agents();
        this.line.receive(); // after the words, before what they mean is looked up
        seen = agents.map(({ thread }) => thread);
        const found = look(agents);
        if ('done' in found) return found;
        waitedFor = found.behind;
        this.#wakeUp(waitedFor);
        return undefined;
      })
      .then(({ done }) => done)
      .finally(deaths.stop);
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

  #take(report: AgentReport): void {
    if (report.kind === 'names') {
      this.#observer.learn(report);
    } else if (report.kind === 'modules') {
      this.#host.onModules(report.names);
    } else if (report.epoch === this.line.manifest.epoch) {
      this.#reports.set(report.thread, report);
      if (report.failure !== null && !this.#loading)
        this.#host.onLateFailure(new ShadowError('ERR_PATCH_LOAD', `${this.#failureOf(report.thread)}; its tasks are refused`));
    }
  }

  /** What a thread said about its failure to load. It starts with a code, as every error that crosses threads does. */
  #failureOf(thread: number): string {
    return this.#reports.get(thread)?.failure?.replace(/^ERR_PATCH_LOAD: /, '') ?? `thread ${thread} could not load it`;
  }

  /** A function is unknown when no thread declares it; a pool may well have workers without it. */
  #checked(): CheckedCandidate {
    const reports = [...this.#reports.values()];
    const [first, ...others] = reports.map((report) => report.undeclared);
    return {
      undeclared: first?.filter((key) => others.every((undeclared) => undeclared.includes(key))) ?? [],
      owned: new Map(reports.flatMap(({ owned }) => owned.map(({ name, owner }) => [name, owner]))),
    };
  }
}

/** Calls `look` when a wait has been going on for a while, and again and again, ever more rarely. */
function watchDeaths(look: () => void): { readonly stop: () => void } {
  let milliseconds = FIRST_LOOK_MILLISECONDS;
  const again = (): void => {
    look();
    milliseconds = Math.min(milliseconds * 2, LAST_LOOK_MILLISECONDS);
    timer = setTimeout(again, milliseconds);
  };
  let timer = setTimeout(again, milliseconds);
  return {
    stop: () => {
      clearTimeout(timer);
    },
  };
}

function refused(what: string, cause?: Error): ShadowError {
  return new ShadowError('ERR_PATCH_LOAD', `${what}; nothing changed`, { cause });
}
