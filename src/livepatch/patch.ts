/**
 * Owns what a patch is: what a patch module may say, and the checked, frozen form that everything else works with; define-patch.ts leads from
 * one to the other. Touches no shared memory. Imports errors and the declaration of shadow types.
 */
import { describe, ShadowError } from '../errors.js';
import type { AnyShadowType } from '../shadow/type.js';
import type { ShadowStore } from '../shadow/store.js';

/** The object that `shadowTypes` at the top of a declaration belong to: always present. */
export const BASE_OBJECT = 'base';
/** Of patches and objects, in characters. */
export const MAX_NAME_LENGTH = 64;

/** Any function; how its arguments are typed is the business of whoever declares and calls it. */
export type PatchFunction = (...args: never[]) => unknown;

/** A replacement that calls the next older function; made by {@link withOriginal}. */
export class WithOriginal {
  /** Called once in each worker, before the transition starts. */
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
  if (typeof factory !== 'function')
    throw new ShadowError(
      'ERR_PATCH_DECLARATION',
      `withOriginal() takes a function that returns the replacement, not ${describe(factory)}`,
    );
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

/** The names of the four. */
export const CALLBACKS = ['prePatch', 'postPatch', 'preUnpatch', 'postUnpatch'] as const;

/** Callbacks of an object of a patch. */
export type PatchCallbacks = Callbacks<CallbackContext>;
/** Callbacks of a state. */
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

/** What a patch changes about one object: a module of the application, or `base`. */
export interface PatchObjectDeclaration {
  /** The first argument of the `patchable()` whose functions are replaced: a module, or `base`, which is always there. */
  readonly name: string;
  readonly functions?: Readonly<Record<string, PatchFunction | WithOriginal>>;
  readonly shadowTypes?: readonly AnyShadowType[];
  readonly callbacks?: PatchCallbacks;
}

/** What `definePatch()` takes. */
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

/** A checked object of a patch. */
export interface PatchObject {
  readonly name: string;
  readonly functions: ReadonlyMap<string, PatchFunction | WithOriginal>;
  readonly shadowTypes: readonly AnyShadowType[];
  readonly callbacks: PatchCallbacks;
}

/** "object.function" for each function that the object replaces. */
export function functionNames({ name, functions }: PatchObject): string[] {
  return [...functions.keys()].map((key) => `${name}.${key}`);
}

/** Whether any of the four is there, on the object itself or by its class. */
export function hasCallbacks(callbacks: Callbacks<never>): boolean {
  return CALLBACKS.some((callback) => callbacks[callback] !== undefined);
}

/** A checked declaration. Made by definePatch() only. */
export class Patch {
  readonly name: string;
  readonly replace: boolean;
  readonly consistency: Consistency;
  readonly migrate: Migrate;
  readonly states: readonly DeclaredState[];
  readonly objects: readonly PatchObject[];

  /** @internal */
  constructor(declaration: Omit<Patch, 'shadowTypes'>) {
    this.name = declaration.name;
    this.replace = declaration.replace;
    this.consistency = declaration.consistency;
    this.migrate = declaration.migrate;
    this.states = declaration.states;
    this.objects = declaration.objects;
    Object.freeze(this);
  }

  /** Of all its objects, loaded or not, and of its states. */
  get shadowTypes(): AnyShadowType[] {
    const ofStates = this.states.map(({ shadowType }) => shadowType).filter((type) => type !== undefined);
    return [...this.objects.flatMap(({ shadowTypes }) => shadowTypes), ...ofStates];
  }
}
