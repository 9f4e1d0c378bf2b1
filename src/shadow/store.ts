/**
 * Owns the public face of the store: one object per thread that attached. Checks what comes from outside, resolves parents and types, and leaves the
 * work to variables.ts and walk.ts. Imports everything below it.
 */
import { describe, ShadowError } from '../errors.js';
import { enter, leave } from '../memory/grace.js';
import { Layout } from '../memory/layout.js';
import { attachMemory, createMemory, type Memory, type StoreHandle } from '../memory/reservation.js';
import { claimThread, releaseThread, Thread } from '../memory/threads.js';
import { type CheckOptions, checkStore, type CheckResult, repairOption, repairStore } from '../recovery/check.js';
import { watchExits } from '../recovery/exits.js';
import { Recovery, type RecoveryReport } from '../recovery/recover.js';
import {
  APPLICATION,
  BASE_OBJECT,
  markDead,
  restoredTypes,
  restoreInto,
  type RestoreOptions,
  type RestoreReport,
} from '../recovery/restore.js';
import { type SnapshotInfo, snapshotPath, snapshotStore } from '../recovery/snapshot.js';
import { openSnapshot } from '../recovery/snapshot-read.js';
import type { Binding } from './binding.js';
import { Bindings } from './bindings.js';
import { settleCounters } from './counters.js';
import type { Fields } from './fields.js';
import { Migrator } from './migrator.js';
import { hashName, type NameHash } from './names.js';
import { ObjectTable, type Parent } from './objects.js';
import { openRecordSlot } from './records.js';
import { TypeRegistry } from './registry.js';
import { typeAddress } from './slots.js';
import { storeStats, type StoreStats } from './stats.js';
import { nextTag } from './tags.js';
import type { AnyShadowType, ShadowType } from './type.js';
import { Variables } from './variables.js';
import type { CursorOf, ViewOf } from './view-classes.js';
import { refusePromise, View } from './view.js';
import { freeParent, freeType, walkType } from './walk.js';

/** Options of `ShadowStore.create()`. */
export interface StoreOptions {
  /** Bytes to reserve, rounded down to 64 KiB; at most 8 GiB. Reserved, not used: pages are committed as they are touched. */
  readonly maxBytes: number;
  /** Threads that may be attached at once, 1…1000. Default 64, and 16 below 8 MiB. */
  readonly maxThreads?: number;
  /**
   * Whether the operating system provides all memory at once, about a second per gigabyte. Otherwise an operation that comes to memory nobody has touched yet waits for
   * it, some microseconds. Default false.
   */
  readonly commit?: boolean;
  /** The application's own types: registered from the start and never collected. */
  readonly types?: readonly AnyShadowType[];
}

const OPTIONS = new Set(['maxBytes', 'maxThreads', 'commit', 'types']);

/**
 * Shadow variables in memory that all threads share. Create one store, pass `store.handle` to the other threads, attach to it there.
 *
 * Views stay valid until the thread's next safepoint after their variable is freed. A safepoint is passed at the end of each turn of the event loop that
 * used the store, at `safepoint()`, and by an allocation that would otherwise fail for lack of memory.
 */
export class ShadowStore {
  /** Goes through `workerData` and `postMessage` as it is. */
  readonly handle: StoreHandle;
  /** Handles for JS objects as parents. */
  readonly objects: ObjectTable;
  /** @internal What livepatch and recovery build on; not part of the public face. */
  readonly internals: StoreInternals;
  readonly #thread: Thread;
  readonly #words: Int32Array;
  readonly #bindings: Bindings;
  readonly #variables: Variables;
  readonly #recovery: Recovery;
  readonly #unwatch: () => void;
  #restored: RestoreReport | undefined;

