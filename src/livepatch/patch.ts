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

/** Where a module is on its way: coming until its own initialisation has run, going from the moment it was asked to leave. */
export type ModulePhase = 'coming' | 'live' | 'going';

/** A state as callbacks find it: `data` belongs to them, on the coordinator's thread, for as long as the patch is enabled. */
export interface StateEntry {
  readonly id: number;
  readonly version: number;
  data: unknown;
}

/** What a state's callback is told. */
export interface StateCallbackContext {
  readonly store: ShadowStore;
  /** Name of the patch. */
  readonly patch: string;
  /** The patch's own state with this id (the kernel's klp_get_state). */
  readonly getState: (id: number) => StateEntry | undefined;
  /**
   * The state with this id of the newest patch that was enabled before the one in transition (the kernel's klp_get_prev_state): what a
   * replacing patch takes over, and what is still needed after a reversal.
   */
  readonly getPrevState: (id: number) => StateEntry | undefined;
}

/** What an object's callback is told. */
export interface CallbackContext extends StateCallbackContext {
  /** Name of the object whose callback this is. */
  readonly object: string;
  /** Where the object's module is; null for `base`, which does not come or go. */
  readonly module: ModulePhase | null;
}

/**
 * Four callbacks; all are optional, run one at a time on the coordinator's thread, and a returned promise is awaited. They run inside the
 * transition, so they must not wait for another one. post_unpatch answers pre_patch, pre_unpatch answers post_patch: a callback does not
 * run when its counterpart did not. Those of an object run for every transition and when its module comes or goes; those of a state only
 * when the first patch brings it and when the last one gives it up.
 */
export interface Callbacks<Context> {
  /** Before any thread runs the patch. Anything but `undefined` or 0, or a throw, refuses the patch, or the module that is coming. */
  prePatch?(context: Context): unknown;
  /** After every thread runs the patch. */
  postPatch?(context: Context): unknown;
  /** Before any thread leaves the patch; those of an object do not run when the patch is replaced. */
  preUnpatch?(context: Context): unknown;
  /** After every thread has left the patch, or after it was refused; those of an object do not run when the patch is replaced. */
  postUnpatch?(context: Context): unknown;
}

export type PatchCallbacks = Callbacks<CallbackContext>;
export type StateCallbacks = Callbacks<StateCallbackContext>;

/**
 * Something the system is in because of the patch, for example "records have a second index"; later patches must be able to cope with it.
 * A state is held by every enabled patch that names it, and released when the last of them goes.
 */
export interface PatchState {
  /** 1…2^32−1 */
  readonly id: number;
  /** 0…2^32−1, 0 by default; a later patch supports the state by naming the same or a higher version */
  readonly version?: number;
  /** What `getState()` gives at first. */
  readonly data?: unknown;
  readonly callbacks?: StateCallbacks;
  /** Whether the system cannot leave this state: the patch is neither disabled nor replaced by one that does not name the state. */
  readonly blockDisable?: boolean;
  /** A shadow type whose variables belong to the state: kept while any patch holds it, freed right after its postUnpatch. */
  readonly shadowType?: AnyShadowType;
}

/** A checked state. */
export interface DeclaredState {
  readonly id: number;
  readonly version: number;
  readonly data: unknown;
  readonly callbacks: StateCallbacks;
  readonly blockDisable: boolean;
  readonly shadowType: AnyShadowType | undefined;
}

/**
 * How threads come to run a patch. gate: tasks from now on wait until those in flight have ended. pin: each task keeps the version it
 * started with, nobody waits; for patches that change nothing but code, since tasks of both versions run in one thread for a while.
 */
export type Consistency = 'gate' | 'pin';

/** When variables of a type whose version the patch raises are migrated: at the first access, or also by a sweep at completion. */
export type Migrate = 'lazy' | 'eager';

export interface PatchObjectDeclaration {
  /** The first argument of the `patchable()` whose functions are replaced: a module, or `base`, which is always there. */
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
  /** Default `gate`. */
  readonly consistency?: Consistency;
  /** Default `lazy`. */
  readonly migrate?: Migrate;
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
  readonly consistency: Consistency;
  readonly migrate: Migrate;
  readonly states: readonly DeclaredState[];
  readonly objects: readonly PatchObject[];

  /** @internal */
  constructor(declaration: Readonly<Patch>) {
    this.name = declaration.name;
    this.replace = declaration.replace;
    this.consistency = declaration.consistency;
    this.migrate = declaration.migrate;
    this.states = declaration.states;
    this.objects = declaration.objects;
    Object.freeze(this);
  }
}

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
  const more = objects.some(({ shadowTypes, callbacks }) => shadowTypes.length > 0 || Object.keys(callbacks).length > 0);
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
  const callbacks = readKeys(value ?? {}, `${where}: callbacks`, ['prePatch', 'postPatch', 'preUnpatch', 'postUnpatch']);
  for (const [key, callback] of Object.entries(callbacks)) {
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
