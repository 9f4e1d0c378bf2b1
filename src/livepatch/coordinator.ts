/**
 * Owns the operations on patches: enabling, disabling, reversing, forcing, and modules that come and go. What they do to the list of patches
 * and in which order is operations.ts; here is who may do what when, what a caller waits for, and what an operator can look at. One mutex over
 * all of it, which is not held while threads are waited for. Writes shared memory only through what it imports: everything else in
 * livepatch/ but the worker's side.
 */
import { Mutex } from 'async-mutex';

import { describe, messageOf, ShadowError } from '../errors.js';
import { ShadowStore } from '../shadow/store.js';
import { notEnabled } from './admission.js';
import { aborted, Deadline, type TransitionOptions } from './deadline.js';
import { CoordinatorEmitter } from './events.js';
import { inspectPatches, inspectWorkers, type PatchInfo, type WorkerInfo } from './inspect.js';
import { PATCHING, UNPATCHING } from './line.js';
import { loadPatch, patchSource, type PatchSource } from './loader.js';
import type { ModuleInfo } from './modules.js';
import { Operations } from './operations.js';
import { type CoordinatorOptions, readOptions } from './options.js';
import type { StateEntry } from './patch.js';
import type { PinnedPatch } from './registrar.js';
import type { Takeover } from './restore.js';
import type { Resumption } from './resume.js';
import type { SourcePolicy } from './root.js';
import type { Straggler } from './stragglers.js';
import { tellStraggler } from './stragglers.js';
import type { Threads, WorkerGroup } from './threads.js';
import { type Direction, directionName, type Transition, type TransitionInfo, type TransitionResult } from './transition.js';

/** Runs transitions for whatever threads have an agent; pools are added by pool/coordinator.ts. */
export class Coordinator extends CoordinatorEmitter {
  readonly store: ShadowStore;
  readonly #policy: SourcePolicy | undefined;
  readonly #operations: Operations;
  readonly #threads: Threads;
  readonly #mutex = new Mutex();
  #closed: Promise<void> | undefined;
  #takenOver: Resumption | null = null;

