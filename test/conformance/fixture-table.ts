/**
 * Owns the meaning of the catalogue's fixture declarations: from a name and the parameters of a load step to the plan of a patch or of a
 * module. The declarations are half prose ("param types (default [7])", "start busyWork in a separate worker"), which is read here and
 * nowhere else. Touches no shared memory. Imports nothing.
 */

export interface ModuleFixture {
  readonly functions?: readonly string[];
  readonly params?: Params;
  readonly behaviour?: string;
  readonly events?: readonly string[];
}

export interface PatchFixture {
  readonly replace?: boolean | string;
  readonly params?: Params;
  readonly states?: readonly {
    readonly id: number;
    readonly version?: number;
    readonly isShadow?: boolean;
    readonly callbacks?: unknown;
  }[];
  readonly objects?: readonly {
    readonly name: string;
    readonly functions?: readonly string[];
    readonly callbacks?: unknown;
    readonly shadowTypes?: readonly number[] | string;
  }[];
}

export interface FixtureTable {
  readonly modules: Readonly<Record<string, ModuleFixture>>;
  readonly patches: Readonly<Record<string, PatchFixture>>;
  /** Objects that are mentioned: modules even where nothing more is said about them. */
  readonly objects: readonly string[];
}

export type Params = Readonly<Record<string, unknown>>;
export type CallbackName = 'pre_patch' | 'post_patch' | 'pre_unpatch' | 'post_unpatch';
export const CALLBACK_NAMES: readonly CallbackName[] = ['pre_patch', 'post_patch', 'pre_unpatch', 'post_unpatch'];

/** Something in a step or in a fixture that this runner has no rule for. */
export class UnknownForm extends Error {
  override readonly name = 'UnknownForm';
}

export interface PatchPlan {
  readonly name: string;
  readonly replace: boolean;
  readonly objects: readonly {
    readonly name: string;
    readonly functions: readonly string[];
    readonly callbacks: readonly CallbackName[];
    readonly types: readonly number[];
  }[];
  readonly states: readonly {
    readonly id: number;
    readonly version: number;
    /** Has a shadow type of the same id, whose variable tells whether the state is active. */
    readonly isShadow: boolean;
    readonly blockDisable: boolean;
    /** Of the state itself; otherwise the callbacks of the base object look after it. */
    readonly callbacks: readonly CallbackName[];
  }[];
  /** Its callbacks look up the previous state first. */
  readonly takesOver: boolean;
  /** What pre_patch callbacks return. */
  readonly prePatchResult: number;
}

export interface ModulePlan {
  readonly name: string;
  readonly functions: readonly string[];
  /** Whether it tells of its init and exit. */
  readonly announces: boolean;
  /** What it does in a worker of its own. */
  readonly work: WorkPlan | undefined;
  /** A function of the base object whose entry it shares or owns. */
  readonly hold: { readonly function: string; readonly exclusive: boolean } | undefined;
}

export interface WorkPlan {
  readonly function: string;
  readonly block: boolean;
  /** Entered before the module's init, as a task, and only if it blocks; tells which version of the function was entered. */
  readonly early: boolean;
  /** Function that the worker calls once after its work. */
  readonly afterwards: string | undefined;
}

const PATCH_PARAMS = ['replace', 'types', 'pre_patch_ret', 'block_disable', 'no_state', 'wait'];
const MODULE_PARAMS = ['block', 'exclusive', 'wait'];

export function isPatch(table: FixtureTable, name: string): boolean {
  return lookUp(table.patches, name) !== undefined;
}

/** @throws UnknownForm */
export function planPatch(table: FixtureTable, name: string, given: Params, stateCallbacks: boolean): PatchPlan {
  const fixture = lookUp(table.patches, name);
  if (fixture === undefined) throw new UnknownForm(`no fixture declares the patch ${name}`);
  const params = { ...fixture.params, ...given };
  refuseUnknown(name, params, PATCH_PARAMS);
  const objects = fixture.objects ?? [];
  const texts = objects.map(({ callbacks }) => resolveText(table, callbacks));
  const states = params.no_state === true ? [] : (fixture.states ?? []);
  return {
    name,
    replace: parameter(fixture.replace, 'replace', params, false) === true,
    objects: objects.map((object, index) => ({
      name: object.name,
      functions: object.functions ?? [],
      callbacks: stateCallbacks && fixture.states !== undefined ? [] : readCallbacks(texts[index]),
      types: readTypes(object, params),
    })),
    states: states.map(({ id, version = 0, isShadow = false, callbacks }) => ({
      id,
      // The proposals have no versions: blocking takes their place.
      version: stateCallbacks ? 0 : version,
      isShadow,
      blockDisable: params.block_disable === true,
      callbacks: stateCallbacks ? readCallbacks(callbacks ?? 'all four') : readCallbacks(callbacks),
    })),
    takesOver: texts.some((text) => /looks? up the previous/i.test(String(text))),
    prePatchResult: Number(params.pre_patch_ret ?? 0),
  };
}

