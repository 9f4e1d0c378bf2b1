/**
 * Owns the public face of the store: one object per thread that attached. Checks what comes from outside, resolves parents and types, and leaves the
 * work to variables.ts and walk.ts. Imports everything below it.
 */
import { describe, ShadowError } from '../errors.js';
import { enter, leave } from '../memory/grace.js';
import { Layout } from '../memory/layout.js';
import { acquire, release } from '../memory/lock.js';
import { attachMemory, createMemory, type Memory, type StoreHandle } from '../memory/reservation.js';
import { claimThread, releaseThread, type Thread } from '../memory/threads.js';
import type { Binding } from './binding.js';
import { Bindings } from './bindings.js';
import { checkStore, type CheckResult } from './check.js';
import type { Fields } from './fields.js';
import { getMany } from './many.js';
import { Migrator } from './migrator.js';
import { hashName, type NameHash } from './names.js';
import { ObjectTable, type Parent } from './objects.js';
import { TypeRegistry } from './registry.js';
import { typeAddress } from './slots.js';
import { storeStats, type StoreStats } from './stats.js';
import { nextTag } from './tags.js';
import type { AnyShadowType, ShadowType } from './type.js';
import { Variables } from './variables.js';
import type { CursorOf, ViewOf } from './view-classes.js';
import { refusePromise, View } from './view.js';
import { freeParent, freeType, walkType } from './walk.js';

export interface StoreOptions {
  /** Bytes to reserve, rounded down to 64 KiB; at most 8 GiB. Reserved, not used: pages are committed as they are touched. */
  readonly maxBytes: number;
  /** Threads that may be attached at once, 1…1000. Default 64, and 16 below 8 MiB. */
  readonly maxThreads?: number;
  /** The application's own types: registered from the start and never collected. */
  readonly types?: readonly AnyShadowType[];
}

const OPTIONS = new Set(['maxBytes', 'maxThreads', 'types']);
/** Who the application's own types are registered by. */
const APPLICATION = 'application';
const BASE_OBJECT = 'base';

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

  private constructor(memory: Memory, hash: NameHash) {
    const thread = claimThread(memory);
    this.handle = memory.handle;
    this.objects = new ObjectTable(memory, hash, (handle) => {
      if (!thread.disposed) this.freeObject(handle);
    });
    this.#thread = thread;
    this.#words = memory.words;
    this.#bindings = new Bindings(memory, thread, this.objects);
    this.#variables = new Variables(memory, thread, this.objects);
    this.#bindings.migrator = new Migrator(this.#variables, this.#bindings);
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
    };
    thread.onTurnEnd = () => {
      thread.leaveQueued = false;
      if (thread.interval !== 0) this.#leave(this.#variables.blocks.worthReclaiming);
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
    return getMany(this.#variables, binding, objs) as unknown as (ViewOf<F> | undefined)[];
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
    const { constructing, destroying, locked, disposed } = this.#thread;
    if (disposed) throw new ShadowError('ERR_SHADOW_DISPOSED', 'safepoint() on a disposed store');
    if (constructing !== 0 || destroying > 0 || locked !== 0) {
      throw new ShadowError('ERR_SHADOW_SAFEPOINT_NESTED', 'safepoint() inside a constructor, a destructor or a lock body');
    }
    this.#leave(true);
  }

  /** The state of the store as plain JSON. Counts of other threads are a moment old. */
  stats(): StoreStats {
    this.#requireAttached('stats');
    return storeStats(this.#variables);
  }

  /** Walks the whole store and proves its invariants. Writers of other threads wait meanwhile; readers do not notice. */
  check(): CheckResult {
    this.#requireAttached('check');
    this.#variables.requireWritable('check'); // it takes every bucket lock, and this thread holds one
    return checkStore(this.#variables);
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
    this.#variables.table.settleCount();
    this.#settleCounters();
    this.#variables.blocks.abandon();
    this.#bindings.release();
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
  }

  #requireAttached(operation: string): void {
    if (this.#thread.disposed)
      throw new ShadowError('ERR_SHADOW_DISPOSED', `${operation} was used after dispose; attach to the handle again`);
  }

  /** Moves this thread's counts to those of the slots, where they survive it; under TYPE_LOCK, so that check() sees them once. */
  #settleCounters(): void {
    acquire(this.#thread, Layout.TYPE_LOCK);
    const { memory } = this.#variables;
    const counters = memory.counters + this.#thread.slot * Layout.COUNTER_WORDS_PER_THREAD;
    for (let slot = 0; slot < Layout.TYPE_SLOTS; slot++) {
      const count = this.#words[counters + slot]!;
      if (count === 0) continue;
      Atomics.add(this.#words, typeAddress(memory, slot) + Layout.TYPE_LIVE_BASE, count);
      this.#words[counters + slot] = 0;
    }
    release(this.#thread, Layout.TYPE_LOCK);
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
}

function createStore(options: StoreOptions, hash: NameHash): ShadowStore {
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new ShadowError('ERR_SHADOW_OPTION', `ShadowStore.create takes an object like { maxBytes: 2 ** 28 }, not ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!OPTIONS.has(name)) throw new ShadowError('ERR_SHADOW_OPTION', `unknown option ${name}; known are ${[...OPTIONS].join(', ')}`);
  }
  const { maxBytes, maxThreads, types = [] } = options;
  if (!Array.isArray(types)) throw new ShadowError('ERR_SHADOW_OPTION', `types is ${describe(types)}; give an array of shadow types`);
  const memory = createMemory(maxBytes, maxThreads);
  memory.words[typeAddress(memory, Layout.TYPE_SLOT_NAMES) + Layout.TYPE_TAG] = nextTag(0, Layout.TYPE_STATE_LIVE);
  const store = ShadowStore.$open(memory, hash);
  try {
    if (types.length > 0) store.internals.registry.register(APPLICATION, BASE_OBJECT, types as readonly AnyShadowType[]);
  } catch (error) {
    store[Symbol.dispose]();
    throw error;
  }
  return store;
}
