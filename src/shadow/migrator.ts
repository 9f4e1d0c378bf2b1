/**
 * Owns the migration of single variables: replacing a variable by its next version, exactly once, at the first access. Imports memory, table, binding,
 * destruction, left-overs, pending, variables.
 *
 * Order: variable lock of the old block (so that no update() of an old view is half-way), intent, bucket lock, still there and not migrated?, room, new
 * block, migrate(), publish the new entry, unlink the old one, unlock. The new entry is the commit word: with it the variable has its new version, and
 * what is left of the old one is a left-over (left-overs.ts). Before it nothing has changed. Both entries stand in one chain, since the hash is over the
 * object alone, so a name record never sees its last variable go.
 *
 * Counters stay where a variable was created; TYPE_MIGRATED tells what has left a slot. It is lowered in the new slot before the commit and raised in the
 * old one after the unlink, so that a death in between makes either slot look fuller than it is, never emptier.
 */
import { describe, ShadowError } from '../errors.js';
import { prepareBlock } from '../memory/blocks.js';
import { classOfDataBytes } from '../memory/classes.js';
import { beginChange, endChange } from '../memory/intent.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { acquireVariable, releaseVariable, tryAcquireVariable, variableOwner } from '../memory/lock.js';
import type { Thread } from '../memory/threads.js';
import { entryBlock, findEntry, publishEntry } from '../table/bucket.js';
import { hashObject, identityOf, keyOf, objectHigh } from '../table/hash.js';
import type { Binding } from './binding.js';
import type { Bindings } from './bindings.js';
import { touchStack } from './destruction.js';
import { dropLeftOvers, dropMigrated } from './left-overs.js';
import type { Step } from './migration-path.js';
import type { Parent } from './objects.js';
import { PendingMigration } from './pending.js';
import { type OlderSlot, typeAddress } from './slots.js';
import { exhausted, neverAgreed, type Variables } from './variables.js';
import { refusePromise, type View } from './view.js';

/** Milliseconds that a thread which holds a variable's lock tries for the lock of another one that has to be migrated. */
const LOCK_ATTEMPTS = 1000;
/** After so many it looks whether the owner is dead. */
const LOOK_ATTEMPTS = 20;
/** Attempts to migrate one variable: in a store that is not damaged each that fails has met another thread's success. */
const MOST_ATTEMPTS = 1_000_000;

/** What an attempt came to, when it is not the block of the migrated variable. */
const AGAIN = 0;
const EXHAUSTED = -1;
const OUTDATED = -2;

interface Found {
  readonly older: OlderSlot;
  readonly block: WordAddress;
}

/** A variable on its way: type and object. */
interface UnderWay {
  readonly id: number;
  readonly object: number;
}

export class Migrator {
  readonly #variables: Variables;
  readonly #bindings: Bindings;
  readonly #thread: Thread;
  readonly #words: Int32Array;
  /** Migrations that wait for another one which they read: outermost first. */
  readonly #waiting: UnderWay[] = [];

  constructor(variables: Variables, bindings: Bindings) {
    this.#variables = variables;
    this.#bindings = bindings;
    this.#thread = variables.thread;
    this.#words = variables.memory.words;
  }