/** @throws UnknownForm */
export function planModule(table: FixtureTable, name: string, given: Params): ModulePlan {
  const fixture = lookUp(table.modules, name) ?? (table.objects.includes(name) && name !== 'base' ? {} : undefined);
  if (fixture === undefined) throw new UnknownForm(`no fixture declares ${name}`);
  const params = { ...fixture.params, ...given };
  refuseUnknown(name, params, MODULE_PARAMS);
  const functions = functionsOf(table, name);
  const text = [fixture.behaviour ?? '', ...(fixture.events ?? [])].join('\n');
  const worker = /start (\w+) in a\b/.exec(text)?.[1];
  if (params.block === true && worker === undefined && functions[0] === undefined) throw new UnknownForm(`${name} has nothing that blocks`);
  const early = /before module\/init/.test(text);
  const block = params.block === true;
  const working = worker ?? (block ? functions[0] : undefined);
  const held = /(?:slot|entry) of (\w+)/.exec(text)?.[1];
  return {
    name,
    functions,
    announces: text === '' || text.includes('module/init'),
    work: working === undefined ? undefined : { function: working, block, early, afterwards: /calls (\w+) once/.exec(text)?.[1] },
    hold: held === undefined ? undefined : { function: held, exclusive: params.exclusive === true },
  };
}

/** Names of all objects that have functions, with these. */
export function functionsByObject(table: FixtureTable): Map<string, string[]> {
  const objects = new Set(Object.keys(table.modules));
  for (const { objects: own = [] } of Object.values(table.patches)) for (const { name } of own) objects.add(name);
  return new Map([...objects].map((name) => [name, functionsOf(table, name)]));
}

/** Functions of an object: what its module declares and what patches replace. */
function functionsOf(table: FixtureTable, object: string): string[] {
  const functions = new Set(lookUp(table.modules, object)?.functions);
  for (const { objects = [] } of Object.values(table.patches)) {
    for (const { name, functions: replaced = [] } of objects)
      if (name === object) for (const replacement of replaced) functions.add(replacement);
  }
  return [...functions];
}

/** A fixture by its name, or by that of which this is a numbered instance: replacer-2. */
function lookUp<T>(fixtures: Readonly<Record<string, T>>, name: string): T | undefined {
  return fixtures[name] ?? fixtures[name.replace(/[-_.#:]?\d+$/, '')];
}

function refuseUnknown(name: string, params: Params, known: readonly string[]): void {
  for (const key of Object.keys(params)) {
    if (!known.includes(key)) throw new UnknownForm(`unknown parameter ${key} of ${name}; known are ${known.join(', ')}`);
  }
}

/** A declared value, or "param NAME (default VALUE)"; a parameter of that name goes before a declared value. */
function parameter(declared: unknown, field: string, params: Params, fallback: unknown): unknown {
  const text = typeof declared === 'string' ? declared : '';
  const name = /^param (\w+)/.exec(text)?.[1] ?? field;
  if (params[name] !== undefined) return params[name];
  if (text === '') return declared ?? fallback;
  const value = /default (\[[^\]]*\]|[-\w]+)/.exec(text)?.[1];
  return value === undefined ? fallback : (JSON.parse(value) as unknown);
}

function readTypes({ name, shadowTypes }: { name: string; shadowTypes?: readonly number[] | string }, params: Params): number[] {
  const own = typeof shadowTypes === 'string' || name === 'base';
  return (shadowTypes === undefined && !own ? [] : parameter(shadowTypes, 'types', own ? params : {}, [])) as number[];
}

/** "identical to state2": the same as there. */
function resolveText(table: FixtureTable, callbacks: unknown, depth = 0): unknown {
  const other = typeof callbacks === 'string' ? /identical to (\w+)/.exec(callbacks)?.[1] : undefined;
  if (other === undefined || depth > 10) return callbacks;
  const objects = table.patches[other]?.objects ?? [];
  return resolveText(table, objects.find((object) => object.callbacks !== undefined)?.callbacks, depth + 1);
}

function readCallbacks(declared: unknown): CallbackName[] {
  const text = JSON.stringify(declared ?? 'none');
  return /all four/i.test(text) ? [...CALLBACK_NAMES] : CALLBACK_NAMES.filter((name) => text.includes(name));
}