  private constructor(memory: Memory, hash: NameHash) {
    const thread = claim(memory, hash);
    this.handle = memory.handle;
    this.objects = new ObjectTable(memory, thread, hash, (handle) => {
      if (!thread.disposed) this.freeObject(handle);
    });
    this.#thread = thread;
    this.#words = memory.words;
    this.#bindings = new Bindings(memory, thread, this.objects);
    this.#variables = new Variables(memory, thread, this.objects);
    this.#bindings.migrator = new Migrator(this.#variables, this.#bindings);
    this.#bindings.blocks = this.#variables.blocks;
    this.#recovery = new Recovery(memory, this.objects, { variables: this.#variables, bindings: this.#bindings });
    this.#unwatch = watchExits(this.#recovery);
    const registry = new TypeRegistry(this.#variables, this.#bindings);
    this.internals = {
      memory,
      words: memory.words,
      thread,
      slot: thread.slot,
      slotAddress: thread.address,
      registry,
      bindings: this.#bindings,
      variables: this.#variables,
      recovery: this.#recovery,
    };
    thread.onTurnEnd = () => {
      thread.leaveQueued = false;
      if (thread.disposed) return;
      try {
        if (thread.interval !== 0) this.#leave(this.#variables.blocks.worthReclaiming);
        else if (this.#recovery.pending) this.#settleDead();
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error)); // of a damaged store: nobody has called this
      }
    };
  }

  /**
   * Creates a store on one fixed SharedArrayBuffer and attaches this thread to it.
   * @throws ERR_SHADOW_MAX_BYTES, ERR_SHADOW_MAX_THREADS, ERR_SHADOW_OPTION, ERR_SHADOW_DUPLICATE_ID, ERR_SHADOW_TYPES_FULL
   */
  static create(options: StoreOptions): ShadowStore {
    return createStore(options, hashName);
  }

  /** @internal Like create(), with a hash of strings of one's own: tests make strings collide with it. */
  static $createWithNameHash(options: StoreOptions, hash: NameHash): ShadowStore {
    return createStore(options, hash);
  }

  /** @internal */
  static $open(memory: Memory, hash: NameHash): ShadowStore {
    return new ShadowStore(memory, hash);
  }

  /**
   * Attaches this thread to the store behind a handle. Each attachment takes a thread slot until it is disposed.
   * @throws ERR_SHADOW_HANDLE, ERR_SHADOW_HANDLE_VERSION, ERR_SHADOW_HANDLE_SIZE, ERR_SHADOW_THREADS_FULL
   */
  static attach(handle: StoreHandle): ShadowStore {
    return new ShadowStore(attachMemory(handle), hashName);
  }

  /**
   * The variable of <obj, type>, or undefined. Never blocks and takes no lock, unless it has to migrate the variable to the version in force first.
   * @throws ERR_SHADOW_OBJECT, ERR_SHADOW_SIZE_MISMATCH, ERR_SHADOW_VERSION (another version is in force, here and in everything that follows),
   * ERR_SHADOW_MIGRATION, ERR_SHADOW_EXHAUSTED (the variable is as it was)
   */
  get<F extends Fields, D>(obj: Parent, type: ShadowType<F, D>): ViewOf<F> | undefined {
    return this.#bindingOf(type).get(obj) as ViewOf<F> | undefined;
  }

  /** Whether <obj, type> has a variable; migrates nothing. */
  has(obj: Parent, type: AnyShadowType): boolean {
    return this.#bindingOf(type).has(obj);
  }

  /**
   * Creates the variable of <obj, type>: zeroed, then constructed with `data`, then published.
   * @throws ERR_SHADOW_EXISTS (the existing one is untouched), ERR_SHADOW_UNREGISTERED, ERR_SHADOW_EXHAUSTED, ERR_SHADOW_CONSTRUCTOR_WRITE,
   * ERR_SHADOW_OBJECT, ERR_SHADOW_SIZE_MISMATCH, and whatever the constructor throws
   */
  alloc<F extends Fields, D>(obj: Parent, type: ShadowType<F, D>, data?: D): ViewOf<F> {
    return this.#variables.create(this.#bind(type), obj, data, true) as unknown as ViewOf<F>;
  }

