/**
 * Owns the worker's side of live patching: following the coordinator's manifests, and the **gate** that lets every task run entirely on
 * one version. One agent per thread.
 *
 * The gate: a task reads PATCH_EPOCH once, at entry. Unchanged: it runs. Changed: the thread takes the new manifest; if that names another
 * version, tasks that come from then on wait until those in flight have ended and no call is active that would change under way, the
 * thread flips, and they run. Code is loaded before a thread closes its gate, so the gate is closed for as long as the tasks in flight take
 * and no longer. The other ways to switch: SwitchMode in manifest.ts, and pin.ts.
 *
 * **The order of flipping**: THREAD_FLIPPING = 1, PATCH_EPOCH still that of the manifest, install, THREAD_PATCH_VERSION, THREAD_FLIPPING = 0,
 * then whatever else is said. The coordinator publishes, then reads THREAD_FLIPPING, then THREAD_PATCH_VERSION: so after a reversal it knows
 * for certain that a thread which has not switched will not, however long it is stuck.
 *
 * Writes, in its own thread slot, THREAD_AGENT, THREAD_PATCH_EPOCH, THREAD_PATCH_LOADED, THREAD_PATCH_VERSION and THREAD_FLIPPING; raises
 * PATCH_WAKE after each change that the coordinator waits for. No locks. Imports the rest of the worker's side, layout, errors and the type
 * of the store.
 */
import { threadId } from 'node:worker_threads';

import { ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';
import type { ShadowStore } from '../shadow/store.js';
import { watchEnds } from './activity.js';
import { install, isBusy, setLive, type Stack } from './chains.js';
import { undeclared, watchDeclarations } from './declared.js';
import { ownedFunctions } from './intercept.js';
import { Library } from './library.js';
import { LoadedPatch } from './loaded.js';
import { localStores } from './local.js';
import { type Manifest, type PatchReference, storeName } from './manifest.js';
import { liveModules, refusedModule, unmentionedModules } from './module-gate.js';
import { Pin } from './pin.js';
import { type Message, Radio } from './radio.js';
import { prepareScripts } from './script.js';
import { SlotWords } from './slot-words.js';
import { TaskTable } from './tasks.js';
import { WaitingTasks } from './waiting.js';

/** What `enter()` answers when the task has to wait. */
export const CLOSED = -1;
const NEVER = -1;

export class Agent {
  readonly store: ShadowStore;
  readonly storeName: string;
  /** The pinned switch that is under way. */
  pin: Pin | null = null;
  readonly #words: Int32Array;
  readonly #slot: SlotWords;
  readonly #tasks: TaskTable;
  readonly #waiting: WaitingTasks;
  readonly #radio: Radio;
  readonly #library = new Library();
  /** Patches that no manifest names any more and that may still run. */
  readonly #forgotten = new Set<LoadedPatch>();
  #newest: Manifest;
  /** PATCH_EPOCH with which tasks run without a second look; NEVER while something is to be done at the next entry. */
  #acted = NEVER;
  #version = Layout.PATCH_NOT_RUNNING;
  #installed: Stack = [];
  /** The manifest to act on as soon as that is possible. */
  #pending: Manifest | null = null;
  /** Whether tasks wait because of the manifest that is pending, or because the thread is drained and on hold. */
  #closed = false;
  #drained = false;
  /** Epoch of the last manifest that was acted on in full. */
  #reached = NEVER;
  /** Why the newest manifest cannot be run here. */
  #failure: ShadowError | null = null;
  #nextTurn: NodeJS.Immediate | undefined;
  #inNextTurn = false;
  #watchers: (() => void)[] = [];

  /** `announced` is what the environment of this thread said when it was started; possibly outdated. */
  constructor(store: ShadowStore, announced: Manifest) {
    const { words, slotAddress } = store.internals;
    this.store = store;
    this.storeName = storeName(words);
    this.#words = words;
    this.#newest = announced;
    this.#tasks = new TaskTable(words, slotAddress);
    this.#slot = new SlotWords(store, this.#tasks);
    this.#radio = new Radio(this.storeName, (message) => {
      this.#receive(message);
      this.#betweenTasks();
    });
    this.#waiting = new WaitingTasks(this.#tasks, this.#radio);
    watchDeclarations(() => {
      this.#acted = NEVER; // there may be a module to wait for
      this.#tellModules();
    });
    prepareScripts().catch(() => undefined); // a script that cannot be loaded for that reason says so
    this.#slot.begin();
    if (this.#isBehind()) this.#greet();
    else this.#follow();
  }

  /** Number of the version that whoever asks runs; 0 = unpatched, PATCH_NOT_RUNNING before the first manifest. */
  get version(): number {
    return this.pin === null ? this.#version : this.pin.version;
  }

  get tasksInFlight(): number {
    return this.#tasks.inFlight;
  }

  /** Patches that run here or may come to. */
  get patches(): LoadedPatch[] {
    return this.#library.loaded();
  }

  /** Admits a task and returns its entry, with which it must `leave()`; or CLOSED: then `admission()` tells. */
  enter(kind: number): number {
    if (Atomics.load(this.#words, Layout.PATCH_EPOCH) !== this.#acted) {
      this.#receive();
      if (!this.#isOpen()) return CLOSED;
      this.#rest();
    }
    return this.#tasks.begin(kind);
  }

  /** The entry of a task that had to wait. @throws ERR_PATCH_CLOSED, ERR_PATCH_LOAD, ERR_PATCH_MODULE */
  admission(kind: number): Promise<number> {
    const obstacle = this.#obstacle();
    const behind = this.#isBehind();
    if ((behind || obstacle === 'undecided') && this.#isCoordinator(Layout.COORDINATOR_CLOSED)) return Promise.reject(closed());
    if (behind) this.#greet();
    else if (obstacle instanceof ShadowError) return Promise.reject(obstacle);
    return this.#waiting.add(kind);
  }

  /** Ends an admitted task: the thread holds no views any more, and flips if the gate waited for this one. */
  leave(entry: number): void {
    try {
      this.store.safepoint();
    } finally {
      this.#tasks.end(entry);
      this.#betweenTasks();
    }
  }

  /** A point in a long synchronous loop where no view is held; outside tasks also a point where the thread may flip. */
  safepoint(): void {
    this.store.safepoint();
    this.#betweenTasks();
  }

  /** Resolves when the newest manifest has arrived, is loaded and acted on in full. Keeps a pool's worker from going to sleep until then. */
  async settle(): Promise<void> {
    this.#receive();
    this.#betweenTasks();
    while (!this.isSettled()) {
      const changed = new Promise<void>((resolve) => this.#watchers.push(resolve));
      if (this.#isBehind()) {
        if (this.#isCoordinator(Layout.COORDINATOR_CLOSED)) return;
        this.#greet();
      }
      await changed;
    }
  }

  /** Nothing is left to do for what the coordinator has said so far. */
  isSettled(): boolean {
    if (this.#isBehind() || !this.#library.hasAll(allPatches(this.#newest))) return false;
    return this.#reached === this.#newest.epoch || this.#failure !== null;
  }

  /** Takes `first` and every message that has arrived, and acts on the newest manifest among them. */
  #receive(first?: Message): void {
    const before = this.#newest;
    for (let message = first ?? this.#radio.next(); message !== undefined; message = this.#radio.next()) {
      if (message.kind === 'manifest' && message.manifest.epoch > this.#newest.epoch) this.#newest = message.manifest;
    }
    if (this.#newest !== before) {
      this.#radio.tellNewcomer();
      this.#follow();
    }
    if (this.#isCoordinator(Layout.COORDINATOR_CLOSED)) this.#outlive();
    this.#changed();
  }

  #betweenTasks(): void {
    if (this.#tasks.inFlight > 0 && this.pin === null) return;
    // A message overtakes its epoch, so the gate may be closed already while the word still is the old one.
    if (this.#pending !== null || Atomics.load(this.#words, Layout.PATCH_EPOCH) !== this.#acted) this.#receive();
    this.#attempt();
  }

  #follow(): void {
    const manifest = this.#newest;
    const all = allPatches(manifest);
    this.#acted = NEVER;
    this.#failure = null;
    this.#pending = null;
    this.#closed = this.#drained; // one that was drained on purpose stays so until it knows what for
    setLive(liveModules(manifest));
    for (const patch of this.#library.keep(all)) this.#forgotten.add(patch);
    this.#release();
    for (const patch of all) this.#library.loadNow(patch);
    this.#knowTypes();
    if (this.#library.hasAll(manifest.stack)) this.#act(manifest);
    if (this.#newest !== manifest) return;
    if (this.#library.hasAll(all)) this.#report(manifest);
    else void this.#load(manifest);
    this.#tellModules();
  }

  /** Loads in the background what is missing; tasks go on with the version they have. */
  async #load(manifest: Manifest): Promise<void> {
    const loadsStack = !this.#library.hasAll(manifest.stack);
    for (const patch of manifest.stack) await this.#library.load(patch);
    this.#knowTypes();
    if (this.#newest !== manifest) return;
    if (loadsStack) this.#act(manifest);
    for (const patch of manifest.standby) await this.#library.load(patch);
    this.#knowTypes();
    if (this.#newest === manifest) this.#report(manifest);
  }

  /** The code of the stack is here, or is known not to come. */
  #act(manifest: Manifest): void {
    const failed = this.#library.failure(manifest.stack) !== undefined;
    if (!failed && this.pin === null && manifest.version === this.#version) {
      this.#settled(manifest);
      return;
    }
    this.#pending = manifest;
    this.#closed = true;
    if (!failed && manifest.mode === 'pin') {
      const aimed = this.#aim(manifest);
      if (this.#newest !== manifest) return;
      this.#closed = !aimed;
    }
    this.#attempt();
    this.#admit();
  }

  /** Has tasks from now on start on the version of the manifest while others are in flight; false if they would be of a third one. */
  #aim(manifest: Manifest): boolean {
    if (this.pin === null) {
      if (this.#isReady(manifest)) return false; // nothing to tell apart
      const first = { number: this.#version, stack: this.#installed };
      const second = { number: manifest.version, stack: this.#stackOf(manifest) };
      const begun = this.#change(manifest, Layout.PATCH_MIXED, () => {
        this.pin = new Pin(first, second);
      });
      if (!begun) return false;
    }
    const target = this.pin?.versionOf(manifest.version);
    if (target !== undefined && this.pin !== null) this.pin.target = target;
    return target !== undefined;
  }

  /** Acts on the manifest that is pending, if nothing is in the way any more. */
  #attempt(): void {
    const manifest = this.#pending;
    if (manifest === null || !this.#isReady(manifest)) return;
    const failure = this.#library.failure(manifest.stack);
    if (failure !== undefined) this.#fail(failure);
    else if (manifest.mode === 'hold') this.#hold(manifest);
    else this.#flip(manifest);
  }

  /** Whether all tasks and calls of another version than that of the manifest have ended, or do not matter. */
  #isReady(manifest: Manifest): boolean {
    if (manifest.mode === 'force') return true;
    const kept = manifest.mode === 'hold' ? undefined : this.pin?.versionOf(manifest.version);
    const { inFlight } = this.#tasks;
    const others = kept === undefined ? inFlight : this.pin!.tasksBeside(kept, inFlight);
    if (others > 0) return false;
    if (!isBusy(this.#stackOf(manifest))) return true;
    // Suspended calls say when they end. Those that are on the stack at this moment will have ended at the next turn.
    watchEnds(() => {
      this.#betweenTasks();
    });
    if (!this.#inNextTurn) {
      this.#nextTurn ??= setImmediate(() => {
        this.#nextTurn = undefined;
        this.#inNextTurn = true;
        this.#betweenTasks();
        this.#inNextTurn = false;
      });
    }
    return false;
  }

  #flip(manifest: Manifest): void {
    const stack = this.#stackOf(manifest);
    const flipped = this.#change(manifest, manifest.version, () => {
      this.pin?.end();
      this.pin = null;
      install(stack);
      this.#installed = stack;
    });
    if (!flipped) return;
    this.#release();
    this.#settled(manifest);
  }

  /** Lets go of patches that no manifest names and that do not run any more: nothing of them is held from here on. */
  #release(): void {
    const running = new Set([...this.#installed, ...(this.pin?.second.stack ?? [])]);
    for (const loaded of this.#forgotten) {
      if (running.has(loaded)) continue;
      this.#forgotten.delete(loaded);
      loaded.release();
      this.store.internals.bindings.forget(loaded.shadowTypes);
    }
    this.#knowTypes();
  }

  /** Has variables migrated by what any patch here declares. The coordinator does that for its own store object. */
  #knowTypes(): void {
    if (localStores().has(this.storeName)) return;
    this.store.internals.bindings.know([...this.#library.loaded(), ...this.#forgotten].flatMap((loaded) => loaded.shadowTypes));
  }

  /** **The order of flipping.** False if the manifest was out of date: then this thread has done what the next one says, or asked for it. */
  #change(manifest: Manifest, version: number, install: () => void): boolean {
    this.#slot.note(Layout.THREAD_FLIPPING, 1);
    const current = Atomics.load(this.#words, Layout.PATCH_EPOCH) <= manifest.epoch;
    if (current) {
      install();
      this.#version = version;
      this.#slot.note(Layout.THREAD_PATCH_VERSION, version);
    }
    this.#slot.note(Layout.THREAD_FLIPPING, 0);
    if (current) return true;
    this.#receive();
    if (this.#isBehind()) this.#greet();
    return false;
  }

  /** This thread runs the version of the manifest: says so, and admits the tasks that waited. */
  #settled(manifest: Manifest): void {
    this.#closed = false;
    this.#drained = false;
    this.#reach(manifest);
    if (this.#isBehind()) {
      // The coordinator does not wait for threads that run nothing yet. It may have completed the next transition without this one, so
      // nothing is admitted to this version unless, after the version was written, its epoch still is the newest.
      this.#receive();
      if (this.#isBehind()) this.#greet();
      return;
    }
    this.#admit();
  }

  /** Nothing of what changes is under way; whatever the next manifest says can be done at once. */
  #hold(manifest: Manifest): void {
    this.#drained = true;
    this.#reach(manifest);
  }

  #reach({ epoch }: Manifest): void {
    this.#pending = null;
    this.#reached = epoch;
    watchEnds(undefined);
    this.#slot.note(Layout.THREAD_PATCH_EPOCH, epoch);
    this.#slot.wakeCoordinator();
    this.#changed();
  }

  /** Lets the tasks run that waited, unless there is something else to wait for. */
  #admit(): void {
    const obstacle = this.#obstacle();
    if (obstacle instanceof ShadowError) {
      this.#waiting.dismiss(obstacle);
    } else if (this.#isOpen()) {
      this.#rest();
      this.#waiting.admit();
    }
  }

  /** Has tasks run without a second look, if there is nothing left to do. */
  #rest(): void {
    if (this.#reached === this.#newest.epoch) this.#acted = this.#newest.epoch;
  }

  /** The coordinator was closed: nobody says any more what this thread waits for. It goes on with what it has, if that is certain. */
  #outlive(): void {
    if (this.#isBehind() || this.#obstacle() !== null) {
      this.#waiting.dismiss(closed());
    } else if (this.#drained || this.#pending?.mode === 'hold') {
      this.#pending = null;
      this.#closed = false;
      this.#drained = false;
      this.#admit();
    }
  }

  /** A thread that cannot load what is enabled runs nothing, rather than something else than the others. */
  #fail(failure: ShadowError): void {
    this.#failure = failure;
    this.#pending = null;
    this.pin?.end();
    this.pin = null;
    install([]);
    this.#installed = [];
    this.#version = Layout.PATCH_NOT_RUNNING;
    this.#slot.note(Layout.THREAD_PATCH_VERSION, Layout.PATCH_NOT_RUNNING);
    this.#slot.wakeCoordinator();
    this.#waiting.dismiss(failure);
    this.#changed();
  }

  /** Tells how loading went: of the candidate, if there is one, for that is what the coordinator then asks about. */
  #report({ epoch, stack, standby, candidate }: Manifest): void {
    const failure = this.#library.failure(candidate === null ? stack : standby.filter(({ serial }) => serial === candidate));
    this.#radio.tellNames();
    if (failure !== undefined || candidate !== null) {
      const loaded = candidate === null ? undefined : this.#library.get(candidate);
      const checked = loaded instanceof LoadedPatch ? loaded.patch : undefined;
      this.#radio.post({
        kind: 'loaded',
        thread: threadId,
        epoch,
        failure: failure?.message ?? null,
        undeclared: checked === undefined ? [] : undeclared(checked),
        owned: checked === undefined ? [] : ownedFunctions(checked),
      });
    }
    // After the message: the coordinator that sees the word finds the message in its queue.
    this.#slot.note(Layout.THREAD_PATCH_LOADED, failure === undefined ? epoch : -epoch);
    this.#slot.wakeCoordinator();
    this.#changed();
  }

  /** Tells the coordinator of modules that its manifest does not mention. */
  #tellModules(): void {
    const names = unmentionedModules(this.#newest);
    if (names.length > 0 && this.#isCoordinator(Layout.COORDINATOR_LIVE)) this.#radio.post({ kind: 'modules', thread: threadId, names });
  }

  /** A task may run now. A thread that runs an older version and is still loading the next one keeps its gate open meanwhile. */
  #isOpen(): boolean {
    return this.#version !== Layout.PATCH_NOT_RUNNING && !this.#closed && !this.#isBehind() && this.#obstacle() === null;
  }

  /** What keeps tasks of this thread from running whatever the version: an error, or something to wait for. */
  #obstacle(): ShadowError | 'undecided' | null {
    const refused = this.#failure ?? refusedModule(this.#newest);
    if (refused !== null || this.#isCoordinator(Layout.COORDINATOR_NONE)) return refused;
    // Without any patch, a coordinator that will not answer any more has nothing to say.
    if (this.#isCoordinator(Layout.COORDINATOR_CLOSED) && this.#newest.stack.length === 0) return null;
    return unmentionedModules(this.#newest).length > 0 ? 'undecided' : null;
  }

  #isBehind(): boolean {
    return this.#newest.epoch < Atomics.load(this.#words, Layout.PATCH_EPOCH);
  }

  #isCoordinator(state: number): boolean {
    return Atomics.load(this.#words, Layout.PATCH_COORDINATOR) === state;
  }

  /** Asks the coordinator for the manifest. */
  #greet(): void {
    this.#radio.greet(Atomics.load(this.#words, Layout.PATCH_EPOCH));
  }

  #stackOf(manifest: Manifest): Stack {
    const kept = this.pin?.versionOf(manifest.version);
    if (kept !== undefined) return kept.stack;
    return manifest.stack.map(({ serial }) => this.#library.get(serial)).filter((patch) => patch instanceof LoadedPatch);
  }

  #changed(): void {
    for (const resolve of this.#watchers.splice(0)) resolve();
  }
}

function allPatches({ stack, standby }: Manifest): readonly PatchReference[] {
  return [...stack, ...standby];
}

function closed(): ShadowError {
  return new ShadowError('ERR_PATCH_CLOSED', 'the coordinator was closed before it told this thread which patches are enabled');
}
