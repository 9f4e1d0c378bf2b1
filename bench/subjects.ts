/**
 * What is compared: a store with one 16-byte shadow type, a thread-local `Map<number, object>` with the same fields, and npm
 * `sharedmap`, the closest thing to a shared map that the registry has.
 */
import { createRequire } from 'node:module';
import { ShadowStore } from '../src/shadow/store.js';
import { defineShadowType } from '../src/shadow/type.js';

/** 16 bytes of data. */
export const tally = defineShadowType({ id: 0x7a11, fields: { reads: 'u32', writes: 'u32', total: 'f64' } });

/** 8 bytes of data. */
export const pair = defineShadowType({ id: 0x7a12, fields: { reads: 'u32', writes: 'u32' } });

/** As `tally`, under an id that no store registers by itself: it comes and goes with a patch. */
export const guest = defineShadowType({ id: 0x7a13, fields: { reads: 'u32', writes: 'u32', total: 'f64' } });

/** The Map's counterpart of `tally`. */
export interface Tally {
  reads: number;
  writes: number;
  total: number;
}

export function createTally(reads: number): Tally {
  return { reads, writes: 0, total: 0 };
}

/** What an update does. One function per side: called with both kinds of object, a single one would be polymorphic for each of them. */
export function changeDraft(draft: { reads: number; total: number }): void {
  draft.reads += 1;
  draft.total += 0.5;
}

/** The same for the Map's object. */
export function changeTally(value: Tally): void {
  value.reads += 1;
  value.total += 0.5;
}

/** The value that both sides keep for a key: small, and different from key to key so that sums tell whether the right one was read. */
export function initialReads(key: number): number {
  return key % 1021;
}

/** Of the clock that all threads of the process share. */
export function nanosecondsNow(): number {
  return Number(process.hrtime.bigint());
}

/** Bytes to reserve for `variables` variables and as many on their way out; what is not touched costs nothing. */
export function reservation(variables: number): number {
  return 2 ** 26 + variables * 256;
}

/** A store that holds a `tally` for each key, with room for `capacity` of them. */
export function createFilledStore(keys: readonly number[], capacity = keys.length, maxThreads = 16): ShadowStore {
  const store = ShadowStore.create({ maxBytes: reservation(capacity), maxThreads, types: [tally] });
  for (const key of keys) store.alloc(key, tally).reads = initialReads(key);
  store.safepoint();
  return store;
}

export function createFilledMap(keys: readonly number[]): Map<number, Tally> {
  const map = new Map<number, Tally>();
  for (const key of keys) map.set(key, createTally(initialReads(key)));
  return map;
}

/** The part of npm `sharedmap` used here; its own declaration file does not compile. */
export interface SharedMap {
  readonly storage: SharedArrayBuffer;
  set(key: string, value: string, options?: { readonly lockExclusive: boolean }): void;
  get(key: string): string | undefined;
  lockExclusive(): void;
  unlockExclusive(): void;
}

type SharedMapClass = new (maxSize: number, keySize: number, objSize: number) => SharedMap;

/** Loaded when it takes part: it need not be installed. */
function sharedMapClass(): SharedMapClass {
  const require = createRequire(import.meta.url);
  return require('sharedmap') as SharedMapClass;
}

/** Decimal keys below 2^40 and 8 UTF-16 units (16 bytes) of value; both keep one unit for the end mark. */
const SHAREDMAP_KEY_UNITS = 16;
const SHAREDMAP_VALUE_UNITS = 12;
const EXCLUSIVE = { lockExclusive: true };

/** 16 bytes of text, 8 digits, that stand for a number below 10,000,000. */
export function sharedMapText(value: number): string {
  return String(10_000_000 + value);
}

/** What `sharedmap` keeps for a key. */
export function sharedMapValue(key: number): string {
  return sharedMapText(initialReads(key));
}

/** `slotsPerKey`: its table never grows, and a full one degenerates to a list. */
export function createFilledSharedMap(keys: readonly number[], slotsPerKey: number): SharedMap {
  const SharedMapConstructor = sharedMapClass();
  const map = new SharedMapConstructor(Math.ceil(keys.length * slotsPerKey), SHAREDMAP_KEY_UNITS, SHAREDMAP_VALUE_UNITS);
  map.lockExclusive();
  for (const key of keys) map.set(String(key), sharedMapValue(key), EXCLUSIVE);
  map.unlockExclusive();
  return map;
}

/** In another thread: what structured clone has left of a map is one again. */
export function openSharedMap(cloned: unknown): SharedMap {
  return Object.setPrototypeOf(cloned, sharedMapClass().prototype as object) as SharedMap;
}
