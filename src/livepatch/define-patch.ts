/**
 * Owns the checking of a patch's declaration. Touches no shared memory. Imports errors, patch and the declaration of shadow types.
 */
import { describe, ShadowError } from '../errors.js';
import type { AnyShadowType } from '../shadow/type.js';
import { ShadowType } from '../shadow/type.js';
import {
  BASE_OBJECT,
  type Callbacks,
  CALLBACKS,
  type DeclaredState,
  hasCallbacks,
  MAX_NAME_LENGTH,
  Patch,
  type PatchDeclaration,
  type PatchFunction,
  type PatchObject,
  WithOriginal,
} from './patch.js';

/**
 * Declares a patch; the default export of a patch module. The module is loaded in every worker and on the coordinator's thread, so what
 * has to be remembered belongs in shadow variables and never in the module's own variables.
 * @throws ERR_PATCH_DECLARATION, ERR_SHADOW_DUPLICATE_ID
 */
export function definePatch(declaration: PatchDeclaration): Patch {
  const known = readKeys(declaration, 'a patch', ['name', 'replace', 'consistency', 'migrate', 'states', 'objects', 'shadowTypes']);
  const name = readName(known.name, 'a patch');
  const where = `patch ${describe(name)}`;
  if (known.replace !== undefined && typeof known.replace !== 'boolean')
    refuse(`${where}: replace is true or false, not ${describe(known.replace)}`);
  const consistency = readChoice(known.consistency, `${where}: consistency`, ['gate', 'pin']);
  const migrate = readChoice(known.migrate, `${where}: migrate`, ['lazy', 'eager']);
  const objects = readList(known.objects, `${where}: objects`).map((object) => readObject(object, where));
  const shorthand = readShadowTypes(known.shadowTypes, where);
  if (shorthand.length > 0) addToBase(objects, shorthand);
  const states = readStates(known.states, where);
  if (objects.length === 0) refuse(`${where} has no objects; name at least one object or shadow type`);
  const names = new Set<string>();
  for (const object of objects) {
    if (names.has(object.name)) refuse(`${where} names object ${describe(object.name)} twice; put its parts into one entry`);
    names.add(object.name);
    checkIds(object, where);
  }
  if (consistency === 'pin') checkCodeOnly(objects, states, where);
  return new Patch({
    name,
    replace: known.replace === true,
    consistency,
    migrate,
    states,
    objects: objects.map((object) => Object.freeze(object)),
  });
}

/** Under `pin`, tasks of both versions run in one thread at the same time, so neither callbacks nor collected state could rely on anything. */
function checkCodeOnly(objects: readonly PatchObject[], states: readonly DeclaredState[], where: string): void {
  const more = objects.some(({ shadowTypes, callbacks }) => shadowTypes.length > 0 || hasCallbacks(callbacks));
  if (more || states.length > 0)
    refuse(`${where}: consistency "pin" is for patches that change code only; leave out shadowTypes, callbacks and states, or use "gate"`);
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
  const callbacks = readCallbacks(known.callbacks, here);
  return { name, functions, shadowTypes: readShadowTypes(known.shadowTypes, here), callbacks };
}

/** Callbacks of an object or of a state: the same four. */
function readCallbacks<C>(value: unknown, where: string): Callbacks<C> {
  const callbacks = readKeys(value ?? {}, `${where}: callbacks`, CALLBACKS);
  for (const key of CALLBACKS) {
    const callback = callbacks[key]; // possibly of a class
    if (callback !== undefined && typeof callback !== 'function')
      refuse(`${where}: callback ${key} is ${describe(callback)}, not a function`);
  }
  return callbacks as Callbacks<C>;
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

function readStates(value: unknown, where: string): readonly DeclaredState[] {
  const ids = new Set<number>();
  return readList(value, `${where}: states`).map((entry) => {
    const known = readKeys(entry, `${where}: a state`, ['id', 'version', 'data', 'callbacks', 'blockDisable', 'shadowType']);
    const { id, version = 0, data, blockDisable = false, shadowType } = known;
    if (!isUint32(id) || id === 0) refuse(`${where}: the id of a state is a whole number from 1 to 2^32 − 1, not ${describe(id)}`);
    const here = `${where}, state ${id}`;
    if (!isUint32(version)) refuse(`${here}: the version is a whole number from 0 to 2^32 − 1, not ${describe(version)}`);
    if (ids.has(id)) refuse(`${where} names state ${id} twice`);
    if (typeof blockDisable !== 'boolean') refuse(`${here}: blockDisable is true or false, not ${describe(blockDisable)}`);
    if (shadowType !== undefined && !(shadowType instanceof ShadowType))
      refuse(`${here}: ${describe(shadowType)} is not a shadow type; make it with defineShadowType()`);
    ids.add(id);
    return Object.freeze({ id, version, data, callbacks: readCallbacks(known.callbacks, here), blockDisable, shadowType });
  });
}

function readChoice<T extends string>(value: unknown, what: string, choices: readonly [T, ...T[]]): T {
  if (value === undefined) return choices[0];
  if (typeof value !== 'string' || !(choices as readonly string[]).includes(value))
    refuse(`${what} is one of ${choices.map(describe).join(', ')}, not ${describe(value)}`);
  return value as T;
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
  if (typeof value !== 'object' || value === null || Symbol.iterator in value) refuse(`${what} is an object, not ${describe(value)}`);
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
