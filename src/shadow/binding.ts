/**
 * Owns the binding: what one thread has worked out about one type in one store, so that an operation needs a single compare to know that its type is
 * registered in this version, and the classes of its views and cursors. A binding is good while TYPE_TAG of its slot is the tag it was made with;
 * collection and change of version raise the tag, and at that instant every binding in every thread is out of date. Reads the table; writes nothing.
 * Imports memory, table, slots, view-classes.
 */
import { ShadowError } from '../errors.js';
import { classOfDataBytes } from '../memory/classes.js';
import { enter } from '../memory/grace.js';
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import { findBlock } from '../table/find.js';
import { hashObject, identityOf, objectHigh } from '../table/hash.js';
import type { Bindings } from './bindings.js';
import type { ObjectTable, Parent } from './objects.js';
import { NO_OLDER, type OlderSlot, typeAddress, typeState } from './slots.js';
import type { AnyShadowType } from './type.js';
import type { View } from './view.js';
import { type Access, makeAccess } from './view-classes.js';

/** No published tag and no epoch is negative, so a binding with this one is out of date from the start. */
export const NEVER = -1;

/** Looks at a variable that is being freed before it counts as gone: whoever frees it may have died, or its generation be damaged. */
const LOOKS = 1000;

export class Binding {
  readonly bindings: Bindings;
  readonly type: AnyShadowType;
  readonly memory: Memory;
  readonly thread: Thread;
  readonly words: Int32Array;
  readonly buckets: WordAddress;
  readonly objects: ObjectTable;
  readonly sizeClass: number;
  readonly dataWords: number;
  /** Where the last block of this size can begin: a hit further up is no variable, but a damaged store. */
  readonly lastBlock: WordAddress;
  /** TYPE_SLOT_DEAD while the id is not registered: no entry of the table has that slot, so look-ups find nothing. */
  slot: TypeSlot = Layout.TYPE_SLOT_DEAD;
  tag = NEVER;
  tagAddress: WordAddress = 0;
  /** TYPE_EPOCH at which the tag was last found good: while it stands, the binding is current without looking at the tag. */
  epoch = NEVER;
  /** Slots with variables that were not migrated to this version yet, oldest first. */
  older: readonly OlderSlot[] = NO_OLDER;
  readonly View: Access['View'];
  readonly Cursor: Access['Cursor'];
  readonly get: Access['get'];
  readonly getMany: Access['getMany'];
  readonly has: Access['has'];

  constructor(bindings: Bindings, type: AnyShadowType) {
    const { memory, thread, objects } = bindings;
    this.bindings = bindings;
    this.type = type;
    this.memory = memory;
    this.thread = thread;
    this.words = memory.words;
    this.buckets = memory.buckets;
    this.objects = objects;
    this.sizeClass = classOfDataBytes(type.size);
    this.dataWords = ((type.size + 7) >>> 3) * 2;
    this.lastBlock = memory.words.length - Layout.BLOCK_DATA - this.dataWords;
    const { View: TypedView, Cursor: TypedCursor, get, getMany, has } = makeAccess(this);
    this.View = TypedView;
    this.Cursor = TypedCursor;
    this.get = get;
    this.getMany = getMany;
    this.has = has;
  }

  get registered(): boolean {
    return this.slot !== Layout.TYPE_SLOT_DEAD;
  }

  /** Whether the slot still is what it was when the binding was made. */
  get current(): boolean {
    return this.words[this.tagAddress] === this.tag;
  }

  /** Binds to a slot in the state its tag tells. */
  point(slot: TypeSlot, tag: number, epoch: number, older: readonly OlderSlot[]): void {
    this.slot = slot;
    this.tag = tag;
    this.tagAddress = typeAddress(this.memory, slot) + Layout.TYPE_TAG;
    this.epoch = epoch;
    this.older = older;
  }

  /** Enters the grace epoch if need be, and finds the id's slot anew if anything was collected: what every operation starts with. */
  refresh(): void {
    if (this.thread.interval === 0) enter(this.thread);
    if (this.words[Layout.TYPE_EPOCH] !== this.epoch) this.bindings.resolve(this);
  }

  /**
   * The block of <parent, type> for a parent of any kind, or 0. A string's number may go to another string when its last variable is freed; it cannot while
   * a variable is linked there, so a name that is right between two looks at the same living variable was right all the while.
   */
  find(parent: Parent): WordAddress {
    return this.findIn(this.slot, parent);
  }

  /** The same in another slot of the id. */
  findIn(slot: TypeSlot, parent: Parent): WordAddress {
    const { words, objects } = this;
    for (let look = 0; look < LOOKS; look++) {
      const object = objects.find(parent);
      if (object < 0) return 0;
      const high = objectHigh(object);
      const block = findBlock(words, this.buckets, object | 0, identityOf(high, slot), hashObject(object | 0, high));
      if (block === 0 || typeof parent !== 'string') return block;
      const generation = words[block + Layout.BLOCK_GENERATION]!;
      if ((generation & 1) === 0 && objects.names.holds(object, parent) && words[block + Layout.BLOCK_GENERATION] === generation)
        return block;
    }
    return 0;
  }

  /**
   * Whether a look-up that found nothing is to be believed: there is no older version, and no other one has come into force a moment ago, which would raise
   * TYPE_EPOCH a moment from now.
   */
  get exhaustive(): boolean {
    return this.older.length === 0 && (this.words[this.tagAddress] === this.tag || !this.registered);
  }

  /**
   * What a look-up that found nothing in the slot in force comes to: the block of the variable after it was migrated, or 0 if there is none. Kept out of
   * the look-up, which is the faster for it.
   */
  late(parent: Parent): WordAddress {
    return this.exhaustive ? 0 : this.bindings.migrator.reach(this, parent);
  }

  /** The same for a look-up that asks only whether there is a variable. */
  lingers(parent: Parent): boolean {
    return !this.exhaustive && this.bindings.migrator.lingers(this, parent);
  }

  /**
   * Called when an operation found that the slot it was bound to is in force no more: fails if another version is, and not if the id was collected.
   * @throws ERR_SHADOW_VERSION
   */
  requireVersion(): void {
    if (typeState(this.memory, this.slot) === Layout.TYPE_STATE_MIGRATING) this.bindings.resolve(this);
  }

  /** The view of a linked or just unlinked block. @throws ERR_SHADOW_INVARIANT */
  view(block: WordAddress): View {
    if (block > this.lastBlock) refuseBlock(block);
    return new this.View(block, this.thread.interval, this.words[(block + Layout.BLOCK_GENERATION) | 0]!);
  }
}

/** What follows when the table leads to a block that would end outside the memory: a property of a view could fail in any way then. */
export function refuseBlock(block: WordAddress): never {
  throw new ShadowError(
    'ERR_SHADOW_INVARIANT',
    `the table leads to a block at ${block} that ends outside the store, which is damaged; see store.check()`,
  );
}
