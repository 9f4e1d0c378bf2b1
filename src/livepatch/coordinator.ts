/**
 * Owns the list of enabled patches and the order of operations of every transition (livepatch-semantics, section 2): one at a time, each
 * from beginning to end under one mutex. Writes shared memory only through threads.ts and the type registry. Imports everything else in
 * livepatch/ but the worker's side, and the store.
 */
import { Mutex } from 'async-mutex';

import { describe, ShadowError } from '../errors.js';
import type { ShadowStore } from '../shadow/store.js';
import { askPrePatch, tell } from './callbacks.js';
import { Collector } from './collector.js';
import { CoordinatorEmitter, type TransitionKind, type TransitionPhase } from './events.js';
import { inspectPatches, type ListedPatch, type PatchInfo } from './inspect.js';
import { type Direction, NO_TRANSITION, PATCHING, UNPATCHING } from './line.js';
import { importPatch, patchUrl } from './loader.js';
import type { PatchReference } from './manifest.js';
import type { Patch, PatchCallbacks, PatchObject } from './patch.js';
import { checkStates } from './states.js';
import { Threads, type WorkerGroup } from './threads.js';

export interface CoordinatorOptions {
  /** How long a patch may take to load in every thread before it is refused, 1…2^31−1 ms. Default 30000. */
  readonly loadMilliseconds?: number;
  /** How often a pending transition looks again without having been told to, 1…2^31−1 ms. Default 1000. */
  readonly pollMilliseconds?: number;
}

export interface TransitionResult {
  readonly patch: string;
  readonly kind: TransitionKind;
  /** From the moment its turn came, loading included. */
  readonly milliseconds: number;
  /** Threads that run the new version. */
  readonly workers: number;
}

interface EnabledPatch extends ListedPatch {
  readonly reference: PatchReference;
}

const OPTIONS: readonly string[] = ['loadMilliseconds', 'pollMilliseconds'];
const MAX_MILLISECONDS = 2 ** 31 - 1;

/** Runs transitions for whatever threads have an agent; pools are added by pool/coordinator.ts. */
export class Coordinator extends CoordinatorEmitter {
  readonly store: ShadowStore;
  readonly #threads: Threads;
  readonly #mutex = new Mutex();
  readonly #collector: Collector;
  /** In the order of enabling, those in transition included. */
  #list: EnabledPatch[] = [];
  #lastSerial = 0;
  #lastVersion = 0;
  #closed: Promise<void> | undefined;

