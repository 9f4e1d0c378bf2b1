/**
 * Owns bindings: what one thread has worked out about one type in one store, so that an operation needs a single compare to know that its type is
 * registered, and the classes of its views and cursors. A binding is good while TYPE_TAG of its slot is the tag it was made with; collection raises the tag, and at that instant every
 * binding in every thread is out of date. Reads type slots; writes none but WARNED_IDS. Imports memory, objects and (as types) type and view.
 */
import { ShadowError } from '../errors.js';
import { classOfDataBytes } from '../memory/classes.js';
import { enter } from '../memory/grace.js';
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import { findBlock } from '../table/find.js';
import { hashObject, identityOf, objectHigh } from '../table/hash.js';
import type { ObjectTable, Parent } from './objects.js';
import { type AnyShadowType, latestDeclaration, requireType, ShadowType } from './type.js';
import type { View } from './view.js';
import { type Access, makeAccess } from './view-classes.js';

/** No published tag and no epoch is negative, so a binding with this one is out of date from the start. */
const NEVER = -1;

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
  /** TYPE_SLOT_DEAD while the id is not registered: no entry of the table has that slot, so look-ups find nothing. */
  slot: TypeSlot = Layout.TYPE_SLOT_DEAD;
  tag = NEVER;
  tagAddress: WordAddress = 0;
  /** TYPE_EPOCH at which the tag was last found good: while it stands, the binding is current without looking at the tag. */
  epoch = NEVER;
  readonly View: Access['View'];
  readonly Cursor: Access['Cursor'];
  readonly get: Access['get'];

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
    const { View: TypedView, Cursor: TypedCursor, get } = makeAccess(this);
    this.View = TypedView;
    this.Cursor = TypedCursor;
    this.get = get;
  }

  get registered(): boolean {
    return this.slot !== Layout.TYPE_SLOT_DEAD;
  }

  /** Whether the slot still is what it was when the binding was made. */
  get current(): boolean {
    return this.words[this.tagAddress] === this.tag;
  }

  /** Binds to a slot in the state its tag tells. */
  point(slot: TypeSlot, tag: number, epoch: number): this {
    this.slot = slot;
    this.tag = tag;
    this.tagAddress = typeAddress(this.memory, slot) + Layout.TYPE_TAG;
    this.epoch = epoch;
    return this;
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
    const { words, objects } = this;
    for (;;) {
      const object = objects.find(parent);
      if (object < 0) return 0;
      const high = objectHigh(object);
      const block = findBlock(words, this.buckets, object | 0, identityOf(high, this.slot), hashObject(object | 0, high));
      if (block === 0 || typeof parent !== 'string') return block;
      const generation = words[block + Layout.BLOCK_GENERATION]!;
      if ((generation & 1) === 0 && objects.names.holds(object, parent) && words[block + Layout.BLOCK_GENERATION] === generation)
        return block;
    }
  }

  /** The view of a linked or just unlinked block. */
  view(block: WordAddress): View {
    return new this.View(block, this.thread.interval, this.words[(block + Layout.BLOCK_GENERATION) | 0]!);
  }
}

/** All bindings of one thread to one store. */
export class Bindings {
  readonly memory: Memory;
  readonly thread: Thread;
  readonly objects: ObjectTable;
  /** One binding per type, pointed at another slot when its id is registered anew. */
  readonly #byType = new Map<AnyShadowType, Binding>();
  readonly #bySlot = new Map<TypeSlot, Binding>();

  constructor(memory: Memory, thread: Thread, objects: ObjectTable) {
    this.memory = memory;
    this.thread = thread;
    this.objects = objects;
  }

  /** The binding of a type, made if there is none; not necessarily up to date. @throws ERR_SHADOW_TYPE */
  of(type: AnyShadowType): Binding {
    requireType(type, 'the store');
    let binding = this.#byType.get(type);
    if (binding === undefined) {
      binding = new Binding(this, type);
      this.#byType.set(type, binding);
    }
    type.$binding = binding;
    return binding;
  }

