/**
 * Owns the list of patches and the order of operations of every transition (livepatch-semantics, section 2). Its caller holds the
 * coordinator's mutex in every method; only the waiting for threads in between runs without it. Writes shared memory only through threads.ts
 * and the registrar. Imports the rest of the coordinator's side but coordinator.ts.
 */
import { describe, messageOf, ShadowError } from '../errors.js';
import { Records } from '../shadow/records.js';
import type { ShadowStore } from '../shadow/store.js';
import { countRegistrations } from '../shadow/succession.js';
import type { AnyShadowType } from '../shadow/type.js';
import { checkBlocked, checkIdle, checkName, requireEnabled, requirePending } from './admission.js';
import { CallbackRunner } from './callbacks.js';
import { Collector } from './collector.js';
import type { Deadline } from './deadline.js';
import { Deaths } from './deaths.js';
import { PatchEntry } from './entry.js';
import type { Announce, TransitionPhase } from './events.js';
import { Journal } from './journal.js';
import { Legacy } from './legacy.js';
import { NO_TRANSITION, PATCHING, UNPATCHING } from './line.js';
import type { PatchReference } from './manifest.js';
import { Migrator } from './migrations.js';
import { ModuleKeeper } from './module-keeper.js';
import { ModuleTable } from './modules.js';
import { ObjectKeeper } from './objects.js';
import type { ReadOptions } from './options.js';
import type { Patch, StateEntry } from './patch.js';
import { Redirection } from './redirection.js';
import { unusable } from './record.js';
import { Registrar } from './registrar.js';
import type { Takeover } from './restore.js';
import { type Resumption, resume } from './resume.js';
import { Stages } from './stages.js';
import { checkStates, StateTable } from './states.js';
import { Standing } from './standing.js';
import { type Order, type Progress, Threads } from './threads.js';
import { directionName, references, stageName, Transition, type TransitionResult } from './transition.js';

/** Runs work under the coordinator's mutex when its turn comes. Rejects with what it throws, or with ERR_PATCH_CLOSED. */
export type Exclusive = <T>(work: () => Promise<T> | T) => Promise<T>;

export class Operations {
  readonly threads: Threads;
  readonly modules: ModuleTable;
  readonly keeper: ModuleKeeper;
  readonly registrar: Registrar;
  readonly callbacks: CallbackRunner;
  readonly #announce: Announce;
  readonly #exclusive: Exclusive;
  readonly #warn: (error: ShadowError) => void;
  readonly #deaths: Deaths;
  readonly #journal: Journal;
  readonly #collector: Collector;
  readonly #objects: ObjectKeeper;
  readonly #states: StateTable;
  readonly #stages: Stages;
  readonly #redirection = new Redirection();
  readonly #migrator: Migrator;
  readonly #standing = new Standing();
  readonly #legacy: Legacy;
  /** What a coordinator that took over has to do when the transition that it found is complete. */
  #afterwards: (() => Promise<void>) | undefined;

