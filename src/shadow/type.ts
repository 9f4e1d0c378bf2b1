/**
 * Owns the declaration of shadow types. A type is a constant of the module that declares it; what identifies variables in the store is its
 * numeric id alone (as in the kernel), so two modules that declare one id share its variables, and each runs its own constructor and
 * destructor on them. Touches no shared memory; imports fields, view and errors.
 */
import { describe, ShadowError } from '../errors.js';
import { MAX_DATA_BYTES } from '../memory/classes.js';
import type { Binding } from './binding.js';
import { type Field, type Fields, type AtomicFields, layoutFields } from './fields.js';
import { type Parent } from './objects.js';
import { RESERVED_NAMES } from './reserved-names.js';
import type { ViewOf } from './view-classes.js';

/** Marks a type declared by `size`: its views are raw bytes. */
export interface RawFields extends Fields {
  readonly [RAW]: never;
}
declare const RAW: unique symbol;

/**
 * What `defineShadowType` takes. All functions are synchronous.
 *
 * Versions: variables of an id have the version in force, that of the declaration which was enabled last. When it changes, each variable is migrated once,
 * at its first access or by a sweep: in a new block, which may have another size, under the lock of the variable. A constructor or migration that reads a
 * variable that was not migrated yet is ended there by an exception, and called again once that variable is migrated.
 */
export interface ShadowTypeDeclaration<F extends Fields, Data, P extends Fields = Fields> {
  /** 0…2^32−1. */
  readonly id: number;
  /** 1…2^32−1, 1 by default. */
  readonly version?: number;
  readonly fields: F;
  /**
   * Runs once per created variable, before anybody can see it, on zeroed memory, under the bucket lock: it may read the store but not write to
   * it. Throwing publishes nothing.
   */
  readonly ctor?: (obj: Parent, view: ViewOf<F>, data: Data) => void;
  /**
   * Runs after the variable was unlinked, in the thread that freed it or on the coordinator. It may do anything. After the death of the thread
   * that ran it, it runs again: at least once, not exactly once.
   */
  readonly dtor?: (obj: Parent, view: ViewOf<F>) => void;
  /** An older version of the same id, from which `migrate` leads here. Its destructor serves variables that are freed before they are migrated. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever data the older constructor took
  readonly previous?: ShadowType<P, any>;
  /**
   * Fills `newView`, which is zeroed, from `oldView`, which is to be read only. It may read the store but not write to it. When it throws, the variable
   * stays as it was, and the access throws ERR_SHADOW_MIGRATION. No constructor and no destructor runs.
   */
  readonly migrate?: (obj: Parent, oldView: ViewOf<P>, newView: ViewOf<F>) => void;
  /** The way back, from this version to `previous`; without it this version cannot be given up while the id is in use. */
  readonly migrateBack?: (obj: Parent, newerView: ViewOf<F>, olderView: ViewOf<P>) => void;
}

/** What `defineShadowType` takes for a type of raw bytes. */
export interface RawShadowTypeDeclaration<Data, P extends Fields = Fields> extends Omit<
  ShadowTypeDeclaration<RawFields, Data, P>,
  'fields'
> {
  /** Bytes of data, 1…65520. */
  readonly size: number;
}

/** `migrate` and `migrateBack` of a type whose fields nobody knows any more: views of the version it leads from, and of the one it leads to. */
export type MigrateFunction = (obj: Parent, from: never, to: never) => unknown;

const PROPERTIES: readonly string[] = ['id', 'version', 'fields', 'size', 'ctor', 'dtor', 'previous', 'migrate', 'migrateBack'];

/** A declared shadow type. Made by `defineShadowType`. */
export class ShadowType<F extends Fields = Fields, Data = unknown> {
  readonly id: number;
  readonly version: number;
  /** Bytes of data in every variable of this type. */
  readonly size: number;
  /** In declared order; empty for a raw type. */
  readonly fields: readonly Field[];
  readonly fieldNames: ReadonlySet<string>;
  /** Runs once per created variable; see `ShadowTypeDeclaration`. */
  readonly ctor: ((obj: Parent, view: ViewOf<F>, data: Data) => void) | undefined;
  /** Runs once per freed variable; see `ShadowTypeDeclaration`. */
  readonly dtor: ((obj: Parent, view: ViewOf<F>) => void) | undefined;
  readonly previous: AnyShadowType | undefined;
  readonly migrate: MigrateFunction | undefined;
  readonly migrateBack: MigrateFunction | undefined;
  /** @internal */
  readonly $atomics: AtomicFields;
  /** @internal The binding to the store that used this type last; nearly always the only one. */
  $binding: Binding | undefined = undefined;

