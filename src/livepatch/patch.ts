/**
 * Owns the declaration of a patch: what a patch module may say, and the checked, frozen form that everything else works with.
 * Touches no shared memory. Imports errors and the declaration of shadow types.
 */
import { describe, ShadowError } from '../errors.js';
import { ShadowType } from '../shadow/type.js';
import type { AnyShadowType } from '../shadow/type.js';
import type { ShadowStore } from '../shadow/store.js';

/** The object that `shadowTypes` at the top of a declaration belong to: always present. */
export const BASE_OBJECT = 'base';
const MAX_NAME_LENGTH = 64;

/** Any function; how its arguments are typed is the business of whoever declares and calls it. */
export type PatchFunction = (...args: never[]) => unknown;

/** A replacement that calls the next older function; made by {@link withOriginal}. */
export class WithOriginal {
  readonly factory: (original: PatchFunction) => PatchFunction;

  constructor(factory: (original: PatchFunction) => PatchFunction) {
    this.factory = factory;
    Object.freeze(this);
  }
}

/**
 * A replacement function that wants the next older one: the function of the patch below on the stack, or the unpatched function.
 * `factory` runs once in each worker, before the transition starts; `original` is valid from the moment the patch is switched on.
 *
 * @example functions: { touch: withOriginal((original: Touch) => function (id) { return original(id) + 1; }) }
 */
export function withOriginal<F extends PatchFunction>(factory: (original: F) => F): WithOriginal {
  if (typeof factory !== 'function') refuse(`withOriginal() takes a function that returns the replacement, not ${describe(factory)}`);
  return new WithOriginal(factory as unknown as (original: PatchFunction) => PatchFunction);
}

/** What a callback is told. */
export interface CallbackContext {
  readonly store: ShadowStore;
  /** Name of the patch. */
  readonly patch: string;
  /** Name of the object whose callback this is. */
  readonly object: string;
}

/**
 * The callbacks of a patch object; each runs once per transition on the coordinator's thread, and a returned promise is awaited. They run
 * inside the transition, so they must not wait for another one.
 */
export interface PatchCallbacks {
  /** Before any thread runs the patch. Anything but `undefined` or 0, or a throw, refuses the patch. */
  prePatch?(context: CallbackContext): unknown;
  /** After every thread runs the patch. */
  postPatch?(context: CallbackContext): unknown;
  /** Before any thread leaves the patch; does not run when the patch is replaced. */
  preUnpatch?(context: CallbackContext): unknown;
  /** After every thread has left the patch, or after it was refused; does not run when the patch is replaced. */
  postUnpatch?(context: CallbackContext): unknown;
}

/**
 * Something the system is in because of the patch, for example "records have a second index"; later patches must be able to cope with it.
 */
export interface PatchState {
  /** 1…2^32−1 */
  readonly id: number;
  /** 0…2^32−1; a later patch supports it by naming the same or a higher version */
  readonly version: number;
}

export interface PatchObjectDeclaration {
  /** The first argument of the `patchable()` whose functions are replaced. */
  readonly name: string;
  readonly functions?: Readonly<Record<string, PatchFunction | WithOriginal>>;
  readonly shadowTypes?: readonly AnyShadowType[];
  readonly callbacks?: PatchCallbacks;
}

export interface PatchDeclaration {
  /** 1…64 characters; one enabled patch per name. */
  readonly name: string;
  /** Whether this patch takes the place of all patches enabled before it. */
  readonly replace?: boolean;
  readonly states?: readonly PatchState[];
  readonly objects?: readonly PatchObjectDeclaration[];
  /** Shadow types of the base object. */
  readonly shadowTypes?: readonly AnyShadowType[];
}

export interface PatchObject {
  readonly name: string;
  readonly functions: ReadonlyMap<string, PatchFunction | WithOriginal>;
  readonly shadowTypes: readonly AnyShadowType[];
  readonly callbacks: PatchCallbacks;
}

/** A checked declaration. Made by {@link definePatch} only. */
export class Patch {
  readonly name: string;
  readonly replace: boolean;
  readonly states: readonly PatchState[];
  readonly objects: readonly PatchObject[];

  constructor(name: string, replace: boolean, states: readonly PatchState[], objects: readonly PatchObject[]) {
    this.name = name;
    this.replace = replace;
    this.states = states;
    this.objects = objects;
    Object.freeze(this);
  }
}

/**
 * Declares a patch; the default export of a patch module. The module is loaded in every worker and on the coordinator's thread, so what
 * has to be remembered belongs in shadow variables and never in the module's own variables.
 * @throws ERR_PATCH_DECLARATION, ERR_SHADOW_DUPLICATE_ID
 */
