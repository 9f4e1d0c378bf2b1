/**
 * The world of the model: the parents and types that commands pick from, the real store with two attachments, and the plain-Map model that says what the
 * store must hold. Types of every make: without constructor and destructor, with both, raw, large, and one whose id comes and goes.
 */
import { bytes, string } from '../../src/shadow/fields.js';
import type { Parent } from '../../src/shadow/objects.js';
import { ShadowStore } from '../../src/shadow/store.js';
import type { Collection } from '../../src/shadow/sweep.js';
import { type AnyShadowType, defineShadowType } from '../../src/shadow/type.js';
import type { View } from '../../src/shadow/view.js';

/** The last two are JS objects, which are used through the first attachment only: handles belong to the thread that asks. */
export const PARENTS: readonly Parent[] = [
  0,
  7,
  2 ** 31 + 3,
  2 ** 40 + 7,
  2 ** 52 - 1,
  null,
  '',
  'name',
  'näme\u0000🜁',
  'a name that is longer than most '.repeat(8),
  { of: 'the model' },
  () => 'of the model',
];
export const SHARED_PARENTS = PARENTS.length - 2;

/** What a constructor does besides noting its serial number. */
export type ConstructorConduct = 'plain' | 'throw' | 'promise' | 'read' | 'write';
/** What a destructor does to another parent. */
export type DestructorConduct = 'plain' | 'free' | 'allocate' | 'throw';

export interface Conception {
  readonly serial: number;
  readonly conduct: ConstructorConduct;
  readonly farewell: DestructorConduct;
  /** Index of the parent that constructor and destructor turn to. */
  readonly other: number;
}

/** What a variable must hold. */
export interface Life {
  readonly type: number;
  readonly parent: number;
  readonly serial: number;
  /** The field that commands change. */
  value: number;
  readonly farewell: DestructorConduct;
  readonly other: number;
}

export class ConstructorFailure extends Error {}
export class DestructorFailure extends Error {}

export const PLAIN = 0; // no constructor, no destructor
export const NODE = 1; // a constructor and a destructor that use the store
export const RAW = 2; // raw bytes
export const LARGE = 3; // 3 KiB
export const COMING = 4; // its id is registered and collected by commands; constructor and destructor as NODE
export const TYPES = 5;
/** Takes up memory. Not among the types that commands pick from. */
export const filler = defineShadowType({ id: 0x1006, size: 3000 });

/** Serial numbers of lives whose destructor was called, and what became of what it tried. */
export interface Farewell {
  readonly serial: number;
  readonly parent: Parent;
  /** Whether an allocation inside the destructor found memory. */
  readonly allocated: boolean;
}

/** Everything real: the store as two attachments see it, and what its callbacks reported. */
export class World {
  readonly stores: [ShadowStore, ShadowStore];
  readonly types: readonly AnyShadowType[];
  readonly farewells: Farewell[] = [];
  readonly collections: Collection[] = [];
  /** The attachment whose operation is running: constructors and destructors use it. */
  current: ShadowStore;
  /** Asked by constructors that read: what the model has at a place. */
  expected: (parent: number, type: number) => Life | undefined = () => undefined;
  /** What constructors found that they should not have. */
  readonly complaints: string[] = [];
  serial = 1;

  constructor(maxBytes: number) {
    const withLife = (id: number): AnyShadowType =>
      defineShadowType<{ serial: 'u32'; value: 'u32'; farewell: 'u8'; other: 'u8' }, Conception>({
        id,
        fields: { serial: 'u32', value: 'u32', farewell: 'u8', other: 'u8' },
        // A promise is what the store has to refuse.
        ctor: (_parent, view, conception): undefined => {
          if (view.serial !== 0 || view.value !== 0) this.complaints.push('the memory of a new variable is not zeroed');
          view.serial = conception.serial;
          view.farewell = FAREWELLS.indexOf(conception.farewell);
          view.other = conception.other;
          return this.#construct(conception) as undefined;
        },
        dtor: (parent, view) => this.#destroy(parent, view.serial, FAREWELLS[view.farewell]!, view.other),
      });
    this.types = [
      defineShadowType({ id: 0x1001, fields: { serial: 'u32', value: 'u32', precise: 'f64', wide: 'i64' } }),
      withLife(0x1002),
      defineShadowType({ id: 0x1003, size: 24 }),
      defineShadowType({ id: 0x1004, fields: { serial: 'u32', value: 'u32', text: string(40), fill: bytes(3000) } }),
      withLife(0x1005),
    ];
    const first = ShadowStore.create({ maxBytes, maxThreads: 4, types: [...this.types.slice(0, COMING), filler] });
    this.stores = [first, ShadowStore.attach(first.handle)];
    this.current = first;
  }

