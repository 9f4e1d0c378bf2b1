/**
 * Owns the course of one transition after another (livepatch-semantics, section 2): begun, threads told, waited for, completed or undone, and what threads run
 * when none is pending. Its caller holds the coordinator's mutex in every method but `drive()`, which waits for the threads without it. Writes shared memory only
 * through threads.ts and the registrar. Imports the parts of a coordinator.
 */
import { describe, ShadowError } from '../errors.js';
import type { Assembly } from './assembly.js';
import type { Deaths } from './deaths.js';
import type { PatchEntry } from './entry.js';
import type { Announce, TransitionPhase } from './events.js';
import type { Journal } from './journal.js';
import { NO_TRANSITION, PATCHING, UNPATCHING } from './line.js';
import type { PatchReference } from './manifest.js';
import type { Migrator } from './migrations.js';
import type { ModuleKeeper } from './module-keeper.js';
import type { Stages } from './stages.js';
import type { Standing } from './standing.js';
import type { Order, Progress, Threads } from './threads.js';
import { directionName, references, stageName, type Transition, type TransitionResult } from './transition.js';

/** Runs work under the coordinator's mutex when its turn comes. Rejects with what it throws, or with ERR_PATCH_CLOSED. */
export type Exclusive = <T>(work: () => Promise<T> | T) => Promise<T>;

export class Course {
  readonly #announce: Announce;
  readonly #exclusive: Exclusive;
  readonly #standing: Standing;
  readonly #threads: Threads;
  readonly #keeper: ModuleKeeper;
  readonly #deaths: Deaths;
  readonly #journal: Journal;
  readonly #stages: Stages;
  readonly #migrator: Migrator;
  /** What a coordinator that took over has to do when the transition that it found is complete. */
  #afterwards: (() => Promise<void>) | undefined;

  constructor({ announce, standing, threads, keeper, deaths, journal, stages, migrator }: Assembly, exclusive: Exclusive) {
    this.#announce = announce;
    this.#exclusive = exclusive;
    this.#standing = standing;
    this.#threads = threads;
    this.#keeper = keeper;
    this.#deaths = deaths;
    this.#journal = journal;
    this.#stages = stages;
    this.#migrator = migrator;
  }

  /** Has something done when the pending transition is complete. */
  afterwards(work: () => Promise<void>): void {
    this.#afterwards = work;
  }

  /** Turns a transition round. `cause`: what those are told who waited for the other end. */
  turn(transition: Transition, cause: ShadowError | undefined): Transition {
    const { entry, direction } = transition;
    const to = direction === PATCHING ? UNPATCHING : PATCHING;
    transition.direction = to;
    transition.cause = cause;
    entry.enabled = to === PATCHING;
    // step: transition.turned
    this.#threads.line.direction = to;
    const from = directionName(direction);
    this.#announce('milestone', { milestone: 'transition-reverse', patch: entry.name, from, to: directionName(to) });
    this.#announce('milestone', { milestone: 'transition-start', patch: entry.name, direction: directionName(to) });
    this.order(transition.order(this.#migrator.retained));
    this.report(transition, 'reverse');
    return transition;
  }

  /** Undoes what was prepared: no thread has been told. */
  async cancel(transition: Transition): Promise<void> {
    const { entry } = transition;
    this.#announce('milestone', { milestone: 'enable-failed', patch: entry.name });
    this.#announce('milestone', { milestone: 'transition-cancel', patch: entry.name });
    transition.direction = UNPATCHING;
    transition.stage = 'cancelling';
    this.#journal.enter(stageName(transition));
    await this.#stages.leave(transition, this.#delist);
    this.#end(transition);
    this.settle();
  }

  begin(transition: Transition): void {
    const { entry, direction } = transition;
    this.#standing.transition = transition;
    entry.transition = true;
    this.#journal.enter(stageName(transition));
    // step: transition.noted
    this.#announce('milestone', { milestone: 'transition-init', patch: entry.name, direction: directionName(direction) });
  }

  start(transition: Transition): void {
    const { entry, direction } = transition;
    this.#threads.line.direction = direction;
    this.#announce('milestone', { milestone: 'transition-start', patch: entry.name, direction: directionName(direction) });
    transition.stage = 'pending';
    this.#journal.leave();
    // step: transition.start
    this.order(transition.order(this.#migrator.retained));
    // step: transition.ordered
    void this.drive(transition);
  }

  /** Waits for the threads, and completes when they have done their part. */
  async drive(transition: Transition): Promise<void> {
    let started = false;
    try {
      while (this.#standing.transition === transition) {
        await this.#threads.obeyed((progress) => {
          this.report(transition, started ? 'progress' : 'start', progress);
          started = true;
        });
        await this.#exclusive(async () => {
          if (this.#threads.isObeyed()) await this.#advance(transition);
        });
      }
    } catch (error) {
      transition.fail(error as Error);
    }
  }

  async #advance(transition: Transition): Promise<void> {
    if (transition.mode === 'hold') {
      try {
        this.migrate(transition);
        this.order(transition.order(this.#migrator.retained));
      } catch (error) {
        this.turn(transition, error as ShadowError); // no version came into force; there is no other way than back
      }
      return;
    }
    const { entry, target } = transition;
    const workers = this.#threads.progress().switched;
    transition.stage = 'completing';
    this.#journal.enter(stageName(transition));
    // step: transition.completing
    if (transition.direction === PATCHING) await this.#stages.arrive(transition, this.#delist);
    else await this.#stages.leave(transition, this.#delist);
    // step: transition.arrived
    this.#standing.settled = target;
    this.#standing.settledMode = transition.forced === null ? 'gate' : 'force';
    this.#end(transition);
    this.settle();
    await this.#afterwards?.();
    this.#afterwards = undefined;
    await this.#keeper.reconsider();
    this.#deaths.settle();
    this.report(transition, 'complete');
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
    this.#threads.line.direction = NO_TRANSITION;
    this.#announce('milestone', { milestone: 'transition-done', patch: entry.name, direction: directionName(direction) });
  }

  /** Tells the threads what they run anyway, so that they let go of what they need no longer. */
  settle(): void {
    const { version } = this.#standing.settled;
    this.order({
      version,
      stack: references(this.#standing.settled),
      mode: this.#standing.settledMode,
      standby: this.#retained(),
      candidate: null,
    });
    this.#migrator.know(this.#standing.list);
  }

  /** Notes how things are, then tells the threads: none runs what no record names. */
  order(order: Order): void {
    this.#journal.save();
    this.#threads.order(order);
  }

  #retained(): PatchReference[] {
    const stack = references(this.#standing.settled);
    return this.#migrator.retained.filter((reference) => !stack.includes(reference));
  }

  /** Every thread is drained, or was forced. */
  migrate(transition: Transition): void {
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

  report(transition: Transition, phase: TransitionPhase, progress: Progress = this.#threads.progress()): void {
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