  /**
   * `$takeover` is for `PatchCoordinator.recover()`.
   * @throws ERR_PATCH_COORDINATOR when the store has or had another coordinator, ERR_PATCH_DECLARATION for a bad option, ERR_SHADOW_EXHAUSTED
   */
  constructor(store: ShadowStore, options: CoordinatorOptions = {}, $takeover?: Takeover) {
    super();
    if (!(store instanceof ShadowStore))
      throw new ShadowError('ERR_PATCH_DECLARATION', `a PatchCoordinator is made for a ShadowStore, not for ${describe(store)}`);
    this.store = store;
    const read = readOptions(options);
    this.#policy = $takeover === undefined ? read.policy : $takeover.policy;
    this.#operations = new Operations(store, { ...read, policy: this.#policy }, $takeover, this.announce, this.warn, (work) =>
      this.#exclusive(work),
    );
    this.#threads = this.#operations.threads;
  }

  /** What this coordinator found when it took over from one that had died; null for any other. */
  get takenOver(): Resumption | null {
    return this.#takenOver;
  }

  /** Enabled patches and those in transition, oldest first. Plain data, as of now. */
  get patches(): PatchInfo[] {
    const { list, modules, transition } = this.#operations;
    return inspectPatches(list, modules, transition, this.#threads.agents());
  }

  /** One of `patches`. @throws ERR_PATCH_NOT_ENABLED */
  inspect(name: string): PatchInfo {
    const found = this.patches.find((info) => info.name === name);
    if (found !== undefined) return found;
    throw notEnabled(
      name,
      this.patches.map((info) => info.name),
    );
  }

  /** The threads that follow this coordinator, whatever is enabled; their `patchState` is about the pending transition. */
  get workers(): WorkerInfo[] {
    return inspectWorkers(this.#operations.transition, this.#threads.agents());
  }

  /** The pending transition. */
  get transition(): TransitionInfo | null {
    return this.#operations.transition?.info ?? null;
  }

  /** What forced transitions left behind, until `unpin()`. */
  get pinned(): PinnedPatch[] {
    return this.#operations.registrar.pinned;
  }

  /** Modules that are loaded, or on their way in or out. */
  get modules(): ModuleInfo[] {
    return this.#operations.modules.infos;
  }

  /** Number of the version that threads run, or are being switched to; 0 = unpatched. */
  get version(): number {
    return this.#threads.line.manifest.version;
  }

  /** The threads that hold up the pending transition, with what they are doing. Empty when none is pending. */
  stragglers(): Straggler[] {
    return this.#operations.transition === undefined ? [] : this.#threads.stragglers();
  }

  /** A state of an enabled patch, or of the one in transition, as its callbacks see it. */
  getState(patch: string, id: number): StateEntry | undefined {
    return this.#operations.list.find(({ name }) => name === patch)?.state(id)?.entry;
  }

  /** The state with this id that was there before the patch in transition; nothing, with a warning, outside a transition. */
  getPrevState(id: number): StateEntry | undefined {
    return this.#operations.previousState(id);
  }

  /**
   * Enables the patch that the module at a URL (or a path relative to the working directory) exports as default, or a bundled script: a
   * `.cjs` file, or `{ code }`. First every thread loads it; resolves when every thread runs it and its post_patch callbacks have run.
   * @throws ERR_PATCH_LOAD, _ROOT, _DECLARATION, _FUNCTION, _ENABLED, _STATE, _MIGRATION, _BUSY, _PRE_PATCH, _REDIRECTION, ERR_SHADOW_… of its
   * types: nothing changed. ERR_PATCH_REVERSED, _STALLED, _ABORTED: it was turned round, and all is as before. ERR_PATCH_CLOSED
   */
  async enable(source: PatchSource, options?: TransitionOptions): Promise<TransitionResult> {
    const deadline = new Deadline(options);
    try {
      deadline.check();
      const located = patchSource(source, this.#policy);
      const patch = await deadline.limit(loadPatch(located), () => true);
      const outcome = await this.#inTurn(deadline, async () => awaited(await this.#operations.enable(patch, located, deadline), PATCHING));
      return await this.#attend(outcome, PATCHING, deadline);
    } finally {
      deadline.stop();
    }
  }

  /**
   * Disables an enabled patch, wherever it is on the stack; one that is just being enabled is reversed. Resolves when no thread runs it any
   * more and the variables that nobody else needs are invisible; they are destroyed afterwards, see the event `collected`.
   * @throws ERR_PATCH_NOT_ENABLED, _BUSY, _BLOCKED, _MIGRATION: nothing changed. ERR_PATCH_REVERSED, _STALLED, _ABORTED, _CLOSED
   */
  async disable(name: string, options?: TransitionOptions): Promise<TransitionResult> {
    const deadline = new Deadline(options);
    try {
      const outcome = await this.#inTurn(deadline, async () => awaited(await this.#operations.disable(name), UNPATCHING));
      return await this.#attend(outcome, UNPATCHING, deadline);
    } finally {
      deadline.stop();
    }
  }

  /**
   * Turns the pending transition round, whichever way it goes. Resolves when that is complete; who waited for the other end is told
   * ERR_PATCH_REVERSED.
   * @throws ERR_PATCH_NO_TRANSITION, ERR_PATCH_BLOCKED, ERR_PATCH_REVERSED when it was turned round once more, ERR_PATCH_CLOSED
   */
  async reverse(): Promise<TransitionResult> {
    const outcome = await this.#exclusive(() => {
      const transition = this.#operations.reverse();
      return awaited(transition, transition.direction);
    });
    return outcome.ended;
  }

  /**
   * Completes the pending transition without waiting for the threads that have not switched: they switch as soon as they can, in the middle
   * of what they are doing. What their old code may still use stays registered, see `pinned` and `unpin()`.
   * @param reason for whoever looks at the patch later, 1…200 characters
   * @throws ERR_PATCH_NO_TRANSITION, ERR_PATCH_DECLARATION, ERR_PATCH_CLOSED
   */
  async force(reason: string): Promise<TransitionResult> {
    if (typeof reason !== 'string' || reason.length === 0 || reason.length > 200)
      throw new ShadowError('ERR_PATCH_DECLARATION', `force() takes the reason, a string of 1 to 200 characters, not ${describe(reason)}`);
    const outcome = await this.#exclusive(() => {
      const transition = this.#operations.force(reason);
      return awaited(transition, transition.direction);
    });
    return outcome.ended;
  }

  /** Gives up what forced transitions away from patches of this name left registered: nobody runs their code any more. @throws ERR_PATCH_PINNED */
  unpin(name: string): void {
    this.#operations.registrar.unpin(name);
  }

  /**
   * Says that a module comes: enabled patches are applied to it, then `init` runs, and it is live. A module that nobody announces comes
   * when the first thread declares functions of it with `patchable()`.
   * @throws ERR_PATCH_MODULE: it is loaded already, a patch refused it, or `init` failed (`cause`); it is not loaded then. ERR_PATCH_CLOSED
   */
  async loadModule(name: string, init?: () => unknown): Promise<void> {
    checkFunction('init', init);
    await this.#exclusive(() => this.#operations.keeper.come(name));
    try {
      await init?.();
    } catch (cause) {
      await this.#exclusive(() => this.#operations.keeper.leave(name));
      const why = messageOf(cause);
      throw new ShadowError('ERR_PATCH_MODULE', `the initialisation of module ${describe(name)} failed: ${why}`, { cause });
    }
    this.#operations.keeper.live(name);
  }

  /**
   * Says that a module goes: `exit` runs, then enabled patches are reverted from it without waiting for any thread, since nobody uses it any
   * more. Threads that declare its functions do not bring it back; `loadModule()` does.
   * @throws ERR_PATCH_MODULE when it is not live, ERR_PATCH_CLOSED
   */
  async unloadModule(name: string, exit?: () => unknown): Promise<void> {
    checkFunction('exit', exit);
    await this.#exclusive(() => {
      this.#operations.keeper.beginToGo(name);
    });
    try {
      await exit?.();
    } catch (cause) {
      const why = messageOf(cause);
      this.warn(new ShadowError('ERR_PATCH_CALLBACK', `the exit of module ${describe(name)} threw: ${why}; it is unloaded`, { cause }));
    }
    await this.#exclusive(() => this.#operations.keeper.leave(name));
  }

  /**
   * The master switch of redirection. While it is off, patches that replace functions are refused; it cannot go off while one is enabled.
   * @throws ERR_PATCH_REDIRECTION
   */
  setRedirection(on: boolean): void {
    if (typeof on !== 'boolean')
      throw new ShadowError('ERR_PATCH_DECLARATION', `setRedirection() takes true or false, not ${describe(on)}`);
    this.#operations.setRedirection(on);
  }

  /**
   * Ends all pools of this coordinator and stops answering threads; those that go on keep the version they run. Enabled patches'
   * registrations and variables stay. A transition that is waiting is abandoned: its promise rejects with ERR_PATCH_CLOSED. Resolves when
   * collections are swept.
   */
  close(): Promise<void> {
    if (this.#operations.callbacks.isCalling) return Promise.reject(callingError());
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Goes on with what the coordinator before this one was in the middle of. */
  protected async resume(): Promise<void> {
    this.#takenOver = await this.#exclusive(() => this.#operations.resume());
  }

  /** Starts threads that have to be woken, and ended with the coordinator. @throws ERR_PATCH_CLOSED */
  protected join<G extends WorkerGroup>(start: (threads: Threads) => G): G {
    if (this.#closed !== undefined) throw closedError();
    const group = start(this.#threads);
    this.#threads.join(group);
    return group;
  }

  async #close(): Promise<void> {
    this.#threads.interrupt();
    await this.#mutex.waitForUnlock();
    await this.#threads.close();
    for (const told of this.$onClosed) told();
    await this.#operations.drained();
  }

  #exclusive<T>(operation: () => Promise<T> | T): Promise<T> {
    if (this.#operations.callbacks.isCalling) return Promise.reject(callingError());
    return this.#mutex.runExclusive(() => {
      if (this.#closed !== undefined) throw closedError();
      return operation();
    });
  }

  /** An operation that is not begun, and not waited for any longer, when its caller's patience ends before its turn comes. */
  #inTurn<T>(deadline: Deadline, operation: () => Promise<T>): Promise<T> {
    let begun = false;
    const turn = this.#exclusive(() => {
      deadline.check();
      begun = true;
      return operation();
    });
    return deadline.limit(turn, () => !begun);
  }

  /** Waits for the end of a transition, as patiently as its caller is. */
  async #attend({ transition, ended }: Awaited, wanted: Direction, deadline: Deadline): Promise<TransitionResult> {
    const onEnd = (): void => {
      this.#exclusive(() => {
        if (this.#operations.transition === transition && transition.direction === wanted) this.#losePatience(transition, deadline);
      }).catch(() => undefined); // closed: the transition has been told
    };
    deadline.onEnd(onEnd);
    return ended;
  }

  #losePatience(transition: Transition, deadline: Deadline): void {
    const operations = this.#operations;
    const who = this.#threads.stragglers().map(tellStraggler).join('; ');
    const state = `${directionName(transition.direction)} ${describe(transition.entry.name)} was not complete within ${deadline.timeout} ms: ${who}`;
    if (!deadline.aborted) operations.report('stalled');
    if (!deadline.aborted && deadline.onStall === 'wait') return;
    try {
      if (deadline.aborted) operations.reverse(aborted(deadline.reason));
      else if (deadline.onStall === 'force') operations.force(`not complete within ${deadline.timeout} ms`);
      else operations.reverse(new ShadowError('ERR_PATCH_STALLED', `${state}; it was reversed, all is as before`));
    } catch (error) {
      this.warn(error as ShadowError); // it cannot be turned round: a state blocks that, or variables are being migrated
    }
  }
}

/** A transition that somebody waits for. In an object, so that it can leave the mutex before it has ended. */
interface Awaited {
  readonly transition: Transition;
  readonly ended: Promise<TransitionResult>;
}

function awaited(transition: Transition, wanted: Direction): Awaited {
  return { transition, ended: transition.outcome(wanted) };
}

function callingError(): ShadowError {
  return new ShadowError(
    'ERR_PATCH_BUSY',
    'a callback asked its own coordinator for an operation, which would have to wait for the callback; ask when the transition is over',
  );
}

function checkFunction(what: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function')
    throw new ShadowError('ERR_PATCH_MODULE', `the ${what} of a module is a function, not ${describe(value)}`);
}

function closedError(): ShadowError {
  return new ShadowError('ERR_PATCH_CLOSED', 'this coordinator was closed; a store has one coordinator during its life');
}
