/**
 * Owns the operations on the list of patches: who is let in, what is prepared, and which way the transition goes (livepatch-semantics, section 2); its course is in
 * course.ts. Its caller holds the coordinator's mutex in every method; only the waiting for threads in between runs without it. Writes shared memory only through
 * threads.ts and the registrar. Imports the rest of the coordinator's side but coordinator.ts.
 */
import { describe, ShadowError } from '../errors.js';
import type { ShadowStore } from '../shadow/store.js';
import { checkBlocked, checkIdle, checkName, requireEnabled, requirePending } from './admission.js';
import { assemble, type Assembly } from './assembly.js';
import type { CallbackRunner } from './callbacks.js';
import { Course, type Exclusive } from './course.js';
import type { Deadline } from './deadline.js';
import { PatchEntry } from './entry.js';
import type { Announce, TransitionPhase } from './events.js';
import { NO_TRANSITION, PATCHING, UNPATCHING } from './line.js';
import type { ModuleKeeper } from './module-keeper.js';
import type { ModuleTable } from './modules.js';
import type { ReadOptions } from './options.js';
import type { Patch, StateEntry } from './patch.js';
import type { Registrar } from './registrar.js';
import type { Takeover } from './restore.js';
import { type Resumption, resume } from './resume.js';
import type { Standing } from './standing.js';
import { checkStates } from './states.js';
import type { Threads } from './threads.js';
import { Transition } from './transition.js';

export class Operations {
  readonly threads: Threads;
  readonly modules: ModuleTable;
  readonly keeper: ModuleKeeper;
  readonly registrar: Registrar;
  readonly callbacks: CallbackRunner;
  readonly #parts: Assembly;
  readonly #course: Course;
  readonly #standing: Standing;
  readonly #exclusive: Exclusive;

