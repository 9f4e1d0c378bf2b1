/**
 * Owns the worker's side of live patching: following the coordinator's manifests, and the **gate** that lets every task run entirely on
 * one version. One agent per thread.
 *
 * The gate: a task reads PATCH_EPOCH once, at entry. Unchanged: it runs. Changed: the thread takes the new manifest; if that names another
 * version, tasks that come from then on wait until those in flight have ended, the thread flips, and they run. Code is loaded before a
 * thread closes its gate, so the gate is closed for as long as the tasks in flight take and no longer.
 *
 * Writes, in its own thread slot, THREAD_AGENT, THREAD_PATCH_EPOCH, THREAD_PATCH_LOADED, THREAD_PATCH_VERSION and THREAD_TASKS; raises
 * PATCH_WAKE after each change that the coordinator waits for. Code is installed before the words that say so are written. No locks.
 * Imports layout, errors, manifest, functions, library and the type of the store.
 */
import { BroadcastChannel, type MessagePort, receiveMessageOnPort, threadId } from 'node:worker_threads';

import { ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';
import type { Thread } from '../memory/threads.js';
import type { ShadowStore } from '../shadow/store.js';
import { install, LoadedPatch, undeclared } from './functions.js';
import { Library } from './library.js';
import { type AgentMessage, channelName, type CoordinatorMessage, type Manifest, type PatchReference, storeName } from './manifest.js';

/** A task at the closed gate. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: ShadowError) => void;
}

/** The channel carries what other agents say as well; it is skipped. */
type Message = CoordinatorMessage | AgentMessage;

const NEVER = -1;

export class Agent {
  readonly store: ShadowStore;
  readonly storeName: string;
  readonly #words: Int32Array;
  readonly #slot: number;
  readonly #thread: Thread;
  readonly #channel: BroadcastChannel;
  readonly #library = new Library();
  #newest: Manifest;
  /** PATCH_EPOCH with which tasks run without a second look; NEVER while something is to be done at the next entry. */
  #acted = NEVER;
  #version = Layout.PATCH_NOT_RUNNING;
  #inFlight = 0;
  /** The manifest to flip to once no task is in flight; while set, the gate is closed. */
  #gate: Manifest | null = null;
  /** Why the newest manifest cannot be run here. */
  #failure: ShadowError | null = null;
  #waiting: Waiter[] = [];
  /** The load that was started last; pending as long as the newest manifest is not loaded. */
  #loading: Promise<void> = Promise.resolve();
  #greeted = NEVER;
  #messageTaken: (() => void)[] = [];

  /** `announced` is what the environment of this thread said when it was started; possibly outdated. */
  constructor(store: ShadowStore, announced: Manifest) {
    const { words, slotAddress, thread } = store.internals;
    this.store = store;
    this.storeName = storeName(words);
    this.#words = words;
    this.#slot = slotAddress;
    this.#thread = thread;
    this.#newest = announced;
    this.#channel = new BroadcastChannel(channelName(this.storeName));
    this.#channel.onmessage = (event: unknown) => {
      this.#receive((event as { readonly data: Message }).data);
    };
    this.#channel.unref();
    this.#note(Layout.THREAD_PATCH_EPOCH, NEVER);
    this.#note(Layout.THREAD_PATCH_LOADED, 0);
    this.#note(Layout.THREAD_PATCH_VERSION, Layout.PATCH_NOT_RUNNING);
    this.#note(Layout.THREAD_TASKS, 0);
    // From here on the coordinator counts this thread: it cannot be overlooked, for it reads PATCH_EPOCH after this store, and the
    // coordinator looks for agents after raising it.
    this.#note(Layout.THREAD_AGENT, words[slotAddress + Layout.THREAD_GENERATION]!);
    process.once('exit', () => {
      this.#note(Layout.THREAD_AGENT, 0);
      this.#wakeCoordinator();
    });
    if (this.#isBehind()) this.#greet();
    else this.#follow();
  }

  /** Number of the version that tasks of this thread run; 0 = unpatched, PATCH_NOT_RUNNING before the first manifest. */
  get version(): number {
    return this.#version;
  }

  /** Admits a task at once (`undefined`), or when the promise resolves. Each admitted task must `leave()`. */
  enter(): Promise<void> | undefined {
    if (Atomics.load(this.#words, Layout.PATCH_EPOCH) !== this.#acted) {
      this.#receive();
      if (!this.#isOpen()) return this.#wait();
    }
    this.#count(1);
    return undefined;
  }

  /** Ends an admitted task: the thread holds no views any more, and flips if the gate waited for this one. */
  leave(): void {
    try {
      this.store.safepoint();
    } finally {
      this.#count(-1);
      this.#betweenTasks();
    }
  }

  /** A point in a long synchronous loop where no view is held; outside tasks also a point where the thread may flip. */
  safepoint(): void {
    this.store.safepoint();
    this.#betweenTasks();
  }

  /** Resolves when the newest manifest has arrived and its code is loaded. Keeps a pool's worker from going to sleep until then. */
  async settle(): Promise<void> {
    this.#receive();
    for (;;) {
      const message = new Promise<void>((resolve) => this.#messageTaken.push(resolve));
      if (this.#isBehind()) {
        if (this.#isClosed()) return;
        this.#greet();
        await message;
      } else if (!this.#library.hasAll(allPatches(this.#newest))) {
        await Promise.race([message, this.#loading]); // a newer manifest may drop what does not end loading
      } else {
        return;
      }
    }
  }

  #betweenTasks(): void {
    if (this.#inFlight > 0) return;
    // A message overtakes its epoch, so the gate may be closed already while the word still is the old one.
    if (this.#gate !== null || Atomics.load(this.#words, Layout.PATCH_EPOCH) !== this.#acted) this.#receive();
    if (this.#gate !== null) this.#flip(this.#gate);
  }

  /** A task may run now. A thread that runs an older version and is still loading the next one keeps its gate open meanwhile. */
  #isOpen(): boolean {
    return this.#version !== Layout.PATCH_NOT_RUNNING && this.#gate === null && !this.#isBehind();
  }

  #isBehind(): boolean {
    return this.#newest.epoch < Atomics.load(this.#words, Layout.PATCH_EPOCH);
  }

  #isClosed(): boolean {
    return Atomics.load(this.#words, Layout.PATCH_COORDINATOR) === Layout.COORDINATOR_CLOSED;
  }

  #wait(): Promise<void> {
    if (this.#isBehind()) {
      if (this.#isClosed()) return Promise.reject(closed());
      this.#greet();
    } else if (this.#failure !== null) {
      return Promise.reject(this.#failure);
    }
    this.#channel.ref(); // a thread with waiting tasks stays alive
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Takes `first` and every message that has arrived, and acts on the newest manifest among them. */
  #receive(first?: Message): void {
    const before = this.#newest;
    for (let message = first ?? this.#nextMessage(); message !== undefined; message = this.#nextMessage()) {
      if (message.kind === 'manifest' && message.manifest.epoch > this.#newest.epoch) this.#newest = message.manifest;
    }
    if (this.#newest !== before) this.#follow();
    if (this.#isClosed() && this.#isBehind()) this.#dismiss(closed());
    for (const resolve of this.#messageTaken.splice(0)) resolve();
  }

  /** Takes BroadcastChannels as well, by its documentation though not by its types. */
  #nextMessage(): Message | undefined {
    return receiveMessageOnPort(this.#channel as unknown as MessagePort)?.message as Message | undefined;
  }

  /** Asks the coordinator for the manifest, once per epoch. */
  #greet(): void {
    const epoch = Atomics.load(this.#words, Layout.PATCH_EPOCH);
    if (this.#greeted === epoch) return;
    this.#greeted = epoch;
    this.#post({ kind: 'hello' });
  }

  #follow(): void {
    const manifest = this.#newest;
    this.#library.keep(allPatches(manifest));
    this.#failure = null;
    this.#gate = null;
    if (this.#library.hasAll(manifest.stack)) this.#act(manifest);
    if (this.#library.hasAll(allPatches(manifest))) this.#report(manifest);
    else this.#loading = this.#load(manifest);
  }

  /** Loads in the background what is missing; tasks go on with the version they have. */
  async #load(manifest: Manifest): Promise<void> {
    const loadsStack = !this.#library.hasAll(manifest.stack);
    for (const patch of manifest.stack) await this.#library.load(patch);
    if (this.#newest !== manifest) return;
    if (loadsStack) this.#act(manifest);
    if (manifest.candidate !== null) await this.#library.load(manifest.candidate);
    if (this.#newest !== manifest) return;
    this.#report(manifest);
  }

  /** The code of the stack is here, or is known not to come. */
  #act(manifest: Manifest): void {
    const failed = this.#library.failure(manifest.stack) !== undefined;
    if (!failed && manifest.version === this.#version) this.#settled(manifest);
    else if (this.#inFlight === 0) this.#flip(manifest);
    else this.#gate = manifest;
  }

  #flip(manifest: Manifest): void {
    this.#gate = null;
    const stack: LoadedPatch[] = [];
    for (const reference of manifest.stack) {
      const patch = this.#library.get(reference);
      if (patch instanceof ShadowError) {
        this.#fail(patch);
        return;
      }
      if (patch !== undefined) stack.push(patch);
    }
    install(stack);
    this.#version = manifest.version;
    this.#settled(manifest);
  }

  /** This thread runs the version of the manifest: says so, and admits the tasks that waited, counted before any of them runs. */
  #settled(manifest: Manifest): void {
    this.#acted = manifest.epoch;
    this.#note(Layout.THREAD_PATCH_VERSION, this.#version);
    this.#note(Layout.THREAD_PATCH_EPOCH, manifest.epoch);
    this.#wakeCoordinator();
    if (this.#isBehind()) {
      // The coordinator does not wait for threads that run nothing yet. It may have completed the next transition without this one, so
      // nothing is admitted to this version unless, after the version was written, its epoch still is the newest.
      this.#receive();
      if (this.#isBehind()) this.#greet();
      return;
    }
    const admitted = this.#waiting.splice(0);
    this.#count(admitted.length);
    for (const { resolve } of admitted) resolve();
    this.#channel.unref();
  }

  /** A thread that cannot load what is enabled runs nothing, rather than something else than the others. */
  #fail(failure: ShadowError): void {
    this.#failure = failure;
    this.#acted = NEVER;
    this.#version = Layout.PATCH_NOT_RUNNING;
    this.#note(Layout.THREAD_PATCH_VERSION, Layout.PATCH_NOT_RUNNING);
    this.#wakeCoordinator();
    this.#dismiss(failure);
  }

  #dismiss(error: ShadowError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#channel.unref();
  }

  /** Tells how loading went: of the candidate, if there is one, for that is what the coordinator then asks about. */
  #report({ epoch, stack, candidate }: Manifest): void {
    const failure = this.#library.failure(candidate === null ? stack : [candidate]);
    if (failure !== undefined || candidate !== null) {
      const checked = candidate === null ? undefined : this.#library.get(candidate);
      this.#post({
        kind: 'loaded',
        thread: threadId,
        epoch,
        failure: failure?.message ?? null,
        undeclared: checked instanceof LoadedPatch ? undeclared(checked.patch) : [],
      });
    }
    // After the message: the coordinator that sees the word finds the message in its queue.
    this.#note(Layout.THREAD_PATCH_LOADED, failure === undefined ? epoch : -epoch);
    this.#wakeCoordinator();
  }

  #post(message: AgentMessage): void {
    this.#channel.postMessage(message);
  }

  #count(change: number): void {
    this.#inFlight += change;
    this.#note(Layout.THREAD_TASKS, this.#inFlight);
  }

  /** Writes a word of this thread's slot, unless the store was disposed and the slot may be somebody else's by now. */
  #note(word: number, value: number): void {
    if (!this.#thread.disposed) Atomics.store(this.#words, this.#slot + word, value);
  }

  #wakeCoordinator(): void {
    Atomics.add(this.#words, Layout.PATCH_WAKE, 1);
    Atomics.notify(this.#words, Layout.PATCH_WAKE);
  }
}

function allPatches({ stack, candidate }: Manifest): readonly PatchReference[] {
  return candidate === null ? stack : [...stack, candidate];
}

function closed(): ShadowError {
  return new ShadowError('ERR_PATCH_CLOSED', 'the coordinator was closed before it told this thread which patches are enabled');
}