  /** `takeover`: what a dead coordinator left; `resume()` goes on with it. @throws what `Coordinator` says */
  constructor(
    store: ShadowStore,
    options: ReadOptions,
    takeover: Takeover | undefined,
    announce: Announce,
    warn: (error: ShadowError) => void,
    exclusive: Exclusive,
  ) {
    const application = new Map(takeover?.record?.application ?? countRegistrations(store.internals.memory));
    const records = new Records(store.internals.variables, store.internals.bindings);
    this.#journal = new Journal(records, warn, () => this.#legacy.snapshot());
    this.#announce = announce;
    this.#exclusive = exclusive;
    this.#warn = warn;
    this.#collector = new Collector(announce, warn, () => {
      this.#journal.save();
    });
    this.registrar = new Registrar(store, this.#journal, this.#collector, announce, (id) =>
      this.#migrator.declared(id, this.#standing.transition?.target.stack ?? this.#standing.list),
    );
    this.modules = new ModuleTable(announce);
    const callbacks = (this.callbacks = new CallbackRunner(store, this.#journal, announce, warn, (id) => this.previousState(id)));
    this.#states = new StateTable(callbacks, this.registrar);
    this.#objects = new ObjectKeeper(callbacks, this.registrar, this.modules, announce, (entry, name) =>
      this.#redirection.obstacle(entry, name),
    );
    this.#stages = new Stages(this.#objects, this.#states, this.registrar, announce);
    this.#migrator = new Migrator(store, announce, warn, () => {
      this.#background(() => {
        if (this.#standing.transition === undefined) this.#settle();
      });
    });
    this.#deaths = new Deaths(store, announce, warn);
    this.threads = new Threads(store, options.threads, options.policy, takeover?.claim ?? 0, {
      modules: () => this.modules.entries,
      onModules: (names) => {
        if (this.keeper.declare(names)) this.#background(() => this.keeper.admit());
      },
      onLateFailure: warn,
      onDeath: () => {
        this.#deaths.look();
      },
      onPoke: (attempt, stragglers) => {
        if (this.#standing.transition !== undefined) announce('poke', { patch: this.#standing.transition.entry.name, attempt, stragglers });
      },
    });
    this.keeper = new ModuleKeeper(
      this.modules,
      this.#objects,
      {
        list: () => this.#standing.list,
        inTransition: (entry) => this.#standing.transition?.entry === entry,
        retell: () => {
          this.#journal.save();
          this.threads.retell();
        },
      },
      this.#journal,
      announce,
      warn,
    );
    if (options.types !== undefined) this.#declare(store, options.types);
    this.#legacy = new Legacy({
      application,
      policy: options.policy,
      standing: this.#standing,
      journal: this.#journal,
      states: this.#states,
      registrar: this.registrar,
      modules: this.modules,
      redirection: this.#redirection,
      collector: this.#collector,
      migrator: this.#migrator,
    });
    try {
      if (takeover === undefined || takeover.record === null) this.#journal.begin();
      else this.#legacy.restore(takeover.record, takeover.patches);
    } catch (error) {
      this.threads.giveUp();
      this.#deaths.close();
      throw error instanceof ShadowError ? error : unusable(messageOf(error), error);
    }
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
    const migrations = this.#migrator.plan(after.stack, replaced);
    const transition = new Transition(
      entry,
      replaced.length > 0 ? 'replace' : 'enable',
      this.#standing.settled,
      after,
      replaced,
      migrations,
      startedAt,
    );
    this.#journal.save();
    this.#report(transition, 'load', { switched: 0, threads: this.threads.progress().threads });
    try {
      await this.#load(entry, deadline);
      await this.#prepare(transition);
    } catch (error) {
      this.#report(transition, 'failed');
      throw error;
    }
    entry.enabled = true;
    this.#start(transition);
    return transition;
  }

  /** Starts the transition away from a patch, or turns round the one to it. @throws what `Coordinator.disable` says */
  async disable(name: string): Promise<Transition> {
    const entry = requireEnabled(this.#standing.list, name);
    if (this.#standing.transition?.entry === entry) return this.reverse();
    checkIdle(this.#standing.transition, `disable ${describe(name)}`);
    checkBlocked(this.#states, entry);
    const rest = this.#standing.list.filter((other) => other !== entry);
    const number = ++this.#standing.lastVersion;
    const after = { version: rest.length === 0 ? 0 : number, stack: rest };
    const migrations = this.#migrator.plan(rest, [entry]);
    const transition = new Transition(entry, 'disable', this.#standing.settled, after, [], migrations, performance.now());
    this.#begin(transition);
    await this.#stages.prepareToLeave(transition);
    entry.enabled = false;
    this.#start(transition);
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
    if (direction === PATCHING) checkBlocked(this.#states, entry);
    return this.#turn(transition, cause);
  }

  #turn(transition: Transition, cause: ShadowError | undefined): Transition {
    const { entry, direction } = transition;
    const to = direction === PATCHING ? UNPATCHING : PATCHING;
    transition.direction = to;
    transition.cause = cause;
    entry.enabled = to === PATCHING;
    // step: transition.turned
    this.threads.line.direction = to;
    const from = directionName(direction);
    this.#announce('milestone', { milestone: 'transition-reverse', patch: entry.name, from, to: directionName(to) });
    this.#announce('milestone', { milestone: 'transition-start', patch: entry.name, direction: directionName(to) });
    this.#order(transition.order(this.#migrator.retained));
    this.#report(transition, 'reverse');
    return transition;
  }

  /** Lets the pending transition end without those threads that have not switched. */
  force(reason: string): Transition {
    const transition = requirePending(this.#standing.transition, 'force');
    const { entry, direction, replaced } = transition;
    this.#migrate(transition);
    transition.forced = reason;
    entry.forced = reason;
    // Whose code may still run somewhere: of a patch that goes, or of those that it replaces.
    const going = direction === UNPATCHING ? [entry] : replaced;
    for (const other of going) {
      other.forced = reason;
      this.registrar.pin(other, reason);
    }
    this.#announce('milestone', { milestone: 'forced', patch: entry.name, reason });
    this.#order(transition.order(this.#migrator.retained));
    this.#report(transition, 'forced');
    return transition;
  }

  /** Says how the pending transition is getting on. */
  report(phase: TransitionPhase): void {
    if (this.#standing.transition !== undefined) this.#report(this.#standing.transition, phase);
  }

  setRedirection(on: boolean): void {
    this.#redirection.switch(on, this.#standing.list);
    this.#journal.save();
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
    await this.#migrator.drained();
    await this.#collector.drained();
    this.#deaths.close();
    this.#journal.close();
  }

  #admit(patch: Patch): void {
    try {
      checkStates(
        this.#standing.list.map((entry) => entry.patch),
        patch,
      );
    } catch (error) {
      this.#announce('milestone', { milestone: 'incompatible', patch: patch.name });
      throw error;
    }
    checkIdle(this.#standing.transition, `enable ${describe(patch.name)}`);
    checkName(this.#standing.list, patch.name);
  }

  async #load(entry: PatchEntry, deadline: Deadline): Promise<void> {
    this.#redirection.note(entry, await this.threads.load(entry.reference, deadline));
    try {
      await this.keeper.admit(); // modules of threads that were starting when the patch was asked for
      this.#redirection.checkFunctions(entry, this.#objects.loaded(entry));
    } catch (error) {
      this.#settle();
      throw error;
    }
  }

  /** Everything that comes before any thread may switch. If somebody refuses, all is as before. */
  async #prepare(transition: Transition): Promise<void> {
    const { entry } = transition;
    try {
      this.#journal.keep(entry.reference);
    } catch (error) {
      this.#settle();
      throw error;
    }
    this.#announce('milestone', { milestone: 'enable-begin', patch: entry.name });
    this.#standing.list = [...this.#standing.list, entry];
    this.#begin(transition);
    try {
      await this.#stages.prepare(transition);
    } catch (error) {
      await this.#cancel(transition);
      throw error;
    }
  }

  /** Undoes what was prepared: no thread has been told. */
  async #cancel(transition: Transition): Promise<void> {
    const { entry } = transition;
    this.#announce('milestone', { milestone: 'enable-failed', patch: entry.name });
    this.#announce('milestone', { milestone: 'transition-cancel', patch: entry.name });
    transition.direction = UNPATCHING;
    transition.stage = 'cancelling';
    this.#journal.enter(stageName(transition));
    await this.#stages.leave(transition, this.#delist);
    this.#end(transition);
    this.#settle();
  }

  #begin(transition: Transition): void {
    const { entry, direction } = transition;
    this.#standing.transition = transition;
    entry.transition = true;
    this.#journal.enter(stageName(transition));
    // step: transition.noted
    this.#announce('milestone', { milestone: 'transition-init', patch: entry.name, direction: directionName(direction) });
  }

  #start(transition: Transition): void {
    const { entry, direction } = transition;
    this.threads.line.direction = direction;
    this.#announce('milestone', { milestone: 'transition-start', patch: entry.name, direction: directionName(direction) });
    transition.stage = 'pending';
    this.#journal.leave();
    // step: transition.start
    this.#order(transition.order(this.#migrator.retained));
    // step: transition.ordered
    void this.#drive(transition);
  }

  /** Waits for the threads, and completes when they have done their part. */
  async #drive(transition: Transition): Promise<void> {
    let started = false;
    try {
      while (this.#standing.transition === transition) {
        await this.threads.obeyed((progress) => {
          this.#report(transition, started ? 'progress' : 'start', progress);
          started = true;
        });
        await this.#exclusive(async () => {
          if (this.threads.isObeyed()) await this.#advance(transition);
        });
      }
    } catch (error) {
      transition.fail(error as Error);
    }
  }

  /** Work under the mutex that nobody waits for; nothing remains to be done when the coordinator is closed. */
  #background(work: () => Promise<void> | void): void {
    this.#exclusive(work).catch((error: unknown) => {
      if (!(error instanceof ShadowError && error.code === 'ERR_PATCH_CLOSED')) this.#warn(error as ShadowError);
    });
  }

  async #advance(transition: Transition): Promise<void> {
    if (transition.mode === 'hold') {
      try {
        this.#migrate(transition);
        this.#order(transition.order(this.#migrator.retained));
      } catch (error) {
        this.#turn(transition, error as ShadowError); // no version came into force; there is no other way than back
      }
      return;
    }
    const { entry, target } = transition;
    const workers = this.threads.progress().switched;
    transition.stage = 'completing';
    this.#journal.enter(stageName(transition));
    // step: transition.completing
    if (transition.direction === PATCHING) await this.#stages.arrive(transition, this.#delist);
    else await this.#stages.leave(transition, this.#delist);
    // step: transition.arrived
    this.#standing.settled = target;
    this.#standing.settledMode = transition.forced === null ? 'gate' : 'force';
    this.#end(transition);
    this.#settle();
    await this.#afterwards?.();
    this.#afterwards = undefined;
    await this.keeper.reconsider();
    this.#deaths.settle();
    this.#report(transition, 'complete');
    const result: TransitionResult = {
      patch: entry.name,
      kind: transition.kind,
      reversed: transition.reversed,
      forced: transition.forced,
      milliseconds: performance.now() - transition.startedAt,
      workers,
    };
    transition.end(result, () => {
      const what = `the transition of patch ${describe(entry.name)} was reversed`;
      return new ShadowError('ERR_PATCH_REVERSED', `${what} before it was complete; all is as before`);
    });
  }

  readonly #delist = (entries: readonly PatchEntry[]): void => {
    this.#standing.list = this.#standing.list.filter((entry) => !entries.includes(entry));
  };

  #end({ entry, direction }: Transition): void {
    this.#standing.transition = undefined;
    entry.transition = false;
    this.#journal.leave();
    this.#journal.save();
    // step: transition.ended
    this.threads.line.direction = NO_TRANSITION;
    this.#announce('milestone', { milestone: 'transition-done', patch: entry.name, direction: directionName(direction) });
  }

  /** Tells the threads what they run anyway, so that they let go of what they need no longer. */
  #settle(): void {
    const { version } = this.#standing.settled;
    this.#order({
      version,
      stack: references(this.#standing.settled),
      mode: this.#standing.settledMode,
      standby: this.#retained(),
      candidate: null,
    });
    this.#migrator.know(this.#standing.list);
  }

  /** Notes how things are, then tells the threads: none runs what no record names. */
  #order(order: Order): void {
    this.#journal.save();
    this.threads.order(order);
  }

  #retained(): PatchReference[] {
    const stack = references(this.#standing.settled);
    return this.#migrator.retained.filter((reference) => !stack.includes(reference));
  }

  /** Every thread is drained, or was forced. */
  #migrate(transition: Transition): void {
    if (transition.migrated || transition.reversed || transition.migrations.length === 0) return;
    const { before, after } = transition;
    transition.migrating = true;
    this.#journal.save();
    // step: transition.migrating
    this.#migrator.know([...before.stack, ...after.stack]);
    try {
      this.#migrator.begin(transition.migrations, [...before.stack, ...after.stack]);
    } catch (error) {
      transition.migrating = false; // none came into force
      this.#journal.save();
      throw error;
    }
    // step: transition.migrated
    transition.migrated = true;
  }

  /** Goes on with what a dead coordinator was in the middle of. Under the mutex. */
  resume(): Promise<Resumption> {
    return resume({
      standing: this.#standing,
      journal: this.#journal,
      keeper: this.keeper,
      stages: this.#stages,
      tell: (transition) => {
        this.threads.line.direction = transition?.direction ?? NO_TRANSITION;
        if (transition === undefined) this.#settle();
        else this.#order(transition.order(this.#migrator.retained));
        this.#migrator.know(this.#standing.patches);
        this.#deaths.settle();
      },
      goOn: (transition) => {
        this.#report(transition, 'resume');
        void this.#drive(transition);
      },
      start: (transition) => {
        this.#start(transition);
      },
      cancel: async (transition) => {
        await this.#cancel(transition);
        this.#report(transition, 'failed');
      },
      afterwards: (work) => {
        this.#afterwards = work;
      },
    });
  }

  /** The application's own types, of which another thread's store object knows. */
  #declare({ internals }: ShadowStore, types: readonly AnyShadowType[]): void {
    const known = internals.registry.declarations().some(({ owner }) => !owner.startsWith('patch '));
    if (!known) internals.registry.adopt('application', 'base', types);
  }

  #report(transition: Transition, phase: TransitionPhase, progress: Progress = this.threads.progress()): void {
    const { entry, kind, startedAt } = transition;
    const { switched, threads: workers } = progress;
    this.#announce('transition', {
      patch: entry.name,
      kind,
      phase,
      switched,
      workers,
      milliseconds: performance.now() - startedAt,
    });
  }
}
