/**
 * Owns what the random operations are about: parents of every kind, types of several shapes, and what a variable says about itself. A variable holds
 * whose it is, the serial number of its life, and a proof over all of it, so that whoever reads it can tell foreign, torn and unconstructed data from good.
 */
import { bytes } from '../../src/shadow/fields.js';
import type { Parent } from '../../src/shadow/objects.js';
import { type AnyShadowType, defineShadowType, type ShadowType } from '../../src/shadow/type.js';
import type { ViewOf } from '../../src/shadow/view-classes.js';

/** A parent and a type, by number. Keys of JS objects, which only their own thread knows, are OBJECT_KEY. */
export type Key = number;

/** What a constructor is told. */
export interface Birth {
  readonly key: Key;
  readonly serial: number;
}

/** `n` is raised by add(), `u` by update() together with the proof. */
const FIELDS = { serial: 'u32', key: 'u32', n: 'u32', u: 'u32', proof: 'u32' } as const;
type SubjectFields = typeof FIELDS;
export type SubjectType = ShadowType<SubjectFields, Birth>;
export type SubjectView = ViewOf<SubjectFields>;

/** Called inside constructors, destructors, lock bodies and migrations: where a thread may end by itself. */
let onBody: () => void = () => undefined;
/** Destructor runs by serial number, one byte each. */
let destroyed: Uint8Array = new Uint8Array(new SharedArrayBuffer(1));

export function listen(body: () => void, destructions: Uint8Array): void {
  onBody = body;
  destroyed = destructions;
}

export function body(): void {
  onBody();
}

export function proofOf(key: Key, serial: number, u: number): number {
  let h = Math.imul(key + 1, 0x9e3779b1) ^ Math.imul(serial, 0x85ebca6b) ^ Math.imul(u, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}

function construct(view: SubjectView, birth: Birth | undefined): void {
  if (birth === undefined) throw new Error('a variable is created without being told whose it is');
  view.serial = birth.serial;
  onBody();
  view.key = birth.key;
  view.proof = proofOf(birth.key, birth.serial, 0);
}

function destruct(view: SubjectView): void {
  const wrong = wrongIn(view.read(), undefined);
  if (wrong !== undefined) throw new Error(`a destructor is given ${wrong}`);
  Atomics.add(destroyed, view.serial, 1);
  onBody(); // one that throws has run all the same
}

/** What is wrong with a variable that should be that of a key; undefined if it is whole. */
export function wrongIn(values: { serial: number; key: number; u: number; proof: number }, key: Key | undefined): string | undefined {
  const { serial, key: found, u, proof } = values;
  if ((key === undefined || found === key) && proof === proofOf(found, serial, u)) return undefined;
  return `a variable of key ${found}, serial ${serial}, updates ${u}, proof ${proof}${key === undefined ? '' : ` in the place of key ${key}`}`;
}

/** A type with constructor and destructor. */
function mourning(id: number): SubjectType {
  return defineShadowType({
    id,
    fields: FIELDS,
    ctor: (_parent, view, birth: Birth | undefined) => {
      construct(view, birth);
    },
    dtor: (_parent, view) => {
      destruct(view);
    },
  });
}

const mourned = mourning(41);

/** Larger than the others. */
const wide: SubjectType = defineShadowType({
  id: 43,
  fields: { ...FIELDS, load: bytes(700) } as SubjectFields,
  ctor: (_parent, view, birth: Birth | undefined) => {
    construct(view, birth);
  },
});

/** Versions of one id, each larger than the one before. */
const versions: SubjectType[] = [];
for (let version = 1; version <= 4; version++) versions.push(versionOf(version, versions.at(-1)));

function versionOf(version: number, previous: SubjectType | undefined): SubjectType {
  const declaration = {
    id: 42,
    version,
    fields: { ...FIELDS, more: bytes(8 * version) } as SubjectFields,
    ctor: (_parent: Parent, view: SubjectView, birth: Birth | undefined) => {
      construct(view, birth);
    },
  };
  if (previous === undefined) return defineShadowType(declaration);
  const migrate = (_parent: Parent, from: SubjectView, to: SubjectView): void => {
    const { serial, key, n, u, proof } = from;
    to.serial = serial;
    onBody();
    Object.assign(to, { key, n, u, proof });
  };
  return defineShadowType({ ...declaration, previous, migrate });
}

/** Registered and collected again and again. */
export const passing: SubjectType = mourning(44);
/** For variables of JS objects. */
export const owned: SubjectType = mourning(47);

/** Fills the table, so that it grows. Its variables are never freed. */
export const ballast: ShadowType<{ readonly whose: 'f64' }> = defineShadowType({ id: 45, fields: { whose: 'f64' } });

/** Ballast stands on numbers from here on: no other parent is as high, and lower than a handle. */
export const FIRST_BALLAST = 10 ** 6;

/** What the main thread creates and frees to find out whether it can. */
export const probing: ShadowType<{ readonly whose: 'f64' }> = defineShadowType({ id: 46, fields: { whose: 'f64' } });

/** The declarations of each type by version; the first is in force in the beginning. */
export const SUBJECT_TYPES: readonly (readonly SubjectType[])[] = [[mourned], versions, [wide]];
/** The one with a destructor. */
export const MOURNED = 0;
/** The one with versions. */
export const VERSIONED = 1;

export const APPLICATION_TYPES: readonly AnyShadowType[] = [...SUBJECT_TYPES.map(([first]) => first!), ballast, probing, owned];

/** Numbers of one and the same hash: their variables stand in one chain, whatever its length. */
const CROWD = 6;
const CROWD_LOW = 77;
export const PARENTS: readonly Parent[] = [
  null,
  1,
  2,
  3,
  2 ** 51 + 5,
  'ada',
  'bob',
  '',
  'a string that takes more than one size class to be stored in, or so it is hoped',
  ...Array.from({ length: CROWD }, (_, high) => (high + 1) * 2 ** 32 + ((CROWD_LOW ^ Math.imul(high + 1, 0x9e3779b1)) >>> 0)),
];
export const KEYS = PARENTS.length * SUBJECT_TYPES.length;
export const OBJECT_KEY: Key = 0xffff;
export const PASSING_KEY: Key = 0xfffe;

export function keyOf(parent: number, type: number): Key {
  return parent * SUBJECT_TYPES.length + type;
}

export function parentOf(key: Key): Parent {
  return PARENTS[Math.floor(key / SUBJECT_TYPES.length)]!;
}

export function typeOf(key: Key): number {
  return key % SUBJECT_TYPES.length;
}

export function nameOfKey(key: Key): string {
  return `key ${key} (type ${SUBJECT_TYPES[typeOf(key)]![0]!.id} of ${JSON.stringify(parentOf(key))})`;
}