  /** `takeover`: what a dead coordinator left; `resume()` goes on with it. @throws what `Coordinator` says */
  constructor(
    store: ShadowStore,
    options: ReadOptions,
    takeover: Takeover | undefined,
    announce: Announce,
    warn: (error: ShadowError) => void,
    exclusive: Exclusive,
  ) {
    this.#exclusive = exclusive;
    this.#parts = assemble(store, options, takeover, announce, warn, {
      previousState: (id) => this.previousState(id),
      background: (work) => {
        this.#background(work);
      },
      swept: () => {
        this.#background(() => {
          if (this.#standing.transition === undefined) this.#course.settle();
        });
      },
    });
    ({
      standing: this.#standing,
      threads: this.threads,
      modules: this.modules,
      keeper: this.keeper,
      registrar: this.registrar,
      callbacks: this.callbacks,
    } = this.#parts);
    this.#course = new Course(this.#parts, exclusive);
  }

  get list(): readonly PatchEntry[] {
    return this.#standing.list;
  }

  get transition(): Transition | undefined {
    return this.#standing.transition;
  }

  /**
   * Loads a patch everywhere and starts the transition to it. @returns when it is pending
   * @throws everything that `Coordinator.enable` says about nothing having changed
   */
  async enable(patch: Patch, source: { readonly url: string; readonly code: string | null }, deadline: Deadline): Promise<Transition> {
    const startedAt = performance.now();
    this.#admit(patch);
    // The number is noted before any thread hears of it: to threads that have loaded the patch another one must not look the same.
    const entry = new PatchEntry(patch, { serial: ++this.#standing.lastSerial, name: patch.name, ...source }, ++this.#standing.lastVersion);
    const replaced = patch.replace ? [...this.#standing.list] : [];
    const after = { version: entry.version, stack: patch.replace ? [entry] : [...this.#standing.list, entry] };
    const migrations = this.#parts.migrator.plan(after.stack, replaced);
    const transition = new Transition(
      entry,
      replaced.length > 0 ? 'replace' : 'enable',
      this.#standing.settled,
      after,
      replaced,
      migrations,
      startedAt,
    );
    this.#parts.journal.save();
    this.#course.report(transition, 'load', { switched: 0, threads: this.threads.progress().threads });
    try {
      await this.#load(entry, deadline);
      await this.#prepare(transition);
    } catch (error) {
      this.#course.report(transition, 'failed');
      throw error;
    }
    entry.enabled = true;
    this.#course.start(transition);
    return transition;
  }

  /** Starts the transition away from a patch, or turns round the one to it. @throws what `Coordinator.disable` says */
  async disable(name: string): Promise<Transition> {
    const entry = requireEnabled(this.#standing.list, name);
    if (this.#standing.transition?.entry === entry) return this.reverse();
    checkIdle(this.#standing.transition, `disable ${describe(name)}`);
    checkBlocked(this.#parts.states, entry);
    const rest = this.#standing.list.filter((other) => other !== entry);
    const number = ++this.#standing.lastVersion;
    const after = { version: rest.length === 0 ? 0 : number, stack: rest };
    const migrations = this.#parts.migrator.plan(rest, [entry]);
    const transition = new Transition(entry, 'disable', this.#standing.settled, after, [], migrations, performance.now());
    this.#course.begin(transition);
    await this.#parts.stages.prepareToLeave(transition);
    entry.enabled = false;
    this.#course.start(transition);
    return transition;
  }

  /** Turns the pending transition round. `cause`: what those are told who waited for the other end. */
  reverse(cause?: ShadowError): Transition {
    const transition = requirePending(this.#standing.transition, 'reverse');
    const { entry, direction } = transition;
    if (transition.migrated || transition.migrating)
      throw new ShadowError(
        'ERR_PATCH_NO_TRANSITION',
        `patch ${describe(entry.name)} cannot be reversed any more: variables are being migrated`,
      );
    if (direction === PATCHING) checkBlocked(this.#parts.states, entry);
    return this.#course.turn(transition, cause);
  }

  /** Lets the pending transition end without those threads that have not switched. */
  force(reason: string): Transition {
    const transition = requirePending(this.#standing.transition, 'force');
    const { entry, direction, replaced } = transition;
    this.#course.migrate(transition);
    transition.forced = reason;
    entry.forced = reason;
    // Whose code may still run somewhere: of a patch that goes, or of those that it replaces.
    const going = direction === UNPATCHING ? [entry] : replaced;
    for (const other of going) {
      other.forced = reason;
      this.registrar.pin(other, reason);
    }
    this.#parts.announce('milestone', { milestone: 'forced', patch: entry.name, reason });
    this.#course.order(transition.order(this.#parts.migrator.retained));
    this.#course.report(transition, 'forced');
    return transition;
  }

  /** Says how the pending transition is getting on. */
  report(phase: TransitionPhase): void {
    if (this.#standing.transition !== undefined) this.#course.report(this.#standing.transition, phase);
  }

  setRedirection(on: boolean): void {
    this.#parts.redirection.switch(on, this.#standing.list);
    this.#parts.journal.save();
  }

  /** The newest patch older than the one in transition tells (klp_get_prev_state). */
  previousState(id: number): StateEntry | undefined {
    const pending = this.#standing.transition?.entry;
    if (pending === undefined) {
      process.emitWarning(`getPrevState(${describe(id)}) means something only while a transition is under way`, { type: 'UmbraWarning' });
      return undefined;
    }
    const older = this.#standing.list.slice(0, this.#standing.list.indexOf(pending));
    return older.findLast((entry) => entry.state(id) !== undefined)?.state(id)?.entry;
  }

  async drained(): Promise<void> {
    await this.#parts.migrator.drained();
    await this.#parts.collector.drained();
    this.#parts.deaths.close();
    this.#parts.journal.close();
  }

  #admit(patch: Patch): void {
    try {
      checkStates(
        this.#standing.list.map((entry) => entry.patch),
        patch,
      );
    } catch (error) {
      this.#parts.announce('milestone', { milestone: 'incompatible', patch: patch.name });
      throw error;
    }
    checkIdle(this.#standing.transition, `enable ${describe(patch.name)}`);
    checkName(this.#standing.list, patch.name);
  }

  async #load(entry: PatchEntry, deadline: Deadline): Promise<void> {
    this.#parts.redirection.note(entry, await this.threads.load(entry.reference, deadline));
    try {
      await this.keeper.admit(); // modules of threads that were starting when the patch was asked for
      this.#parts.redirection.checkFunctions(entry, this.#parts.objects.loaded(entry));
    } catch (error) {
      this.#course.settle();
      throw error;
    }
  }

  /** Everything that comes before any thread may switch. If somebody refuses, all is as before. */
  async #prepare(transition: Transition): Promise<void> {
    const { entry } = transition;
    try {
      this.#parts.journal.keep(entry.reference);
    } catch (error) {
      this.#course.settle();
      throw error;
    }
    this.#parts.announce('milestone', { milestone: 'enable-begin', patch: entry.name });
    this.#standing.list = [...this.#standing.list, entry];
    this.#course.begin(transition);
    try {
      await this.#parts.stages.prepare(transition);
    } catch (error) {
      await this.#course.cancel(transition);
      throw error;
    }
  }

  /** Work under the mutex that nobody waits for; nothing remains to be done when the coordinator is closed. */
  #background(work: () => Promise<void> | void): void {
    this.#exclusive(work).catch((error: unknown) => {
      if (!(error instanceof ShadowError && error.code === 'ERR_PATCH_CLOSED')) this.#parts.warn(error as ShadowError);
    });
  }

  /** Goes on with what a dead coordinator was in the middle of. Under the mutex. */
  resume(): Promise<Resumption> {
    return resume({
      standing: this.#standing,
      journal: this.#parts.journal,
      keeper: this.keeper,
      stages: this.#parts.stages,
      tell: (transition) => {
        this.threads.line.direction = transition?.direction ?? NO_TRANSITION;
        if (transition === undefined) this.#course.settle();
        else this.#course.order(transition.order(this.#parts.migrator.retained));
        this.#parts.migrator.know(this.#standing.patches);
        this.#parts.deaths.settle();
      },
      goOn: (transition) => {
        this.#course.report(transition, 'resume');
        void this.#course.drive(transition);
      },
      start: (transition) => {
        this.#course.start(transition);
      },
      cancel: async (transition) => {
        await this.#course.cancel(transition);
        this.#course.report(transition, 'failed');
      },
      afterwards: (work) => {
        this.#course.afterwards(work);
      },
    });
  }
}
