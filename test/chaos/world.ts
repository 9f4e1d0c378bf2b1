/**
 * Owns what the operations of the catalogue work on: the types, the store as one thread has it, and what can be read from it afterwards. Every variable
 * carries a serial number; a ledger counts how often the constructor and the destructor of each ran.
 */
import { Layout } from '../../src/memory/layout.js';
import { attachMemory, type StoreHandle } from '../../src/memory/reservation.js';
import { bytes } from '../../src/shadow/fields.js';
import { hashName, type NameHash } from '../../src/shadow/names.js';
import type { Parent } from '../../src/shadow/objects.js';
import { ShadowStore } from '../../src/shadow/store.js';
import type { View } from '../../src/shadow/view.js';
import { type AnyShadowType, defineShadowType } from '../../src/shadow/type.js';
import { collidingHash } from '../concurrency/colliding.js';

/** Serial numbers are below this. */
export const SERIALS = 1024;
const DESTROYED = SERIALS;
const NAME_SEED = 12345;
const LEDGER_WORDS = 2 * SERIALS;

/** Of each store: its ledger, and the store as this thread has it. */
const places = new WeakMap<SharedArrayBuffer, { ledger: Int32Array; world?: World }>();

function placeOf(view: View): { readonly ledger: Int32Array; readonly world?: World } {
  return places.get(view.$binding.memory.buffer) ?? { ledger: new Int32Array(LEDGER_WORDS) };
}

export function newLedger(): SharedArrayBuffer {
  return new SharedArrayBuffer(LEDGER_WORDS * 4);
}

/** Sets the ledger that constructors and destructors of this thread write for a store. */
export function observe({ buffer }: StoreHandle, ledger: SharedArrayBuffer): void {
  places.set(buffer, { ledger: new Int32Array(ledger) });
}

/** How often the constructor and the destructor of a serial number have finished. */
export function fateOf(buffer: SharedArrayBuffer, serial: number): { readonly constructed: number; readonly destroyed: number } {
  const counts = new Int32Array(buffer);
  return { constructed: counts[serial]!, destroyed: counts[DESTROYED + serial]! };
}

const FIELDS = { serial: 'u32', n: 'u32', a: 'f64', b: 'f64' } as const;

/** Neither constructor nor destructor. */
export const plain = defineShadowType({ id: 1, fields: FIELDS });

/** Both. The constructor takes the serial number. */
export const built = defineShadowType({
  id: 2,
  fields: FIELDS,
  ctor(_parent, view, serial: number | undefined) {
    view.serial = serial ?? 0;
    // step: body.constructor
    view.a = view.serial * 2;
    view.b = view.serial * 3;
    Atomics.add(placeOf(view).ledger, view.serial, 1);
  },
  dtor(_parent, view) {
    // step: body.destructor
    Atomics.add(placeOf(view).ledger, DESTROYED + view.serial, 1);
  },
});

/** Few of them fill a page. */
export const large = defineShadowType({ id: 3, fields: { serial: 'u32', load: bytes(9000) } });

/** Too large for the log in a thread slot, and smaller than `large`. */
export const medium = defineShadowType({ id: 9, fields: { serial: 'u32', load: bytes(3000) } });

/** Its destructor frees the `built` variable of the same parent. */
export const keeper = defineShadowType({
  id: 4,
  fields: FIELDS,
  dtor(parent, view) {
    placeOf(view).world?.store.free(parent, built);
    // step: body.keeper
    Atomics.add(placeOf(view).ledger, DESTROYED + view.serial, 1);
  },
});

/** Three versions of one id. */
export const moving1 = defineShadowType({ id: 5, fields: { serial: 'u32', n: 'u32', a: 'f64' } });
export const moving2 = defineShadowType({
  id: 5,
  version: 2,
  fields: FIELDS,
  previous: moving1,
  migrate(_parent, older, newer) {
    newer.serial = older.serial;
    // step: body.migrate
    newer.a = older.a;
    newer.b = older.a * 2;
  },
});
export const moving3 = defineShadowType({
  id: 5,
  version: 3,
  fields: { ...FIELDS, c: 'f64' },
  previous: moving2,
  migrate(_parent, older, newer) {
    newer.serial = older.serial;
    newer.a = older.a;
    newer.b = older.b;
    newer.c = older.a * 3;
  },
});

/** Registered by hand, and collected. */
export const fleeting = defineShadowType({
  id: 6,
  fields: FIELDS,
  dtor(_parent, view) {
    Atomics.add(placeOf(view).ledger, DESTROYED + view.serial, 1);
  },
});

/** Its constructor throws. */
export const refusing = defineShadowType({
  id: 7,
  fields: FIELDS,
  ctor() {
    // step: body.refusal
    throw new Error('refused');
  },
});

/** Types that fill the chain of one parent. */
export const fillers = Array.from({ length: 12 }, (_, i) => defineShadowType({ id: 20 + i, fields: { serial: 'u32' } as const }));

/** Fills the table; only counted, never looked at. */
export const ballast = defineShadowType({ id: 8, fields: { serial: 'u32' } });

/** What a store of the catalogue is created with. */
export const TYPES: readonly AnyShadowType[] = [plain, built, medium, large, keeper, moving1, refusing, ballast, ...fillers];
/** All that may be found in it. */
const FOUND: readonly AnyShadowType[] = [plain, built, medium, large, keeper, moving1, moving2, moving3, fleeting, refusing, ...fillers];

/** The hash of strings that all threads of a store use: the same in every store, so that an operation comes by the same steps. */
export function hashOf(colliding: boolean): NameHash {
  const hash = colliding ? collidingHash : hashName;
  return (name) => hash(name, NAME_SEED);
}

/** A store as one thread sees it. */
export class World {
  readonly store: ShadowStore;
  /** Parents of this thread that must not be garbage. */
  readonly objects: object[] = [];
  /** Further attachments of this thread. */
  readonly others: ShadowStore[] = [];

  constructor(store: ShadowStore) {
    this.store = store;
    const place = places.get(store.handle.buffer);
    if (place !== undefined) place.world = this;
  }

  static attach(handle: StoreHandle, colliding: boolean): World {
    return new World(ShadowStore.$open(attachMemory(handle), hashOf(colliding)));
  }

  /** A second attachment of this thread, which stays inside its grace epoch until it is disposed. */
  stayInside(): ShadowStore {
    const other = ShadowStore.attach(this.store.handle);
    other.internals.thread.onTurnEnd = () => undefined;
    other.has(0, plain);
    this.others.push(other);
    return other;
  }
}

/** Every variable that there is: its id, version and parent; and its values. */
export type Contents = Readonly<Record<string, string>>;

/** What can be found in the store, seen from this thread. Variables of an older version are migrated by the look. */
export function contentsOf({ store }: World): Contents {
  const contents: Record<string, string> = {};
  for (const type of FOUND) {
    if (store.internals.registry.versionInForce(type.id) !== type.version) continue;
    for (const [parent, view] of store.entries(type) as Iterable<[Parent, { read(): Record<string, unknown> }]>) {
      const { load, ...values } = view.read();
      if (load instanceof Uint8Array) values['load'] = [...new Set(load)];
      contents[`${type.id} v${type.version} of ${nameOf(parent)}`] = JSON.stringify(values);
    }
  }
  return contents;
}

/** The number of an object depends on who else has objects. */
function nameOf(parent: Parent): string {
  return typeof parent === 'number' && parent >= Layout.FIRST_OBJECT_HANDLE ? 'an object' : JSON.stringify(parent);
}