export function definePatch(declaration: PatchDeclaration): Patch {
  const known = readKeys(declaration, 'a patch', ['name', 'replace', 'states', 'objects', 'shadowTypes']);
  const name = readName(known.name, 'a patch');
  const where = `patch ${describe(name)}`;
  if (known.replace !== undefined && typeof known.replace !== 'boolean')
    refuse(`${where}: replace is true or false, not ${describe(known.replace)}`);
  const objects = readList(known.objects, `${where}: objects`).map((object) => readObject(object, where));
  const shorthand = readShadowTypes(known.shadowTypes, where);
  if (shorthand.length > 0) addToBase(objects, shorthand);
  if (objects.length === 0) refuse(`${where} has no objects; name at least one object or shadow type`);
  const names = new Set<string>();
  for (const object of objects) {
    if (names.has(object.name)) refuse(`${where} names object ${describe(object.name)} twice; put its parts into one entry`);
    names.add(object.name);
    checkIds(object, where);
  }
  return new Patch(
    name,
    known.replace === true,
    readStates(known.states, where),
    objects.map((object) => Object.freeze(object)),
  );
}

function readObject(value: unknown, where: string): PatchObject {
  const known = readKeys(value, `${where}: an object`, ['name', 'functions', 'shadowTypes', 'callbacks']);
  const name = readName(known.name, `${where}: an object`);
  const here = `${where}, object ${describe(name)}`;
  const functions = new Map<string, PatchFunction | WithOriginal>();
  for (const [key, replacement] of Object.entries(readRecord(known.functions, `${here}: functions`))) {
    if (typeof replacement !== 'function' && !(replacement instanceof WithOriginal)) {
      refuse(`${here}: the replacement of ${key} is ${describe(replacement)}; give a function or withOriginal(…)`);
    }
    functions.set(key, replacement as PatchFunction | WithOriginal);
  }
  const callbacks = readKeys(known.callbacks ?? {}, `${here}: callbacks`, ['prePatch', 'postPatch', 'preUnpatch', 'postUnpatch']);
  for (const [key, callback] of Object.entries(callbacks)) {
    if (callback !== undefined && typeof callback !== 'function')
      refuse(`${here}: callback ${key} is ${describe(callback)}, not a function`);
  }
  return { name, functions, shadowTypes: readShadowTypes(known.shadowTypes, here), callbacks: callbacks as PatchCallbacks };
}

/** The top-level list is a shorthand for the base object, which may also be written out. */
function addToBase(objects: PatchObject[], shadowTypes: readonly AnyShadowType[]): void {
  const index = objects.findIndex((object) => object.name === BASE_OBJECT);
  const base = objects[index] ?? { name: BASE_OBJECT, functions: new Map<string, PatchFunction>(), shadowTypes: [], callbacks: {} };
  const whole = { ...base, shadowTypes: [...base.shadowTypes, ...shadowTypes] };
  if (index < 0) objects.unshift(whole);
  else objects[index] = whole;
}

function checkIds(object: PatchObject, where: string): void {
  const ids = new Set<number>();
  for (const { id } of object.shadowTypes) {
    if (ids.has(id)) {
      throw new ShadowError(
        'ERR_SHADOW_DUPLICATE_ID',
        `${where}, object ${describe(object.name)} declares shadow type ${id} twice; a registration is counted once per object and id`,
      );
    }
    ids.add(id);
  }
}

function readShadowTypes(value: unknown, where: string): readonly AnyShadowType[] {
  return readList(value, `${where}: shadowTypes`).map((type) => {
    if (!(type instanceof ShadowType)) refuse(`${where}: ${describe(type)} is not a shadow type; make it with defineShadowType()`);
    return type as AnyShadowType;
  });
}

function readStates(value: unknown, where: string): readonly PatchState[] {
  const ids = new Set<number>();
  return readList(value, `${where}: states`).map((entry) => {
    const { id, version } = readKeys(entry, `${where}: a state`, ['id', 'version']);
    if (!isUint32(id) || id === 0) refuse(`${where}: the id of a state is a whole number from 1 to 2^32 − 1, not ${describe(id)}`);
    if (!isUint32(version)) refuse(`${where}: the version of state ${id} is a whole number from 0 to 2^32 − 1, not ${describe(version)}`);
    if (ids.has(id)) refuse(`${where} names state ${id} twice`);
    ids.add(id);
    return Object.freeze({ id, version });
  });
}

function readName(value: unknown, what: string): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_NAME_LENGTH) {
    refuse(`the name of ${what} is a string of 1 to ${MAX_NAME_LENGTH} characters, not ${describe(value)}`);
  }
  return value;
}

function readList(value: unknown, what: string): unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) refuse(`${what} is an array, not ${describe(value)}`);
  return value as unknown[];
}

function readRecord(value: unknown, what: string): Record<string, unknown> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${what} is an object, not ${describe(value)}`);
  return value as Record<string, unknown>;
}

/** The properties of `value`, of which only `keys` may exist: a misspelt key must not be ignored. */
function readKeys<K extends string>(value: unknown, what: string, keys: readonly K[]): Partial<Record<K, unknown>> {
  if (value === undefined) refuse(`${what} is an object, not undefined`);
  const record = readRecord(value, what);
  for (const key of Object.keys(record)) {
    if (!(keys as readonly string[]).includes(key))
      refuse(`${what} has an unknown property ${describe(key)}; known are ${keys.join(', ')}`);
  }
  return record as Partial<Record<K, unknown>>;
}

function isUint32(value: unknown): value is number {
  return typeof value === 'number' && value >>> 0 === value;
}

function refuse(what: string): never {
  throw new ShadowError('ERR_PATCH_DECLARATION', what);
}