  /** The variable of <obj, type>, created with `data` if there is none: at most one, whatever the race. Throws as alloc() does. */
  getOrAlloc<F extends Fields, D>(obj: Parent, type: ShadowType<F, D>, data?: D): ViewOf<F> {
    if (this.#thread.constructing !== 0) this.#variables.requireWritable('getOrAlloc');
    const binding = this.#bindingOf(type);
    const existing = binding.get(obj);
    if (existing !== undefined) return existing as ViewOf<F>;
    return this.#variables.create(binding, obj, data, false) as unknown as ViewOf<F>;
  }

  /** Frees the variable of <obj, type> and runs its destructor; false if there is none. */
  free(obj: Parent, type: AnyShadowType): boolean {
    const binding = this.#bind(type);
    if (this.#thread.constructing !== 0) this.#variables.requireWritable('free');
    const object = typeof obj === 'number' && (obj | 0) === obj && obj >= 0 ? obj : this.objects.find(obj);
    return object >= 0 && this.#variables.remove(binding, object, obj);
  }

  /** Frees all variables of a type, with their destructors; returns how many. Variables created meanwhile may stay. */
  freeAll(type: AnyShadowType): number {
    const binding = this.#bind(type);
    this.#variables.requireWritable('freeAll');
    return binding.registered ? freeType(this.#variables, binding) : 0;
  }

  /**
   * Frees all variables of a parent, of every type, each with the destructor that this thread knows for its id; returns how many.
   */
  freeObject(obj: Parent): number {
    this.#variables.requireWritable('freeObject');
    if (this.#thread.interval === 0) enter(this.#thread);
    const object = this.objects.find(obj);
    return object < 0 ? 0 : freeParent(this.#variables, this.#bindings, object, obj);
  }

  /**
   * All variables of a type as [parent, view]. Weakly consistent: what stays throughout comes exactly once, what comes or goes meanwhile at most once.
   * A JS object is given as its handle.
   */
  entries<F extends Fields, D>(type: ShadowType<F, D>): IterableIterator<[Parent, ViewOf<F>]> {
    const binding = this.#bind(type);
    return walkType(this.#variables, binding) as unknown as IterableIterator<[Parent, ViewOf<F>]>;
  }

  /** A view to point at one variable after another: `if (cursor.find(obj)) cursor.count += 1` allocates nothing. */
  cursor<F extends Fields, D>(type: ShadowType<F, D>): CursorOf<F> {
    const binding = this.#bindingOf(type);
    return new binding.Cursor() as unknown as CursorOf<F>;
  }

  /** The variables of many objects at once: the look-ups are staged so that the processor overlaps their cache misses. */
  getMany<F extends Fields, D>(objs: readonly Parent[], type: ShadowType<F, D>): (ViewOf<F> | undefined)[] {
    if (!Array.isArray(objs)) throw new ShadowError('ERR_SHADOW_OPTION', `getMany takes an array of parents, not ${describe(objs)}`);
    const binding = this.#bind(type);
    return binding.getMany(objs) as unknown as (ViewOf<F> | undefined)[];
  }

  /**
   * Runs `fn(view)` under the variable's lock and returns what it returns. Synchronous; one lock at a time per thread.
   * @throws ERR_SHADOW_LOCK_NESTED, ERR_SHADOW_STALE_VIEW, ERR_SHADOW_ASYNC
   */
  withLock<V extends View, R>(view: V, fn: (view: V) => R): R {
    if (!(view instanceof View)) throw new ShadowError('ERR_SHADOW_OPTION', `withLock takes a view or a cursor, not ${describe(view)}`);
    if (typeof fn !== 'function') throw new ShadowError('ERR_SHADOW_OPTION', `withLock takes a function of the view, not ${describe(fn)}`);
    return view.$locked(() => {
      const result = fn(view);
      refusePromise(result, 'the function given to withLock()');
      return result;
    });
  }

  /**
   * Declares that this thread holds no view of a freed variable from here on. Passed by itself at the end of every turn of the event loop; call it in long
   * synchronous loops, and before blocking in Atomics.wait, or nothing that anybody frees can be used again.
   * @throws ERR_SHADOW_SAFEPOINT_NESTED
   */
  safepoint(): void {
    this.#requireSafepoint('safepoint()');
    this.#leave(true);
  }

  /** The state of the store as plain JSON. Counts of other threads are a moment old. */
  stats(): StoreStats {
    this.#requireAttached('stats');
    return storeStats(this.#variables);
  }

  /**
   * Walks the whole store and proves its invariants. Writers of other threads wait meanwhile; readers do not notice. With `repair`, what can be put right is
   * put right, and what no one owns is given back; a variable that a look-up finds is found afterwards, with the same data.
   * @throws ERR_SHADOW_OPTION, ERR_SHADOW_CONSTRUCTOR_WRITE; with `repair` also ERR_SHADOW_SAFEPOINT_NESTED inside a destructor or a lock body
   */
  check(options?: CheckOptions): CheckResult {
    const repair = repairOption(options);
    this.#requireAttached('check');
    this.#variables.requireWritable('check'); // it takes every bucket lock, and this thread holds one
    if (!repair) return checkStore(this.#variables);
    this.#requireSafepoint('check({ repair: true })');
    // No block is moved before the lists are known to be in order: not by reclaiming, and not by settling what the dead have.
    leave(this.#thread);
    this.#recovery.repairGone();
    return repairStore(this.#variables, this.#recovery);
  }

  /**
   * Looks for threads that died without anybody having heard of it, and gives back what they had: locks, memory, thread slots, variables of their JS objects;
   * what they were in the middle of is finished or undone, and destructors that they owed run here. By itself this happens after the exit event of a worker that
   * this thread has started, and when a thread waits for one that is dead. Elsewhere than on Linux only exit events tell.
   */
  recover(): readonly RecoveryReport[] {
    this.#requireAttached('recover');
    this.#variables.requireWritable('recover');
    this.safepoint();
    return this.#recovery.recover();
  }

  /**
   * Writes a copy of the store to a file, from which `ShadowStore.restore()` makes the store again. The copy is taken before this returns: variables, names and
   * types as they stood at one moment, each variable's data as one update() or withLock() left it. Writers of other threads wait only for that. The promise
   * stands for the file, which is replaced as a whole: what was there before stays until the new one is written and on the disk.
   * @throws rejects with ERR_SHADOW_SNAPSHOT_FILE, ERR_SHADOW_OPTION, ERR_SHADOW_LOCK, ERR_SHADOW_LOCK_NESTED, ERR_SHADOW_CONSTRUCTOR_WRITE
   */
  async snapshot(file: string | URL): Promise<SnapshotInfo> {
    this.#requireAttached('snapshot');
    this.#variables.requireWritable('snapshot'); // it takes every bucket lock, and this thread holds one
    return snapshotStore(this.#variables, this.#bindings, this.internals.registry, snapshotPath(file, 'snapshot()'));
  }

  /**
   * Makes the store again that was written to a file, with its variables, names, handles, types and versions, and attaches this thread to it. What the
   * snapshot has under way is ended: collections, and destructors that were owed, with those of `types`. See `restored`.
   * @throws ERR_SHADOW_SNAPSHOT, ERR_SHADOW_SNAPSHOT_VERSION, ERR_SHADOW_SNAPSHOT_FILE, ERR_SHADOW_OPTION, ERR_SHADOW_TYPE, ERR_SHADOW_SIZE_MISMATCH,
   * ERR_SHADOW_VERSION (a type of the snapshot has a version from which nothing leads to the one declared), ERR_SHADOW_MAX_BYTES (no address space)
   */
  static restore(file: string | URL, options: RestoreOptions = {}): ShadowStore {
    const types = restoredTypes(options);
    const opened = openSnapshot(snapshotPath(file, 'restore()'));
    markDead(opened);
    const store = new ShadowStore(opened.memory, hashName);
    try {
      store.#restored = restoreInto(store.internals, opened, types);
    } catch (error) {
      // Nobody else has this memory, and nothing in it is to be trusted: no ordinary end.
      store.#unwatch();
      store.#bindings.release();
      store.#thread.disposed = true;
      throw error;
    }
    return store;
  }

  /** Of a store that was restored by this thread: from what, and what it found there. */
  get restored(): RestoreReport | undefined {
    return this.#restored;
  }

  /** Gives the thread slot back; the variables stay, but for those of JS objects of this thread, which nobody could free any more. */
  [Symbol.dispose](): void {
    const thread = this.#thread;
    if (thread.disposed) return;
    this.safepoint();
    const failures: unknown[] = [];
    for (const handle of [...this.objects.owned]) {
      try {
        this.freeObject(handle);
      } catch (error) {
        failures.push(error);
      }
    }
    this.#leave(true);
    settleCounters(this.#variables.memory, thread);
    this.#variables.blocks.abandon();
    this.#bindings.release();
    this.#unwatch();
    releaseThread(thread);
    if (failures.length > 0) throw failures[0]; // the slot is given back all the same
  }

  /** The binding of a type, as it was left by the last use. */
  #bindingOf(type: AnyShadowType): Binding {
    const binding = (type as AnyShadowType | undefined)?.$binding;
    if (binding?.bindings === this.#bindings) return binding;
    this.#requireAttached('the store');
    return this.#bindings.of(type);
  }

  /** The binding of a type, up to date, in a thread that has entered the grace epoch. */
  #bind(type: AnyShadowType): Binding {
    const binding = this.#bindingOf(type);
    if (this.#thread.interval === 0 || this.#words[Layout.TYPE_EPOCH] !== binding.epoch) binding.refresh();
    return binding;
  }

  #leave(reclaim: boolean): void {
    leave(this.#thread);
    if (reclaim) this.#variables.blocks.reclaim();
    if (this.#recovery.pending) this.#settleDead();
  }

  /** Some thread was repaired and waits to be settled by whoever comes by. */
  #settleDead(): void {
    const { thread } = this.#variables;
    if (thread.destroying > 0 || thread.locked !== 0) return;
    this.#recovery.settle();
    leave(thread);
  }

  #requireSafepoint(operation: string): void {
    const { constructing, destroying, locked, disposed } = this.#thread;
    if (disposed) throw new ShadowError('ERR_SHADOW_DISPOSED', `${operation} on a disposed store`);
    if (constructing !== 0 || destroying > 0 || locked !== 0)
      throw new ShadowError('ERR_SHADOW_SAFEPOINT_NESTED', `${operation} inside a constructor, a destructor or a lock body`);
  }

  #requireAttached(operation: string): void {
    if (this.#thread.disposed)
      throw new ShadowError('ERR_SHADOW_DISPOSED', `${operation} was used after dispose; attach to the handle again`);
  }
}

/** @internal */
export interface StoreInternals {
  readonly memory: Memory;
  readonly words: Int32Array;
  readonly thread: Thread;
  readonly slot: number;
  readonly slotAddress: number;
  readonly registry: TypeRegistry;
  readonly bindings: Bindings;
  readonly variables: Variables;
  readonly recovery: Recovery;
}

/** Claims a thread slot; from dead threads if there is no other. @throws ERR_SHADOW_THREADS_FULL */
function claim(memory: Memory, hash: NameHash): Thread {
  try {
    return claimThread(memory);
  } catch (error) {
    const nobody = new ObjectTable(memory, new Thread(memory, 0), hash, () => undefined);
    if (new Recovery(memory, nobody, undefined).recover().length === 0) throw error;
    return claimThread(memory);
  }
}

function createStore(options: StoreOptions, hash: NameHash): ShadowStore {
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new ShadowError('ERR_SHADOW_OPTION', `ShadowStore.create takes an object like { maxBytes: 2 ** 28 }, not ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!OPTIONS.has(name)) throw new ShadowError('ERR_SHADOW_OPTION', `unknown option ${name}; known are ${[...OPTIONS].join(', ')}`);
  }
  const { maxBytes, maxThreads, commit = false, types = [] } = options;
  if (!Array.isArray(types)) throw new ShadowError('ERR_SHADOW_OPTION', `types is ${describe(types)}; give an array of shadow types`);
  if (typeof commit !== 'boolean') throw new ShadowError('ERR_SHADOW_OPTION', `commit is ${describe(commit)}; give true or false`);
  const memory = createMemory(maxBytes, maxThreads, commit);
  memory.words[typeAddress(memory, Layout.TYPE_SLOT_NAMES) + Layout.TYPE_TAG] = nextTag(0, Layout.TYPE_STATE_LIVE);
  openRecordSlot(memory);
  const store = ShadowStore.$open(memory, hash);
  try {
    if (types.length > 0) store.internals.registry.register(APPLICATION, BASE_OBJECT, types as readonly AnyShadowType[]);
  } catch (error) {
    store[Symbol.dispose]();
    throw error;
  }
  return store;
}