  /** @throws ERR_PATCH_COORDINATOR when the store has or had another coordinator, ERR_PATCH_DECLARATION for a bad option */
  constructor(store: ShadowStore, options: CoordinatorOptions = {}) {
    super();
    for (const [name, value] of Object.entries(options)) checkOption(name, value);
    const { loadMilliseconds = 30_000, pollMilliseconds = 1000 } = options;
    const warn = (error: ShadowError): void => {
      this.warn(error);
    };
    this.store = store;
    this.#threads = new Threads(store, { loadMilliseconds, pollMilliseconds }, warn);
    this.#collector = new Collector((event) => {
      this.announce('collected', event);
    }, warn);
  }

  /** Enabled patches and those in transition, oldest first. Plain data, as of now. */
  get patches(): PatchInfo[] {
    return inspectPatches(this.#list);
  }

  /** Number of the version that threads run, or are being switched to; 0 = unpatched. */
  get version(): number {
    return this.#threads.line.manifest.version;
  }

  /**
   * Enables the patch that the module at `location` (URL, or path relative to the working directory) exports as default. Waits its turn;
   * resolves when every thread runs it.
   * @throws ERR_PATCH_LOAD, ERR_PATCH_DECLARATION, ERR_PATCH_FUNCTION, ERR_PATCH_ENABLED, ERR_PATCH_STATE, ERR_PATCH_PRE_PATCH,
   * ERR_SHADOW_… of its types: nothing changed. ERR_PATCH_CLOSED: the coordinator was closed
   */
  async enable(location: URL | string): Promise<TransitionResult> {
    const url = patchUrl(location);
    return this.#exclusive(async () => {
      const startedAt = performance.now();
      const patch = await importPatch(url);
      this.#checkAdmission(patch);
      const reference: PatchReference = { serial: ++this.#lastSerial, name: patch.name, url };
      const replaced = patch.replace ? [...this.#list] : [];
      const kind = replaced.length > 0 ? 'replace' : 'enable';
      const report = this.#reporter(patch.name, kind, startedAt);
      report('load', 0, this.#threads.count());
      try {
        await this.#threads.load(reference);
        await this.#prepare(patch);
      } catch (error) {
        report('failed', 0, this.#threads.count());
        throw error;
      }
      const entry: EnabledPatch = { patch, url, reference, version: ++this.#lastVersion, enabled: true, transition: true };
      this.#list.push(entry);
      const workers = await this.#switch(PATCHING, entry.version, patch.replace ? [entry] : this.#list, report);
      this.#list = this.#list.filter((other) => !replaced.includes(other));
      // The replaced patches' types go with them, though none of their callbacks run: every thread has left their code for good.
      for (const older of replaced) for (const object of older.patch.objects) this.#unregister(older.patch, object);
      for (const object of patch.objects) await this.#tell('postPatch', patch, object);
      return this.#complete(entry, kind, startedAt, workers, report);
    });
  }

  /**
   * Disables an enabled patch, wherever it is on the stack. Waits its turn; resolves when no thread runs it any more and the variables
   * that nobody else needs are invisible; they are destroyed afterwards, see the event `collected`.
   * @throws ERR_PATCH_NOT_ENABLED, ERR_PATCH_CLOSED
   */
  async disable(name: string): Promise<TransitionResult> {
    return this.#exclusive(async () => {
      const startedAt = performance.now();
      const entry = this.#list.find(({ patch }) => patch.name === name);
      if (entry === undefined) {
        const enabled = this.#list.map(({ patch }) => describe(patch.name)).join(', ') || 'none';
        throw new ShadowError('ERR_PATCH_NOT_ENABLED', `no patch named ${describe(name)} is enabled; enabled are: ${enabled}`);
      }
      const { patch } = entry;
      const report = this.#reporter(patch.name, 'disable', startedAt);
      for (const object of patch.objects) await this.#tell('preUnpatch', patch, object);
      entry.enabled = false;
      entry.transition = true;
      const rest = this.#list.filter((other) => other !== entry);
      const version = ++this.#lastVersion;
      const workers = await this.#switch(UNPATCHING, rest.length === 0 ? 0 : version, rest, report);
      // Registrations outlive post_unpatch: it may still want to look at the variables.
      for (const object of patch.objects) {
        await this.#tell('postUnpatch', patch, object);
        this.#unregister(patch, object);
      }
      this.#list = rest;
      return this.#complete(entry, 'disable', startedAt, workers, report);
    });
  }

  /**
   * Ends all pools of this coordinator and stops answering threads; those that go on keep the version they run. Enabled patches'
   * registrations and variables stay. A transition that is waiting is abandoned: its promise rejects with ERR_PATCH_CLOSED. Resolves when
   * collections are swept.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
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
    await this.#collector.drained();
  }

  #exclusive<T>(operation: () => Promise<T>): Promise<T> {
    return this.#mutex.runExclusive(() => {
      if (this.#closed !== undefined) throw closedError();
      return operation();
    });
  }

  #checkAdmission(patch: Patch): void {
    if (this.#list.some((entry) => entry.patch.name === patch.name)) {
      throw new ShadowError(
        'ERR_PATCH_ENABLED',
        `a patch named ${describe(patch.name)} is enabled already; disable it first or use another name`,
      );
    }
    checkStates(
      this.#list.map((entry) => entry.patch),
      patch,
    );
  }

  /** Per object: register its types, so that pre_patch may allocate, then ask it. If one refuses, all is as before. */
  async #prepare(patch: Patch): Promise<void> {
    const agreed: PatchObject[] = [];
    try {
      for (const object of patch.objects) {
        this.#register(patch, object);
        await askPrePatch(this.store, patch, object);
        agreed.push(object);
      }
    } catch (error) {
      // In object order. Only objects whose pre_patch succeeded hear of it; of the others, the one that refused has registered types.
      for (const object of patch.objects) {
        if (agreed.includes(object)) await this.#tell('postUnpatch', patch, object);
        this.#unregister(patch, object);
      }
      this.#threads.dismissCandidate();
      throw error;
    }
  }

  async #switch(direction: Direction, version: number, stack: readonly EnabledPatch[], report: Reporter): Promise<number> {
    this.#threads.line.direction = direction;
    let started = false;
    const workers = await this.#threads.switch(
      version,
      stack.map((entry) => entry.reference),
      (switched, threads) => {
        report(started ? 'progress' : 'start', switched, threads);
        started = true;
      },
    );
    this.#threads.line.direction = NO_TRANSITION;
    return workers;
  }

  #complete(entry: EnabledPatch, kind: TransitionKind, startedAt: number, workers: number, report: Reporter): TransitionResult {
    entry.transition = false;
    report('complete', workers, workers);
    return { patch: entry.patch.name, kind, milliseconds: performance.now() - startedAt, workers };
  }

  #reporter(patch: string, kind: TransitionKind, startedAt: number): Reporter {
    return (phase, switched, workers) => {
      this.announce('transition', { patch, kind, phase, switched, workers, milliseconds: performance.now() - startedAt });
    };
  }

  async #tell(callback: Exclude<keyof PatchCallbacks, 'prePatch'>, patch: Patch, object: PatchObject): Promise<void> {
    const failure = await tell(callback, this.store, patch, object);
    if (failure !== undefined) this.warn(failure);
  }

  #register(patch: Patch, object: PatchObject): void {
    this.store.internals.registry.register(owner(patch), object.name, object.shadowTypes);
    for (const { id } of object.shadowTypes) this.announce('registered', { patch: patch.name, object: object.name, id });
  }

  /** Harmless for an object that is not registered. */
  #unregister(patch: Patch, object: PatchObject): void {
    const { registry } = this.store.internals;
    const ids = registry.owners().filter((entry) => entry.owner === owner(patch) && entry.object === object.name);
    this.#collector.sweep(registry.unregister(owner(patch), object.name), patch.name);
    for (const { id } of ids) this.announce('unregistered', { patch: patch.name, object: object.name, id });
  }
}

type Reporter = (phase: TransitionPhase, switched: number, workers: number) => void;

/** Tells a patch's registrations from those of the application, whatever the patch is called. */
function owner(patch: Patch): string {
  return `patch ${patch.name}`;
}

function checkOption(name: string, value: unknown): void {
  if (!OPTIONS.includes(name))
    throw new ShadowError('ERR_PATCH_DECLARATION', `unknown coordinator option ${name}; known are ${OPTIONS.join(', ')}`);
  if (value === undefined || (typeof value === 'number' && value >= 1 && value <= MAX_MILLISECONDS)) return;
  throw new ShadowError('ERR_PATCH_DECLARATION', `${name} is ${describe(value)}; give milliseconds from 1 to ${MAX_MILLISECONDS}`);
}

function closedError(): ShadowError {
  return new ShadowError('ERR_PATCH_CLOSED', 'this coordinator was closed; a store has one coordinator during its life');
}
