/**
 * Owns the repair of a thread slot whose thread is dead: finishes or undoes what it was in the middle of, and releases every lock it held. Called under
 * REPAIR_LOCK. Waits for nothing and is idempotent: a repairer may die as well, then the next one repairs both.
 *
 * What a dead thread can hold, and how it is found:
 * - one bucket, by THREAD_INTENT_BUCKET; both buckets of a split, by GROW_LOCK and SPLIT_TARGET; any number of buckets, while it checks the store;
 * - the locks of the store and of the size classes, by looking at all of them;
 * - the locks of one or two variables, by THREAD_VARIABLE and THREAD_VARIABLE_INNER.
 *
 * What it can leave half-done: several words that change as one (memory/journal.ts); the fields of an update() (shadow/undo.ts); a block on its way, with what
 * was to happen to it (memory/intent.ts); the tails and counts of its own lists; a split; whole pages on their way back; a change of version. Imports memory,
 * table and shadow.
 */
import type { Blocks } from '../memory/blocks.js';
import { CLASS_BLOCK_WORDS, classAddress, LINE_CLASS } from '../memory/classes.js';
import { endChange } from '../memory/intent.js';
import { applyJournal } from '../memory/journal.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { lockOwner, releaseFor, releaseVariableFor, variableOwner } from '../memory/lock.js';
import { stopObserving } from '../memory/observers.js';
import { blockClass, unlistLeavingPages } from '../memory/pages.js';
import type { Memory } from '../memory/reservation.js';
import { stateWord, Thread } from '../memory/threads.js';
import { clearEntry, entryBlock, entryKey, lineAfter, nextEntry } from '../table/bucket.js';
import { clearMoved, dropTarget, giveBackLines } from '../table/grow.js';
import { bucketAddress, splitLevel } from '../table/hash.js';
import type { Table } from '../table/table.js';
import { settle } from '../shadow/destruction.js';
import { dropLeftOvers } from '../shadow/left-overs.js';
import { counterOf, dropUnusedName } from '../shadow/name-records.js';
import type { ObjectTable } from '../shadow/objects.js';
import { dropWaitingSuccessors } from '../shadow/release-slots.js';
import { applyUndo } from '../shadow/undo.js';
import { Variables } from '../shadow/variables.js';

/** What a thread was doing when it died. */
export type Operation = 'none' | 'insert' | 'remove' | 'split' | 'memory' | 'migrate' | 'visit' | 'check';

export interface Repaired {
  readonly operation: Operation;
  /** Whether what it was doing to a variable has happened, or has not. 'nothing' if it had not begun, or was over. */
  readonly outcome: 'finished' | 'undone' | 'nothing';
  readonly locksReleased: number;
}

const OPERATIONS: Readonly<Record<number, Operation>> = {
  [Layout.INTENT_INSERT]: 'insert',
  [Layout.INTENT_REMOVE]: 'remove',
  [Layout.INTENT_SPLIT]: 'split',
  [Layout.INTENT_MEMORY]: 'memory',
  [Layout.INTENT_MIGRATE]: 'migrate',
  [Layout.INTENT_VISIT]: 'visit',
  [Layout.INTENT_CHECK]: 'check',
};

/** Locks that any thread may hold whatever its intent says, besides those of the size classes. */
const STORE_LOCKS = [Layout.SPACE_LOCK, Layout.THREAD_LOCK, Layout.NAME_LOCK] as const;

/** Repairs the slot of a dead thread; the slot is in THREAD_DEAD then. */
export function repairSlot(memory: Memory, slot: number, objects: ObjectTable): Repaired {
  const repaired = new Repair(memory, slot, objects).run();
  // step: repair.done
  Atomics.store(memory.words, memory.threads + slot * Layout.THREAD_WORDS + Layout.THREAD_STATE, stateWord(Layout.THREAD_DEAD, 0));
  return repaired;
}