  /** @internal */
  constructor(declaration: ShadowTypeDeclaration<F, Data, never> | RawShadowTypeDeclaration<Data, never>) {
    if (typeof declaration !== 'object' || (declaration as unknown) === null) {
      throw new ShadowError('ERR_SHADOW_TYPE', `a shadow type is declared by an object, not by ${describe(declaration)}`);
    }
    const { id, version = 1, ctor, dtor, previous, migrate, migrateBack } = declaration;
    // A misspelt destructor would be a leak that nobody sees.
    const unknown = Object.keys(declaration).find((key) => !PROPERTIES.includes(key));
    if (unknown !== undefined)
      throw new ShadowError('ERR_SHADOW_TYPE', `a shadow type has no property ${describe(unknown)}; known are ${PROPERTIES.join(', ')}`);
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= 2 ** 32) {
      throw new ShadowError('ERR_SHADOW_TYPE', `the id of a shadow type is a whole number from 0 to 2^32−1, not ${describe(id)}`);
    }
    for (const [name, fn] of Object.entries({ ctor, dtor, migrate, migrateBack })) {
      if (fn !== undefined && typeof fn !== 'function') {
        throw new ShadowError('ERR_SHADOW_TYPE', `${name} of type ${id} is ${describe(fn)}; give a function or leave it out`);
      }
    }
    requireVersions(id, { version, previous, migrate, migrateBack });
    const layout =
      'size' in declaration ? rawLayout(id, declaration) : layoutFields(declaration.fields, id, RESERVED_NAMES, MAX_DATA_BYTES);
    this.id = id;
    this.version = version;
    this.size = layout.size;
    this.fields = layout.fields;
    this.fieldNames = new Set(layout.fields.map(({ name }) => name));
    this.ctor = ctor as typeof this.ctor;
    this.dtor = dtor as typeof this.dtor;
    this.previous = previous as AnyShadowType | undefined;
    this.migrate = migrate;
    this.migrateBack = migrateBack;
    this.$atomics = layout.atomics;
  }
}

/**
 * The latest declaration of each id in this thread: whose destructor runs when a parent is freed with all its variables. Held weakly: a script
 * that is dropped takes its types along.
 */
const declared = new Map<number, WeakRef<AnyShadowType>>();

/** @internal */
export function latestDeclaration(id: number): AnyShadowType | undefined {
  return declared.get(id)?.deref();
}

interface VersionedDeclaration {
  readonly version: unknown;
  readonly previous: unknown;
  readonly migrate: unknown;
  readonly migrateBack: unknown;
}

/** @throws ERR_SHADOW_TYPE */
function requireVersions(id: number, { version, previous, migrate, migrateBack }: VersionedDeclaration): void {
  const refuse = (why: string): never => {
    throw new ShadowError('ERR_SHADOW_TYPE', `type ${id}: ${why}`);
  };
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1 || version >= 2 ** 32)
    return refuse(`version is ${describe(version)}; give a whole number from 1 to 2^32−1`);
  if (previous === undefined) {
    const name = migrate !== undefined ? 'migrate' : migrateBack !== undefined ? 'migrateBack' : undefined;
    if (name !== undefined) refuse(`it has ${name} but no previous; name the older version that it knows`);
    return;
  }
  if (!(previous instanceof ShadowType))
    return refuse(`previous is ${describe(previous)}; give the type that defineShadowType made of the older version`);
  if (previous.id !== id) refuse(`previous has the id ${previous.id}; versions are of one id`);
  if (previous.version >= version) refuse(`it has version ${version} and previous has ${previous.version}; previous is an older version`);
  if (migrate === undefined) refuse(`it has previous but no migrate, so nothing leads from version ${previous.version} to ${version}`);
}

function rawLayout(id: number, declaration: object): { size: number; fields: readonly Field[]; atomics: AtomicFields } {
  const { size } = declaration as { size: unknown };
  if ('fields' in declaration && declaration.fields !== undefined) {
    throw new ShadowError('ERR_SHADOW_TYPE', `type ${id} declares both size and fields; fields imply the size`);
  }
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 1 || size > MAX_DATA_BYTES) {
    throw new ShadowError(
      'ERR_SHADOW_TYPE_SIZE',
      `the size of type ${id} is ${describe(size)}; give a whole number of bytes from 1 to ${MAX_DATA_BYTES}`,
    );
  }
  return { size, fields: [], atomics: { names: [], words: [], kinds: [] } };
}

/**
 * Declares a shadow type: an id, and either typed `fields` or a raw `size` in bytes; from version 2 on also how variables of the version before are migrated.
 * @throws ERR_SHADOW_TYPE, ERR_SHADOW_TYPE_SIZE
 */
export function defineShadowType<const F extends Fields, Data = unknown, P extends Fields = Fields>(
  declaration: ShadowTypeDeclaration<F, Data, P>,
): ShadowType<F, Data>;
export function defineShadowType<Data = unknown, P extends Fields = Fields>(
  declaration: RawShadowTypeDeclaration<Data, P>,
): ShadowType<RawFields, Data>;
export function defineShadowType<F extends Fields, Data>(
  declaration: ShadowTypeDeclaration<F, Data, never> | RawShadowTypeDeclaration<Data, never>,
): ShadowType<F, Data> {
  const type = new ShadowType<F, Data>(declaration);
  declared.set(type.id, new WeakRef<AnyShadowType>(type));
  return type;
}

/** Any shadow type, where only its identity matters. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- Fields and Data appear in both directions, so no other bound admits every type
export type AnyShadowType = ShadowType<any, any>;

/** @throws ERR_SHADOW_TYPE when the value was not made by defineShadowType */
export function requireType(value: unknown, operation: string): asserts value is AnyShadowType {
  if (value instanceof ShadowType) return;
  throw new ShadowError('ERR_SHADOW_TYPE', `${operation} takes a type made by defineShadowType, not ${describe(value)}`);
}