  get registry(): ShadowStore['internals']['registry'] {
    return this.stores[0].internals.registry;
  }

  /** The index of a parent as the store gave it: objects come back as their handles. */
  indexOf(parent: Parent): number {
    const index = PARENTS.indexOf(parent);
    if (index >= 0) return index;
    return PARENTS.findIndex(
      (candidate) =>
        ((typeof candidate === 'object' && candidate !== null) || typeof candidate === 'function') &&
        this.stores.some((store) => store.objects.find(candidate) === parent),
    );
  }

  dispose(): void {
    for (const store of this.stores) store[Symbol.dispose]();
  }

  #construct({ conduct, other }: Conception): Promise<void> | undefined {
    if (conduct === 'throw') throw new ConstructorFailure();
    if (conduct === 'promise') return Promise.resolve();
    if (conduct === 'read') this.#readAll(other);
    if (conduct === 'write') this.#tryWrites(other);
    return undefined;
  }

  #readAll(other: number): void {
    const store = this.current;
    this.types.forEach((type, index) => {
      const expected = this.expected(other, index);
      const parent = PARENTS[other]!;
      const found = store.get(parent, type);
      if (serialOf(found, index) !== expected?.serial) this.complaints.push(`a constructor found type ${index} of parent ${other}`);
      if (store.has(parent, type) !== (expected !== undefined)) this.complaints.push('has() in a constructor is wrong');
      if (store.cursor(type).find(parent) !== (expected !== undefined)) this.complaints.push('find() in a constructor is wrong');
    });
  }

  #tryWrites(other: number): void {
    const store = this.current;
    const parent = PARENTS[other]!;
    const type = this.types[PLAIN]!;
    const writes: Record<string, () => unknown> = {
      alloc: () => store.alloc(parent, type),
      getOrAlloc: () => store.getOrAlloc(parent, type),
      free: () => store.free(parent, type),
      freeAll: () => store.freeAll(type),
      freeObject: () => store.freeObject(parent),
    };
    for (const [name, write] of Object.entries(writes)) {
      if (codeOf(write) !== 'ERR_SHADOW_CONSTRUCTOR_WRITE') this.complaints.push(`${name} in a constructor is not refused`);
    }
    const safepoint = codeOf(() => {
      store.safepoint();
    });
    if (safepoint !== 'ERR_SHADOW_SAFEPOINT_NESTED') this.complaints.push('safepoint() in a constructor is not refused');
  }

  #destroy(parent: Parent, serial: number, conduct: DestructorConduct, other: number): void {
    const store = this.current;
    let allocated = false;
    if (conduct === 'free') this.#freeNode(PARENTS[other]!);
    if (conduct === 'allocate') {
      const code = codeOf(() => {
        const view = store.getOrAlloc(PARENTS[other]!, this.types[PLAIN]!);
        if (serialOf(view, PLAIN) === 0) setSerial(view, PLAIN, serial);
      });
      if (code !== undefined && code !== 'ERR_SHADOW_EXHAUSTED') this.complaints.push(`getOrAlloc in a destructor: ${code}`);
      allocated = code === undefined;
    }
    this.farewells.push({ serial, parent, allocated });
    if (conduct === 'throw') throw new DestructorFailure();
  }

  #freeNode(parent: Parent): void {
    try {
      this.current.free(parent, this.types[NODE]!);
    } catch (error) {
      if (!(error instanceof DestructorFailure)) throw error; // that one's own affair
    }
  }
}

const FAREWELLS: readonly DestructorConduct[] = ['plain', 'free', 'allocate', 'throw'];

/** The code of what an operation throws, if it is an error of the store. */
export function codeOf(operation: () => unknown): string | undefined {
  try {
    operation();
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}

interface Typed {
  serial: number;
  value: number;
}
interface Raw {
  getUint32(offset: number): number;
  setUint32(offset: number, value: number): void;
}

/** Bytes of a raw variable at which serial number and value stand. */
const RAW_SERIAL = 0;
const RAW_VALUE = 20;

export function serialOf(view: View | undefined, type: number): number | undefined {
  if (view === undefined) return undefined;
  return type === RAW ? (view as unknown as Raw).getUint32(RAW_SERIAL) : (view as unknown as Typed).serial;
}

export function setSerial(view: View, type: number, serial: number): void {
  if (type === RAW) (view as unknown as Raw).setUint32(RAW_SERIAL, serial);
  else (view as unknown as Typed).serial = serial;
}

export function valueOf(view: View, type: number): number {
  return type === RAW ? (view as unknown as Raw).getUint32(RAW_VALUE) : (view as unknown as Typed).value;
}

export function setValue(view: View, type: number, value: number): void {
  if (type === RAW) (view as unknown as Raw).setUint32(RAW_VALUE, value);
  else (view as unknown as Typed).value = value;
}