  /**
   * The block of <parent, type> in the version in force, migrated if need be; 0 if there is none. For a binding that a look-up has missed with.
   * @throws ERR_SHADOW_MIGRATION, ERR_SHADOW_ASYNC, ERR_SHADOW_EXHAUSTED, ERR_SHADOW_LOCK_NESTED: the variable is as it was
   * @throws PendingMigration in a constructor or migration
   */
  reach(binding: Binding, parent: Parent): WordAddress {
    const thread = this.#thread;
    let scraped = false;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      if (thread.interval === 0 || this.#words[Layout.TYPE_EPOCH] !== binding.epoch) binding.refresh();
      else if (binding.registered && !binding.current) this.#bindings.resolve(binding);
      const found = this.#findOlder(binding, parent);
      // After the look at the older slots: whoever migrates publishes the new entry before the old one goes.
      const current = binding.find(parent);
      if (found === undefined || current !== 0) return current;
      const object = this.#variables.objects.find(parent);
      if (object < 0) continue;
      this.#refuseCycle(binding, parent, object);
      if (thread.constructing !== 0) throw new PendingMigration(binding, parent);
      const outcome = this.#migrate(binding, found, object, parent);
      if (outcome > 0) return outcome;
      if (outcome === OUTDATED) binding.bindings.resolve(binding);
      if (outcome !== EXHAUSTED) continue;
      if (scraped) {
        Atomics.store(this.#words, Layout.MEMORY_PRESSURE, 1);
        throw exhausted(binding, this.#variables.memory);
      }
      scraped = true;
      this.#variables.scrape();
    }
    throw neverAgreed(binding, parent);
  }

  /** Whether <parent, type> has a variable, without migrating it. For a binding that a look-up has missed with. */
  lingers(binding: Binding, parent: Parent): boolean {
    if (binding.registered && !binding.current) this.#bindings.resolve(binding);
    return this.#findOlder(binding, parent) !== undefined || binding.find(parent) !== 0;
  }

  /** From the oldest slot to the newest: a variable that is migrated meanwhile comes towards us. The last one found counts, others are left-overs. */
  #findOlder(binding: Binding, parent: Parent): Found | undefined {
    let found: Found | undefined;
    for (const older of binding.older) {
      if (this.#words[older.tagAddress] !== older.tag) continue;
      const block = binding.findIn(older.slot, parent);
      if (block !== 0) found = { older, block };
    }
    return found;
  }

  #refuseCycle({ type: { id } }: Binding, parent: Parent, object: number): void {
    if (!this.#waiting.some((one) => one.id === id && one.object === object)) return;
    throw new ShadowError(
      'ERR_SHADOW_MIGRATION',
      `the migration of type ${id} on ${describe(parent)} reads a variable whose own migration reads this one; let one of them do without`,
    );
  }

  #migrate(binding: Binding, found: Found, object: number, parent: Parent): number {
    const thread = this.#thread;
    const steps = this.#bindings.stepsFrom(found.older, binding);
    touchStack();
    const outer = thread.locked;
    this.#lock(found.block, binding, parent);
    thread.locked = found.block;
    let pending: PendingMigration;
    try {
      return this.#replace(binding, found, object, parent, steps);
    } catch (error) {
      if (!(error instanceof PendingMigration)) throw error;
      pending = error;
    } finally {
      thread.locked = outer;
      releaseVariable(thread, found.block);
    }
    this.#waiting.push({ id: binding.type.id, object });
    try {
      pending.migrate();
    } finally {
      this.#waiting.pop();
    }
    return AGAIN;
  }

  /** Takes the lock of a variable. In the body of another lock it may only try: two threads could want each other's. */
  #lock(block: WordAddress, binding: Binding, parent: Parent): void {
    const thread = this.#thread;
    if (thread.locked === 0) {
      acquireVariable(thread, block);
      // step: migrate.variable-locked
      return;
    }
    const lock = block + Layout.BLOCK_LOCK;
    for (let attempt = 0; attempt < LOCK_ATTEMPTS && thread.locked !== block; attempt++) {
      if (tryAcquireVariable(thread, block)) return;
      Atomics.wait(this.#words, lock, Atomics.load(this.#words, lock), 1);
      if (attempt % LOOK_ATTEMPTS === LOOK_ATTEMPTS - 1) thread.onStalled(lock, variableOwner(this.#words, block), attempt);
    }
    throw new ShadowError(
      'ERR_SHADOW_LOCK_NESTED',
      `the variable of type ${binding.type.id} on ${describe(parent)} has to be migrated, but an older view of it is locked while this thread holds a ` +
        'variable lock; finish that update() or withLock() first',
    );
  }

  #replace(binding: Binding, found: Found, object: number, parent: Parent, steps: readonly Step[]): number {
    const words = this.#words;
    const variables = this.#variables;
    const { table, blocks, memory } = variables;
    const { older, block: old } = found;
    const low = object | 0;
    const high = objectHigh(object);
    const hash = hashObject(low, high);
    const identity = identityOf(high, binding.slot);
    const key = keyOf(hash, binding.slot);
    const bucket = table.lock(hash, Layout.INTENT_MIGRATE);
    let unpublished: WordAddress = 0;
    try {
      // Under the lock, which is the fence: see Variables. Collections and sweeps mark the slots first and then visit every bucket.
      if (words[binding.tagAddress] !== binding.tag) return OUTDATED;
      if (words[older.tagAddress] !== older.tag || !variables.isStill(object, parent)) return AGAIN;
      if (dropLeftOvers(variables, bucket, object) > 0) return AGAIN;
      const from = findEntry(words, bucket, keyOf(hash, older.slot), low, identityOf(high, older.slot));
      if (from === 0 || entryBlock(words, from) !== old) return AGAIN;
      const entry = table.roomIn(bucket, key);
      if (entry === 0) return EXHAUSTED;
      const last = steps.at(-1);
      let source: View | undefined = last && this.#viewOf(steps[0]!.from, old);
      for (const step of steps.slice(0, -1)) {
        const scratch = this.#takeScratch(step.to.size);
        if (scratch === 0) return EXHAUSTED;
        const target = this.#viewOf(step.to, scratch);
        this.#run(step, parent, source!, target, scratch);
        source = this.#viewOf(step.to, scratch);
      }
      const block = blocks.take(binding.sizeClass);
      if (block === 0) return EXHAUSTED;
      unpublished = block;
      prepareBlock(words, block, binding.dataWords);
      words[block + Layout.BLOCK_OBJECT_LOW] = low;
      words[block + Layout.BLOCK_IDENTITY] = identity;
      if (last !== undefined) this.#run(last, parent, source!, this.#viewOf(last.to, block), block);
      else words.copyWithin(block + Layout.BLOCK_DATA, old + Layout.BLOCK_DATA, old + Layout.BLOCK_DATA + binding.dataWords);
      // step: migrate.converted
      beginChange(this.#thread, Layout.CHANGE_MIGRATE, block, 0);
      Atomics.sub(words, typeAddress(memory, binding.slot) + Layout.TYPE_MIGRATED, 1);
      // step: migrate.noted
      publishEntry(words, entry, key, block); // the commit: from here on whatever remains of the old one is a left-over
      // step: migrate.published
      unpublished = 0;
      endChange(this.#thread);
      dropMigrated(variables, from);
      return block;
    } finally {
      if (unpublished !== 0) {
        words[unpublished + Layout.BLOCK_GENERATION] = words[unpublished + Layout.BLOCK_GENERATION]! | 1;
        blocks.retire(unpublished);
      }
      table.unlock(bucket);
    }
  }

  /**
   * A block for a version that is only passed through. It is retired before it is used: nobody can find it, its memory stays ours until the next safepoint,
   * and a death leaves nothing to be cleaned up.
   */
  #takeScratch(bytes: number): WordAddress {
    const words = this.#words;
    const { blocks } = this.#variables;
    const block = blocks.take(classOfDataBytes(bytes));
    if (block === 0) return 0;
    prepareBlock(words, block, ((bytes + 7) >>> 3) * 2);
    words[block + Layout.BLOCK_GENERATION] = words[block + Layout.BLOCK_GENERATION]! | 1;
    blocks.retire(block);
    return block;
  }

  #viewOf(type: Step['from'], block: WordAddress): View {
    return this.#bindings.of(type).view(block);
  }

  /** @throws ERR_SHADOW_MIGRATION with the cause, ERR_SHADOW_ASYNC, PendingMigration */
  #run({ from, to, run }: Step, parent: Parent, source: View, target: View, block: WordAddress): void {
    let returned: unknown;
    this.#thread.constructing = block;
    try {
      returned = run(parent, source as never, target as never);
    } catch (cause) {
      if (cause instanceof PendingMigration) throw cause;
      const why = cause instanceof Error ? cause.message : describe(cause);
      throw new ShadowError(
        'ERR_SHADOW_MIGRATION',
        `migrating type ${to.id} on ${describe(parent)} from version ${from.version} to ${to.version} threw: ${why}; the variable is as it was`,
        { cause },
      );
    } finally {
      this.#thread.constructing = 0;
    }
    refusePromise(returned, `the migration of type ${to.id} to version ${to.version}`);
  }
}