class Repair {
  readonly #memory: Memory;
  readonly #words: Int32Array;
  readonly #thread: Thread;
  readonly #address: WordAddress;
  readonly #owner: number;
  readonly #variables: Variables;
  readonly #table: Table;
  readonly #blocks: Blocks;
  #outcome: Repaired['outcome'] = 'nothing';
  #released = 0;

  constructor(memory: Memory, slot: number, objects: ObjectTable) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#thread = new Thread(memory, slot);
    this.#address = this.#thread.address;
    this.#owner = this.#thread.owner;
    this.#variables = new Variables(memory, this.#thread, objects);
    this.#table = this.#variables.table;
    this.#blocks = this.#variables.blocks;
  }

  run(): Repaired {
    const words = this.#words;
    const operation = OPERATIONS[words[this.#address + Layout.THREAD_INTENT]!] ?? 'none';
    applyJournal(words, this.#address);
    // step: repair.journal
    this.#undoUpdate();
    this.#mendLists();
    // step: repair.lists
    this.#finishIntent(operation);
    // A block whose destructor has run was retired before it was taken off the record.
    for (const block of this.#variables.owed)
      if (words[block + Layout.BLOCK_IDENTITY] === Layout.TYPE_SLOT_DEAD) settle(this.#thread, block);
    // step: repair.intent
    this.#finishLocked();
    for (const word of [Layout.THREAD_VARIABLE, Layout.THREAD_VARIABLE_INNER]) this.#releaseVariable(word);
    this.#closeIntent();
    this.#leavePatches();
    words[this.#address + Layout.THREAD_SETTLED] = 0;
    Atomics.store(words, this.#address + Layout.THREAD_EPOCH, 0);
    return { operation, outcome: this.#outcome, locksReleased: this.#released };
  }

  /** An update() that was being written has not happened. */
  #undoUpdate(): void {
    const words = this.#words;
    const block = words[this.#address + Layout.THREAD_UNDO]!;
    if (block !== 0 && blockClass(this.#memory, block) > LINE_CLASS && variableOwner(words, block) === this.#owner) {
      applyUndo(words, this.#address);
      this.#outcome = 'undone';
    }
    words[this.#address + Layout.THREAD_UNDO] = 0;
  }

  /** Tails and counts of the thread's own lists may be one behind. */
  #mendLists(): void {
    const words = this.#words;
    const retired = this.#address + Layout.THREAD_RETIRED;
    this.#mendRetired(retired);
    this.#mendRetired(retired + Layout.RETIRED_OLDER);
    if (lockOwner(Atomics.load(words, Layout.THREAD_LOCK)) === this.#owner) {
      this.#mendRetired(Layout.ORPHANS);
      this.#mendRetired(Layout.ORPHANS + Layout.RETIRED_OLDER);
    }
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      const cache = this.#cacheOf(sizeClass);
      words[cache + Layout.CACHE_COUNT] = [...this.#members(words[cache + Layout.CACHE_HEAD]!)].length;
    }
    const record = this.#address + Layout.THREAD_DESTROYING;
    let depth = Math.max(0, words[this.#address + Layout.THREAD_DESTROYING_COUNT]!);
    while (depth < Layout.THREAD_DESTROYING_WORDS && words[record + depth] !== 0) depth++;
    words[this.#address + Layout.THREAD_DESTROYING_COUNT] = depth;
  }

  #mendRetired(list: WordAddress): void {
    const words = this.#words;
    let count = 0;
    let tail = 0;
    for (const block of this.#members(words[list + Layout.RETIRED_HEAD]!)) {
      tail = block;
      count++;
    }
    words[list + Layout.RETIRED_TAIL] = tail;
    words[list + Layout.RETIRED_COUNT] = count;
  }

  /** A list of blocks, as far as it is one. */
  *#members(head: WordAddress): Generator<WordAddress, void, undefined> {
    const most = this.#words.length / Layout.BLOCK_DATA;
    let seen = 0;
    for (let block = head; blockClass(this.#memory, block) >= 0 && seen < most; block = this.#words[block + Layout.BLOCK_NEXT]!, seen++)
      yield block;
  }

  #cacheOf(sizeClass: number): WordAddress {
    return this.#address + Layout.THREAD_CLASSES + sizeClass * Layout.CACHE_WORDS;
  }

  #finishIntent(operation: Operation): void {
    const words = this.#words;
    switch (operation) {
      case 'insert':
      case 'remove':
      case 'migrate':
      case 'visit': {
        const bucket = words[this.#address + Layout.THREAD_INTENT_BUCKET]!;
        if (!this.#isMyBucket(bucket)) {
          this.#placeHand(0);
          return;
        }
        this.#placeHand(bucket);
        if (operation !== 'visit') this.#dropNames(bucket);
        if (operation === 'migrate') dropLeftOvers(this.#variables, bucket);
        this.#release(bucket + Layout.BUCKET_LOCK);
        return;
      }
      case 'split':
        this.#finishSplit();
        return;
      case 'check':
        for (let index = 0; index < words[Layout.BUCKET_COUNT]!; index++)
          this.#release(bucketAddress(this.#memory.buckets, index) + Layout.BUCKET_LOCK);
        this.#placeHand(0);
        return;
      default:
        this.#placeHand(0);
    }
  }

  #isMyBucket(bucket: WordAddress): boolean {
    const offset = bucket - this.#memory.buckets;
    const index = offset >>> Layout.BUCKET_SHIFT;
    const isBucket = offset >= 0 && (offset & (Layout.BUCKET_WORDS - 1)) === 0 && index <= this.#words[Layout.BUCKET_COUNT]!;
    return isBucket && lockOwner(Atomics.load(this.#words, bucket + Layout.BUCKET_LOCK)) === this.#owner;
  }

  /**
   * Finds out where the block that was on its way stands, in a locked chain or elsewhere, and brings it where it belongs. `chain` is 0 if none is locked.
   */
  #placeHand(chain: WordAddress): void {
    const words = this.#words;
    const block = words[this.#address + Layout.THREAD_INTENT_BLOCK]!;
    const change = words[this.#address + Layout.THREAD_INTENT_CHANGE]!;
    const sizeClass = blockClass(this.#memory, block);
    if (sizeClass >= 0) {
      const entry = chain === 0 ? 0 : this.#entryOf(chain, block);
      if (entry !== 0) this.#placeLinked(change, entry, block);
      else if (change !== 0) this.#placeUnlinked(change, block, sizeClass);
      else if (!this.#isInPlace(chain, block, sizeClass)) this.#retire(block, sizeClass);
    }
    endChange(this.#thread);
  }

  /** Its entry stands: an insertion is committed, a removal has begun if the generation says so. */
  #placeLinked(change: number, entry: WordAddress, block: WordAddress): void {
    const words = this.#words;
    const counter = this.#counterOf(block);
    const before = words[this.#address + Layout.THREAD_INTENT_COUNTER]!;
    if (change === Layout.CHANGE_INSERT) {
      words[counter] = before + 1;
      this.#outcome = 'finished';
    } else if (change === Layout.CHANGE_REMOVE && (words[block + Layout.BLOCK_GENERATION]! & 1) === 0) {
      if (this.#isOwed(block)) settle(this.#thread, block);
      this.#outcome = 'undone';
    } else if (change === Layout.CHANGE_REMOVE) {
      clearEntry(words, entry);
      this.#placeUnlinked(change, block, blockClass(this.#memory, block));
    } else if (change === Layout.CHANGE_MIGRATE) {
      this.#outcome = 'finished';
    }
  }

  /** Its entry does not stand: a removal is committed, an insertion never happened. */
  #placeUnlinked(change: number, block: WordAddress, sizeClass: number): void {
    const words = this.#words;
    const dead = words[block + Layout.BLOCK_IDENTITY] === Layout.TYPE_SLOT_DEAD;
    if (change === Layout.CHANGE_REMOVE) {
      // Counted before it is retired, which is when its identity dies.
      if (!dead) words[this.#counterOf(block)] = words[this.#address + Layout.THREAD_INTENT_COUNTER]! - 1;
      this.#outcome = 'finished';
    } else if (change !== Layout.CHANGE_DROP) {
      this.#outcome = 'undone';
    }
    if (!this.#isInPlace(0, block, sizeClass)) this.#retire(block, sizeClass);
  }

  #counterOf(block: WordAddress): WordAddress {
    return counterOf(this.#memory, this.#thread, this.#words[block + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK);
  }

  /** Whether a block that is in no entry has not left its list yet, or has reached one already, or waits for its destructor. */
  #isInPlace(chain: WordAddress, block: WordAddress, sizeClass: number): boolean {
    const words = this.#words;
    const cache = this.#cacheOf(sizeClass);
    if (words[cache + Layout.CACHE_HEAD] === block || words[cache + Layout.CARVE_NEXT] === block) return true;
    if (words[this.#address + Layout.THREAD_UNDO_BLOCK] === block) return true;
    if (sizeClass === LINE_CLASS && chain !== 0 && this.#isLineOf(chain, block)) return true;
    if (this.#isOwed(block)) {
      if (words[block + Layout.BLOCK_IDENTITY] !== Layout.TYPE_SLOT_DEAD) return true;
      settle(this.#thread, block); // its destructor has run
    }
    const lists = [this.#address + Layout.THREAD_RETIRED];
    if (lockOwner(Atomics.load(words, Layout.THREAD_LOCK)) === this.#owner) lists.push(Layout.ORPHANS);
    return lists.some((list) => this.#isEndOf(list, block) || this.#isEndOf(list + Layout.RETIRED_OLDER, block));
  }

  /** A block leaves a retired list at its head and comes to it at its tail. */
  #isEndOf(list: WordAddress, block: WordAddress): boolean {
    return this.#words[list + Layout.RETIRED_HEAD] === block || this.#words[list + Layout.RETIRED_TAIL] === block;
  }

  #isOwed(block: WordAddress): boolean {
    const record = this.#address + Layout.THREAD_DESTROYING;
    return this.#words.subarray(record, record + Layout.THREAD_DESTROYING_WORDS).includes(block);
  }

  /** Not simply reused: whoever found it while it was linked may still look at it. */
  #retire(block: WordAddress, sizeClass: number): void {
    const words = this.#words;
    if (sizeClass !== LINE_CLASS) words[block + Layout.BLOCK_GENERATION] = words[block + Layout.BLOCK_GENERATION]! | 1;
    this.#blocks.retire(block);
  }

  #entryOf(chain: WordAddress, block: WordAddress): WordAddress {
    const words = this.#words;
    for (let entry = nextEntry(words, chain, 0); entry !== 0; entry = nextEntry(words, chain, entry))
      if (entryBlock(words, entry) === block) return entry;
    return 0;
  }

  #isLineOf(chain: WordAddress, line: WordAddress): boolean {
    for (let at = chain, ordinal = 0; at !== 0; at = lineAfter(this.#words, at, ordinal++)) if (at === line) return true;
    return false;
  }

  /** Records of strings whose only variable was not created, or is gone. */
  #dropNames(bucket: WordAddress): void {
    const words = this.#words;
    for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
      if ((entryKey(words, entry) & Layout.TYPE_SLOT_MASK) !== Layout.TYPE_SLOT_NAMES) continue;
      const object = this.#variables.objectOf(entryBlock(words, entry));
      const owed = this.#variables.owesFor(object);
      dropUnusedName(this.#table, this.#blocks, bucket, object, owed ? this.#variables.owe : undefined);
    }
  }

  /** While the source is locked the split is not over; it has happened if the number of buckets says so. */
  #finishSplit(): void {
    const words = this.#words;
    const index = words[Layout.SPLIT_TARGET]! - 1;
    if (lockOwner(Atomics.load(words, Layout.GROW_LOCK)) !== this.#owner || index < Layout.FIRST_BUCKETS) {
      this.#placeHand(0);
      return;
    }
    const bit = splitLevel(index);
    const source = bucketAddress(this.#memory.buckets, index - bit);
    const target = bucketAddress(this.#memory.buckets, index);
    const published = words[Layout.BUCKET_COUNT]! > index;
    const begun = this.#isMyBucket(source);
    this.#placeHand(begun || published ? target : 0);
    if (begun) {
      if (published) {
        clearMoved(words, source, bit);
      } else {
        giveBackLines(this.#table, target, (line) => {
          this.#blocks.retire(line);
        });
        dropTarget(words, target);
      }
    }
    if (published) this.#release(target + Layout.BUCKET_LOCK);
    this.#release(source + Layout.BUCKET_LOCK);
    // step: repair.split
    words[Layout.SPLIT_TARGET] = 0;
  }

  /** What is guarded by the locks that it holds is in order by now, but for the two cases here. */
  #finishLocked(): void {
    const words = this.#words;
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      const lock = classAddress(sizeClass) + Layout.CLASS_LOCK;
      if (lockOwner(Atomics.load(words, lock)) !== this.#owner) continue;
      if (words[this.#address + Layout.THREAD_LEAVING] === sizeClass + 1) unlistLeavingPages(this.#memory, this.#owner, sizeClass);
      this.#release(lock);
    }
    if (lockOwner(Atomics.load(words, Layout.TYPE_LOCK)) === this.#owner) {
      dropWaitingSuccessors(this.#memory);
      // What the dead thread changed it may not have announced.
      Atomics.add(words, Layout.TYPE_EPOCH, 1);
      this.#release(Layout.TYPE_LOCK);
    }
    for (const lock of STORE_LOCKS) this.#release(lock);
    this.#release(Layout.GROW_LOCK);
  }

  #releaseVariable(word: number): void {
    const block = this.#words[this.#address + word]!;
    if (blockClass(this.#memory, block) > LINE_CLASS && releaseVariableFor(this.#words, this.#owner, block)) this.#released++;
    this.#words[this.#address + word] = 0;
  }

  #release(lock: WordAddress): void {
    if (releaseFor(this.#words, this.#owner, lock)) this.#released++;
  }

  #closeIntent(): void {
    const words = this.#words;
    words[this.#address + Layout.THREAD_HELD] = 0;
    words[this.#address + Layout.THREAD_INTENT] = 0;
    const sequence = words[this.#address + Layout.THREAD_INTENT_SEQUENCE]!;
    words[this.#address + Layout.THREAD_INTENT_SEQUENCE] = (sequence + (sequence & 1)) | 0;
  }

  /** Takes the thread out of live patching: it has no task and no call any more, it times nobody's tasks, and no transition waits for it. */
  #leavePatches(): void {
    const words = this.#words;
    const address = this.#address;
    stopObserving(words, address);
    if (words[address + Layout.THREAD_AGENT] === 0) return;
    words.fill(0, address + Layout.THREAD_TASK_TABLE, address + Layout.THREAD_JOURNAL_COUNT);
    words.fill(0, address + Layout.THREAD_ACTIVATIONS, address + Layout.THREAD_TASK_HISTOGRAM);
    words[address + Layout.THREAD_TASKS] = 0;
    Atomics.store(words, address + Layout.THREAD_AGENT, 0); // last: a repairer that dies before this is repeated in full
    Atomics.add(words, Layout.PATCH_WAKE, 1);
    Atomics.notify(words, Layout.PATCH_WAKE);
  }
}
