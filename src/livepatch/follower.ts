/**
 * Owns how a thread follows the coordinator's manifests: taking the newest, loading what it names, switching when nothing is in the way, and
 * telling the coordinator how far it is; and with that the **gate** that agent.ts describes.
 *
 * Writes THREAD_PATCH_EPOCH and THREAD_PATCH_LOADED of the thread's slot, and through running.ts what that writes; raises PATCH_WAKE after each
 * change that the coordinator waits for. No locks. Imports errors, layout, chains, code, declared, lookout, manifest, module-gate, radio,
 * running, slot-words, tasks, waiting and the type of the store.
 */
import { ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';
import type { ShadowStore } from '../shadow/store.js';
import { setLive } from './chains.js';
import { Code } from './code.js';
import { watchDeclarations } from './declared.js';
import { Lookout } from './lookout.js';
import type { Manifest } from './manifest.js';
import { liveModules, ModuleGate, type Obstacle } from './module-gate.js';
import { type Message, Radio } from './radio.js';
import type { SourcePolicy } from './root.js';
import { Running } from './running.js';
import type { SlotWords } from './slot-words.js';
import type { TaskTable } from './tasks.js';
import { WaitingTasks } from './waiting.js';

const NEVER = -1;

export class Follower {
  /** PATCH_EPOCH with which tasks run without a second look; NEVER while something is to be done at the next entry. */
  acted = NEVER;
  readonly running: Running;
  readonly code: Code;
  readonly #words: Int32Array;
  readonly #tasks: TaskTable;
  readonly #slot: SlotWords;
  readonly #radio: Radio;
  readonly #waiting: WaitingTasks;
  readonly #modules: ModuleGate;
  readonly #lookout = new Lookout(() => {
    this.betweenTasks();
  });
  #newest: Manifest;
  /** The manifest to act on as soon as that is possible. */
  #pending: Manifest | null = null;
  /** Whether tasks wait because of the manifest that is pending, or because the thread is drained and on hold. */
  #closed = false;
  #drained = false;
  /** Epoch of the last manifest that was acted on in full. */
  #reached = NEVER;
  /** Why the newest manifest cannot be run here. */
  #failure: ShadowError | null = null;
  #watchers: (() => void)[] = [];

  /** `announced` is what the environment of this thread said when it was started; possibly outdated. */
  constructor(
    store: ShadowStore,
    storeName: string,
    announced: Manifest,
    policy: SourcePolicy | undefined,
    tasks: TaskTable,
    slot: SlotWords,
  ) {
    const { words } = store.internals;
    this.#words = words;
    this.#newest = announced;
    this.#tasks = tasks;
    this.#slot = slot;
    this.running = new Running(words, slot);
    this.code = new Code(store, policy ?? announced.policy);
    this.#radio = new Radio(storeName, (message) => {
      this.#receive(message);
      this.betweenTasks();
    });
    this.#waiting = new WaitingTasks(tasks, this.#radio);
    this.#modules = new ModuleGate(words, this.#radio);
    watchDeclarations(() => {
      this.acted = NEVER; // there may be a module to wait for
      this.#modules.tell(this.#newest);
    });
  }

  /** Does what is announced, unless that is known to be out of date. The coordinator counts the thread by now. */
  begin(): void {
    if (this.#isBehind()) this.#greet();
    else this.#follow();
  }

  /** Looks for a newer manifest; whether a task may run then. */
  isOpen(): boolean {
    this.#receive();
    if (!this.#isOpen()) return false;
    this.#rest();
    return true;
  }

  /** The entry of a task that had to wait. @throws ERR_PATCH_CLOSED, ERR_PATCH_LOAD, ERR_PATCH_MODULE */
  admission(kind: number): Promise<number> {
    const obstacle = this.#obstacle();
    const behind = this.#isBehind();
    if ((behind || obstacle === 'undecided') && this.#isAlone()) return Promise.reject(closed());
    if (behind) this.#greet();
    else if (obstacle instanceof ShadowError) return Promise.reject(obstacle);
    return this.#waiting.add(kind);
  }

  /** Resolves when the newest manifest has arrived, is loaded and acted on in full. Keeps a pool's worker from going to sleep until then. */
  async settle(): Promise<void> {
    this.#receive();
    this.betweenTasks();
    while (!this.isSettled()) {
      const changed = new Promise<void>((resolve) => this.#watchers.push(resolve));
      if (this.#isBehind()) {
        if (this.#isAlone()) return;
        this.#greet();
      }
      await changed;
    }
  }

  /** Nothing is left to do for what the coordinator has said so far. */
  isSettled(): boolean {
    if (this.#isBehind() || !this.code.hasAll(this.#newest)) return false;
    return this.#reached === this.#newest.epoch || this.#failure !== null;
  }

  /** Takes `first` and every message that has arrived, and acts on the newest manifest among them. */
  #receive(first?: Message): void {
    const before = this.#newest;
    for (let message = first ?? this.#radio.next(); message !== undefined; message = this.#radio.next()) {
      if (message.kind === 'manifest' && message.manifest.epoch > this.#newest.epoch) this.#newest = message.manifest;
      else if (message.kind === 'newcomer') this.#introduce();
    }
    if (this.#newest !== before) this.#follow();
    if (this.#isAlone()) this.#outlive();
    this.#changed();
  }

  /** Tells a coordinator that is younger than this thread what its numbers mean, and which modules it waits for. */
  #introduce(): void {
    this.#radio.repeatNames();
    this.#modules.tell(this.#newest);
  }

  /** A point at which tasks may have ended. */
  betweenTasks(): void {
    if (this.#tasks.inFlight > 0 && this.running.pin === null) return;
    // A message overtakes its epoch, so the gate may be closed already while the word still is the old one.
    if (this.#pending !== null || Atomics.load(this.#words, Layout.PATCH_EPOCH) !== this.acted) {
      this.#receive();
      if (this.#isBehind()) this.#greet(); // the message was there before this thread was
    }
    this.#attempt();
  }

  #follow(): void {
    const manifest = this.#newest;
    // step: follow.received
    this.acted = NEVER;
    this.#failure = null;
    this.#pending = null;
    this.#closed = this.#drained; // one that was drained on purpose stays so until it knows what for
    setLive(liveModules(manifest));
    this.code.keep(manifest, this.running.patches);
    if (this.code.hasStack(manifest)) this.#act(manifest);
    if (this.#newest !== manifest) return;
    if (this.code.hasAll(manifest)) this.#report(manifest);
    else void this.#load(manifest);
    this.#modules.tell(manifest);
  }

  /** Loads in the background what is missing; tasks go on with the version they have. */
  async #load(manifest: Manifest): Promise<void> {
    // step: follow.loading
    const loadsStack = !this.code.hasStack(manifest);
    await this.code.load(manifest.stack);
    if (this.#newest !== manifest) return;
    if (loadsStack) this.#act(manifest);
    await this.code.load(manifest.standby);
    if (this.#newest === manifest) this.#report(manifest);
  }

  /** The code of the stack is here, or is known not to come. */
  #act(manifest: Manifest): void {
    const failed = this.code.failure(manifest) !== undefined;
    if (!failed && manifest.version === this.running.number) {
      this.#settled(manifest);
      return;
    }
    this.#pending = manifest;
    this.#closed = true;
    // step: follow.closed
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
    if (this.running.pin === null) {
      if (this.#isReady(manifest)) return false; // nothing to tell apart
      if (!this.running.pinned(manifest, this.code.stackOf(manifest))) {
        this.#catchUp();
        return false;
      }
    }
    return this.running.pin?.aim(manifest.version) === true;
  }

  /** Acts on the manifest that is pending, if nothing is in the way any more. */
  #attempt(): void {
    const manifest = this.#pending;
    if (manifest === null || !this.#isReady(manifest)) return;
    const failure = this.code.failure(manifest);
    if (failure !== undefined) this.#fail(failure);
    else if (manifest.mode === 'hold') this.#hold(manifest);
    else this.#flip(manifest);
  }

  #isReady(manifest: Manifest): boolean {
    const obstruction = this.running.obstruction(manifest, this.code.stackOf(manifest), this.#tasks.inFlight);
    if (obstruction === 'calls') this.#lookout.watch();
    return obstruction === null;
  }

  #flip(manifest: Manifest): void {
    if (this.running.flip(manifest, this.code.stackOf(manifest))) {
      this.code.release(this.running.patches);
      this.#settled(manifest);
    } else {
      this.#catchUp();
    }
  }

  /** There is a newer manifest: it has arrived already, or has to be asked for. */
  #catchUp(): void {
    this.#receive();
    if (this.#isBehind()) this.#greet();
  }

  /** This thread runs the version of the manifest: says so, and admits the tasks that waited. */
  #settled(manifest: Manifest): void {
    this.#closed = false;
    this.#drained = false;
    this.#reach(manifest);
    if (this.#isBehind()) {
      // The coordinator does not wait for threads that run nothing yet. It may have completed the next transition without this one, so
      // nothing is admitted to this version unless, after the version was written, its epoch still is the newest.
      this.#catchUp();
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
    this.#lookout.end();
    // step: follow.reach
    this.#slot.note(Layout.THREAD_PATCH_EPOCH, epoch);
    // step: follow.reached
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
    if (this.#reached === this.#newest.epoch) this.acted = this.#newest.epoch;
  }

  /** The coordinator was closed: nobody says any more what this thread waits for. It goes on with what it has, if that is certain. */
  #outlive(): void {
    if (this.#isBehind() || this.#obstacle() !== null) {
      this.#waiting.dismiss(closed());
    } else if (this.#drained || this.#pending?.mode === 'hold') {
      this.#settled(this.#newest);
    }
  }

  /** A thread that cannot load what is enabled runs nothing, rather than something else than the others. */
  #fail(failure: ShadowError): void {
    this.#failure = failure;
    this.#pending = null;
    this.running.stop();
    this.#slot.wakeCoordinator();
    this.#waiting.dismiss(failure);
    this.#changed();
  }

  /** Tells how loading went. */
  #report(manifest: Manifest): void {
    const report = this.code.report(manifest);
    this.#radio.tellNames();
    if (report !== null) this.#radio.post(report);
    // After the message: the coordinator that sees the word finds the message in its queue.
    const failed = report !== null && report.failure !== null;
    // step: follow.told
    this.#slot.note(Layout.THREAD_PATCH_LOADED, failed ? -manifest.epoch : manifest.epoch);
    // step: follow.loaded
    this.#slot.wakeCoordinator();
    this.#changed();
  }

  /** A task may run now. A thread that runs an older version and is still loading the next one keeps its gate open meanwhile. */
  #isOpen(): boolean {
    return this.running.number !== Layout.PATCH_NOT_RUNNING && !this.#closed && !this.#isBehind() && this.#obstacle() === null;
  }

  /** What keeps tasks of this thread from running whatever the version. */
  #obstacle(): Obstacle {
    return this.#failure ?? this.#modules.obstacle(this.#newest);
  }

  #isBehind(): boolean {
    return this.#newest.epoch < Atomics.load(this.#words, Layout.PATCH_EPOCH);
  }

  /** Whether nobody answers this thread any more. */
  #isAlone(): boolean {
    return Atomics.load(this.#words, Layout.PATCH_COORDINATOR) === Layout.COORDINATOR_CLOSED;
  }

  /** Asks the coordinator for the manifest. */
  #greet(): void {
    this.#radio.greet(Atomics.load(this.#words, Layout.PATCH_EPOCH));
  }

  #changed(): void {
    for (const resolve of this.#watchers.splice(0)) resolve();
  }
}

function closed(): ShadowError {
  return new ShadowError('ERR_PATCH_CLOSED', 'the coordinator was closed before it told this thread which patches are enabled');
}
