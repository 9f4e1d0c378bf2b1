/**
 * Owns what a scenario is: what stands in the store before, what each thread does, and what that means when nothing else happens meanwhile. Imports
 * history.
 */
import type { Effect, State } from './history.js';

/** Steps of a simulated thread, or of the code as it is, which takes none. */
export type Steps = Generator<unknown, unknown, unknown>;

/** A store object, rewritten or not. Every method may give steps to run. */
export interface AnyStore {
  readonly handle: unknown;
  readonly objects: object;
  readonly internals: {
    readonly memory: { readonly words: Int32Array; readonly uwords: Uint32Array; readonly buckets: number };
    readonly thread: object;
    readonly registry: object;
    readonly variables: { readonly blocks: object };
  };
  readonly [method: string]: unknown;
}

/** What one thread of a scenario works with. */
export interface Actor {
  readonly id: number;
  readonly store: AnyStore;
  readonly types: Readonly<Record<string, object>>;
  /** Modules of this thread's instance. */
  readonly load: (path: string) => Record<string, unknown>;
  /** What destructors have noted since the operation began. */
  readonly log: unknown[];
  /** Notes that a variable with this value was constructed, or destroyed. */
  readonly made: (value: unknown) => void;
  readonly destroyed: (value: unknown) => void;
  /** Whatever operations hand on to later ones. */
  readonly kept: Record<string, unknown>;
  /** The end of a turn of the event loop. */
  readonly endTurn: () => Steps;
}

export interface Operation {
  readonly name: string;
  readonly run: (actor: Actor) => Steps;
  /** One effect at one moment; several mean that the operation is made of parts that take place one by one, each with a result of its own. */
  readonly effects: readonly Effect[];
}

/** What a type is declared with; constructor and destructor as steps. */
export interface TypePlan {
  readonly id: number;
  readonly version?: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly ctor?: (actor: Actor, obj: unknown, view: object, data: unknown) => Steps;
  readonly dtor?: (actor: Actor, obj: unknown, view: object) => Steps;
  /** Name of the older version. */
  readonly previous?: string;
  readonly migrate?: (actor: Actor, obj: unknown, older: object, newer: object) => Steps;
  readonly migrateBack?: (actor: Actor, obj: unknown, newer: object, older: object) => Steps;
  /** Whether the application declares it when the store is created. Default true. */
  readonly isDeclared?: boolean;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly types: Readonly<Record<string, TypePlan>>;
  /** Puts into a fresh store what is there before any thread attaches. */
  readonly prepare?: (actor: Actor) => Steps;
  /** What each thread does before the others are there. */
  readonly before?: readonly (((actor: Actor) => Steps) | undefined)[];
  readonly threads: readonly (readonly Operation[])[];
  /** The state when the threads begin. */
  readonly initial: State;
  /** What is found in the store in the end. */
  readonly observe: (actor: Actor) => Steps;
  /** Whether variables are changed after their constructor: then plain reads of them race. */
  readonly changesInPlace?: boolean;
  /** Threads that may die. Default: each of them. */
  readonly mortals?: readonly number[];
  /** Whether the code of live patching is there as well. */
  readonly withPatches?: boolean;
  /** Strings that collide: every string has the first number 1, and its length as the second. */
  readonly colliding?: boolean;
  /** Thread slots besides those of the threads. */
  readonly spareSlots?: number;
  /** Pages for blocks and for buckets to come. */
  readonly pages?: number;
}

/** The result of what may be steps. */
export function* run(value: unknown): Steps {
  return isSteps(value) ? yield* value : value;
}

export function isSteps(value: unknown): value is Steps {
  return typeof value === 'object' && value !== null && (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] === 'Generator';
}

/** Calls a method. */
export function* call(target: object, method: PropertyKey, ...given: readonly unknown[]): Steps {
  return yield* run((target as Record<PropertyKey, (...given: readonly unknown[]) => unknown>)[method]!(...given));
}

export function* getField(view: object, name: string): Steps {
  return yield* run((view as Record<string, unknown>)[name]);
}

export function* setField(view: object, name: string, value: unknown): Steps {
  for (let at: object | null = view; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const { set: setter } = (Object.getOwnPropertyDescriptor(at, name) ?? {}) as { set?: (value: unknown) => unknown };
    if (setter !== undefined) return yield* run(setter.call(view, value));
  }
  throw new Error(`a view has no field ${name}`);
}

/** Runs what takes no steps to the end. */
export function drive(steps: Steps): unknown {
  const result = steps.next();
  if (result.done !== true) throw new Error('code as it is took a step');
  return result.value;
}