  /**
   * Brings a binding up to date. One of an id that nobody registered finds nothing; the use is counted, and the first one in the process gives a
   * warning.
   * @throws ERR_SHADOW_SIZE_MISMATCH
   */
  resolve(binding: Binding): void {
    const { words } = this.memory;
    const { type } = binding;
    // Read before any tag: whatever is collected after this raises it again.
    const epoch = Atomics.load(words, Layout.TYPE_EPOCH);
    if (binding.registered && binding.current) {
      binding.epoch = epoch;
      return;
    }
    for (;;) {
      const slot = findTypeSlot(this.memory, type.id);
      if (slot === Layout.TYPE_SLOT_DEAD) {
        words[this.thread.address + Layout.THREAD_UNREGISTERED]!++;
        this.#warn(type.id);
        binding.point(slot, NEVER, NEVER);
        return;
      }
      const address = typeAddress(this.memory, slot);
      const tag = Atomics.load(words, address + Layout.TYPE_TAG);
      const size = words[address + Layout.TYPE_SIZE]!;
      const id = this.memory.uwords[address + Layout.TYPE_ID];
      // Collected, or even given to another type, since the slot was found: only a tag that is live and unchanged vouches for what was read.
      const steady = Atomics.load(words, address + Layout.TYPE_TAG) === tag;
      if (!steady || (tag & Layout.TYPE_STATE_MASK) !== Layout.TYPE_STATE_LIVE || id !== type.id) continue;
      if (size !== type.size) throw sizeMismatch(type, size);
      this.#bySlot.set(slot, binding);
      binding.point(slot, tag, epoch);
      return;
    }
  }

  /**
   * The binding for a live slot that was met in the table: the one this thread used last, else one by the latest declaration of the id in this
   * thread, else one without a destructor. `tag` is the live tag that was read for it.
   */
  ofSlot(slot: TypeSlot, tag: number): Binding {
    const known = this.#bySlot.get(slot);
    if (known?.slot === slot && known.tag === tag) return known;
    const { words, uwords } = this.memory;
    const address = typeAddress(this.memory, slot);
    const id = uwords[address + Layout.TYPE_ID]!;
    const size = words[address + Layout.TYPE_SIZE]!;
    const declared = latestDeclaration(id);
    const type = declared?.size === size ? declared : new ShadowType({ id, size });
    const binding = new Binding(this, type).point(slot, tag, NEVER);
    this.#bySlot.set(slot, binding);
    return binding;
  }

  /** Lets go of the store: types outlive it. */
  release(): void {
    for (const type of this.#byType.keys()) if (type.$binding?.bindings === this) type.$binding = undefined;
    this.#byType.clear();
    this.#bySlot.clear();
  }

  /** One process warning per id: the first thread to enter it in WARNED_IDS gives it. */
  #warn(id: number): void {
    if (!this.#isFirstUse(id)) return;
    process.emitWarning(`shadow type ${id} is used but no patch or application has registered it; look-ups find nothing`, {
      type: 'UmbraWarning',
      code: 'UMBRA_UNREGISTERED',
    });
  }

  #isFirstUse(id: number): boolean {
    const { words } = this.memory;
    const entry = (id + 1) | 0;
    if (entry === 0) return Atomics.exchange(words, Layout.WARNED_LAST_ID, 1) === 0;
    for (let probe = 0; probe < Layout.WARNED_ID_WORDS; probe++) {
      const found = Atomics.compareExchange(words, Layout.WARNED_IDS + ((id + probe) % Layout.WARNED_ID_WORDS), 0, entry);
      if (found === 0 || found === entry) return found === 0;
    }
    return false; // the table is full: whoever misuses so many ids has been told
  }
}

export function typeAddress(memory: Memory, slot: TypeSlot): WordAddress {
  return memory.types + slot * Layout.TYPE_WORDS;
}

/** The live slot of an id, or TYPE_SLOT_DEAD. A walk over the slots in use: bindings make it rare. */
export function findTypeSlot(memory: Memory, id: number): TypeSlot {
  const { words, uwords } = memory;
  const high = Atomics.load(words, Layout.TYPE_HIGH);
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < high; slot++) {
    const address = typeAddress(memory, slot);
    if ((words[address + Layout.TYPE_TAG]! & Layout.TYPE_STATE_MASK) === Layout.TYPE_STATE_LIVE && uwords[address + Layout.TYPE_ID] === id)
      return slot;
  }
  return Layout.TYPE_SLOT_DEAD;
}

export function sizeMismatch(type: AnyShadowType, stored: number): ShadowError {
  return new ShadowError(
    'ERR_SHADOW_SIZE_MISMATCH',
    `type ${type.id} is stored with ${stored} bytes, this declaration has ${type.size}; all declarations of an id need the same size`,
  );
}
