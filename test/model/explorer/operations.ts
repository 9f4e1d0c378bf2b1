/**
 * Owns the operations that scenarios are made of: how each is done with a store, and what it means as one change of a plain record. A variable is recorded
 * under `type/parent`, with the value of its field; its destructor notes that value. Imports scenario.
 */
import type { Effect, State } from './history.js';
import { type Actor, call, getField, type Operation, run, setField, type Steps, type TypePlan } from './scenario.js';

export type Parent = number | string | null;

/** A type with one field, whose constructor stores what it is given and whose destructor notes what it finds. */
export function plainType(id: number, changes: Partial<TypePlan> = {}): TypePlan {
  return {
    id,
    fields: { value: 'u32' },
    *ctor(actor, _obj, view, data) {
      if (data !== undefined) yield* setField(view, 'value', data);
      actor.made(data);
      return undefined;
    },
    *dtor(actor, obj, view) {
      const value = yield* getField(view, 'value');
      actor.log.push([obj, value]);
      actor.destroyed(value);
      return undefined;
    },
    ...changes,
  };
}

export function keyOf(type: string, obj: Parent): string {
  return `${type}/${String(obj)}`;
}

function typeOf(actor: Actor, type: string): object {
  return actor.types[type]!;
}

/** The value behind a view, undefined if there is none. */
function* valueOf(view: unknown): Steps {
  return typeof view === 'object' && view !== null ? yield* getField(view, 'value') : undefined;
}

/** What destructors noted during the operation. */
function destroyed(actor: Actor): unknown[] {
  return actor.log.map((entry) => (entry as unknown[])[1]);
}

export function get(type: string, obj: Parent): Operation {
  return {
    name: `get ${keyOf(type, obj)}`,
    *run(actor) {
      return (yield* valueOf(yield* call(actor.store, 'get', obj, typeOf(actor, type)))) ?? null;
    },
    effects: [(state) => state[keyOf(type, obj)] ?? null],
  };
}

export function alloc(type: string, obj: Parent, value: number): Operation {
  return {
    name: `alloc ${keyOf(type, obj)}=${value}`,
    *run(actor) {
      yield* call(actor.store, 'alloc', obj, typeOf(actor, type), value);
      return 'created';
    },
    effects: [
      (state, answered) => {
        if (answered === 'ERR_SHADOW_EXHAUSTED') return answered;
        if (state[`dead ${type}`] === true) return 'ERR_SHADOW_UNREGISTERED';
        if (state[keyOf(type, obj)] !== undefined) return 'ERR_SHADOW_EXISTS';
        state[keyOf(type, obj)] = value;
        return 'created';
      },
    ],
  };
}

export function getOrAlloc(type: string, obj: Parent, value: number): Operation {
  return {
    name: `getOrAlloc ${keyOf(type, obj)}=${value}`,
    *run(actor) {
      return yield* valueOf(yield* call(actor.store, 'getOrAlloc', obj, typeOf(actor, type), value));
    },
    effects: [
      (state) => {
        if (state[`dead ${type}`] === true) return 'ERR_SHADOW_UNREGISTERED';
        return (state[keyOf(type, obj)] ??= value);
      },
    ],
  };
}

export function free(type: string, obj: Parent): Operation {
  return {
    name: `free ${keyOf(type, obj)}`,
    *run(actor) {
      const freed = yield* call(actor.store, 'free', obj, typeOf(actor, type));
      return [freed, ...destroyed(actor)];
    },
    effects: [
      (state) => {
        const value = take(state, keyOf(type, obj));
        return value === undefined ? [false] : [true, value];
      },
    ],
  };
}

function take(state: State, key: string): unknown {
  const value = state[key];
  state[key] = undefined;
  return value;
}

/** The parts of an operation that frees several variables, one by one: for each, what was destroyed. */
function parts(keys: readonly string[]): Effect[] {
  return keys.map((key) => (state) => {
    const value = take(state, key);
    return value === undefined ? [] : [value];
  });
}

function destroyedOf(actor: Actor, parents: readonly Parent[]): unknown[][] {
  return parents.map((parent) => actor.log.filter((entry) => (entry as unknown[])[0] === parent).map((entry) => (entry as unknown[])[1]));
}

export function freeAll(type: string, parents: readonly Parent[]): Operation {
  return {
    name: `freeAll ${type}`,
    *run(actor) {
      const count = yield* call(actor.store, 'freeAll', typeOf(actor, type));
      if (count !== actor.log.length) throw new Error(`freeAll says ${String(count)}, ${actor.log.length} destructors have run`);
      return destroyedOf(actor, parents);
    },
    effects: parts(parents.map((parent) => keyOf(type, parent))),
  };
}

/** Of one parent; the types differ in the values they hold. */
export function freeObject(obj: Parent, types: readonly string[]): Operation {
  return {
    name: `freeObject ${String(obj)}`,
    *run(actor) {
      const before = actor.log.length;
      const count = yield* call(actor.store, 'freeObject', obj);
      const gone = actor.log.slice(before);
      if (count !== gone.length) throw new Error(`freeObject says ${String(count)}, ${gone.length} destructors have run`);
      return types.map((type) => gone.filter((entry) => (entry as unknown[])[2] === type).map((entry) => (entry as unknown[])[1]));
    },
    effects: parts(types.map((type) => keyOf(type, obj))),
  };
}

/** A type whose destructor notes which it is, for freeObject. */
export function namedType(id: number, name: string): TypePlan {
  return plainType(id, {
    *dtor(actor, obj, view) {
      const value = yield* getField(view, 'value');
      actor.log.push([obj, value, name]);
      actor.destroyed(value);
      return undefined;
    },
  });
}

/** Two fields that are always changed together. */
export function pairType(id: number): TypePlan {
  return {
    id,
    fields: { left: 'u32', right: 'u32' },
    *ctor(_actor, _obj, view, data) {
      yield* setField(view, 'left', data);
      yield* setField(view, 'right', data);
      return undefined;
    },
  };
}

/** Raises both fields under the variable's lock. */
export function update(type: string, obj: Parent, by: number): Operation {
  return {
    name: `update ${keyOf(type, obj)}+${by}`,
    *run(actor) {
      const view = (yield* call(actor.store, 'get', obj, typeOf(actor, type))) as object;
      let seen = 0;
      yield* call(view, 'update', (draft: { left: number; right: number }) => {
        seen = draft.left;
        draft.left += by;
        draft.right += by;
      });
      return seen;
    },
    effects: [
      (state) => {
        const before = state[keyOf(type, obj)] as number;
        state[keyOf(type, obj)] = before + by;
        return before;
      },
    ],
  };
}

/** Raises both fields one after the other, under the variable's lock. */
export function withLock(type: string, obj: Parent, by: number): Operation {
  return {
    name: `withLock ${keyOf(type, obj)}+${by}`,
    *run(actor) {
      const view = (yield* call(actor.store, 'get', obj, typeOf(actor, type))) as object;
      return yield* call(actor.store, 'withLock', view, function* (locked: object): Steps {
        const before = (yield* getField(locked, 'left')) as number;
        yield* setField(locked, 'left', before + by);
        yield* setField(locked, 'right', before + by);
        return before;
      });
    },
    effects: update(type, obj, by).effects,
  };
}

/** Both fields at one moment. */
export function read(type: string, obj: Parent): Operation {
  return {
    name: `read ${keyOf(type, obj)}`,
    *run(actor) {
      const view = (yield* call(actor.store, 'get', obj, typeOf(actor, type))) as object;
      return yield* call(view, 'read');
    },
    effects: [(state) => ({ left: state[keyOf(type, obj)], right: state[keyOf(type, obj)] })],
  };
}

/** Atomic addition to one field, which needs no lock. */
export function add(type: string, obj: Parent, by: number): Operation {
  return {
    name: `add ${keyOf(type, obj)}+${by}`,
    *run(actor) {
      const view = (yield* call(actor.store, 'get', obj, typeOf(actor, type))) as object;
      return yield* call(view, 'add', 'value', by);
    },
    effects: [
      (state) => {
        const before = state[keyOf(type, obj)] as number;
        state[keyOf(type, obj)] = before + by;
        return before;
      },
    ],
  };
}

/** Looks at one variable three times through the view that was found first: until the next safepoint it shows that variable and nothing else. */
export function hold(type: string, obj: Parent): Operation {
  return {
    name: `hold ${keyOf(type, obj)}`,
    *run(actor) {
      const view = yield* call(actor.store, 'get', obj, typeOf(actor, type));
      const first = (yield* valueOf(view)) ?? null;
      for (let look = 0; look < 2; look++) {
        const again = (yield* valueOf(view)) ?? null;
        if (again !== first) throw new Error(`a view showed ${JSON.stringify(first)} and then ${JSON.stringify(again)}`);
      }
      return first;
    },
    effects: [(state) => state[keyOf(type, obj)] ?? null],
  };
}

/** Keeps a view beyond a safepoint: it shows the same variable, or says that it is stale. */
export function revisit(type: string, obj: Parent): Operation {
  return {
    name: `revisit ${keyOf(type, obj)}`,
    *run(actor) {
      const view = yield* call(actor.store, 'get', obj, typeOf(actor, type));
      const first = (yield* valueOf(view)) ?? null;
      yield* call(actor.store, 'safepoint');
      if (first === null) return null;
      try {
        const again = yield* valueOf(view);
        if (again !== first) throw new Error(`a view showed ${JSON.stringify(first)} and, after a safepoint, ${JSON.stringify(again)}`);
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_SHADOW_STALE_VIEW') throw error;
      }
      return first;
    },
    effects: [(state) => state[keyOf(type, obj)] ?? null],
  };
}

export function safepoint(): Operation {
  return {
    name: 'safepoint',
    *run(actor) {
      yield* call(actor.store, 'safepoint');
      return 'passed';
    },
    effects: [() => 'passed'],
  };
}

/** Gives the thread's slot back. */
export function dispose(): Operation {
  return {
    name: 'dispose',
    *run(actor) {
      yield* call(actor.store, Symbol.dispose);
      return 'gone';
    },
    effects: [() => 'gone'],
  };
}

/** Registers a type that the store was not created with. */
export function* register(actor: Actor, type: string): Steps {
  yield* call(actor.store.internals.registry, 'register', `owner of ${type}`, 'object', [typeOf(actor, type)]);
  return undefined;
}

/** Takes the registration back and sweeps: gives what was destroyed. */
export function collect(type: string, parents: readonly Parent[]): Operation {
  return {
    name: `collect ${type}`,
    *run(actor) {
      const collections = (yield* call(actor.store.internals.registry, 'unregister', `owner of ${type}`, 'object')) as object[];
      for (const collection of collections) while ((yield* call(collection, 'step')) !== true);
      return destroyedOf(actor, parents);
    },
    effects: [
      (state) => {
        state[`dead ${type}`] = true;
        return parents.map((parent) => {
          const value = take(state, keyOf(type, parent));
          return value === undefined ? [] : [value];
        });
      },
    ],
  };
}

/** A type whose constructor refuses one value. */
export function fussyType(id: number, refused: number): TypePlan {
  const plan = plainType(id);
  return {
    ...plan,
    *ctor(actor, obj, view, data) {
      yield* setField(view, 'value', 99);
      if (data === refused) throw Object.assign(new Error('refused'), { code: 'REFUSED' });
      return yield* plan.ctor!(actor, obj, view, data);
    },
  };
}

/** alloc() of a value that the constructor refuses. */
export function refusedAlloc(type: string, obj: Parent, value: number): Operation {
  const plain = alloc(type, obj, value);
  return { ...plain, effects: [(state) => (state[keyOf(type, obj)] === undefined ? 'REFUSED' : 'ERR_SHADOW_EXISTS')] };
}

/** A type whose destructor frees the variable of another type on the same parent. */
export function owningType(id: number, owned: string): TypePlan {
  return plainType(id, {
    *dtor(actor, obj, view) {
      const value = yield* getField(view, 'value');
      actor.log.push([obj, value]);
      actor.destroyed(value);
      yield* call(actor.store, 'free', obj, typeOf(actor, owned));
      return undefined;
    },
  });
}

/** Frees a variable of an owning type: two removals, one after the other. */
export function freeOwner(type: string, owned: string, obj: Parent): Operation {
  return {
    name: `free ${keyOf(type, obj)} and ${keyOf(owned, obj)}`,
    *run(actor) {
      const freed = yield* call(actor.store, 'free', obj, typeOf(actor, type));
      const [first, ...rest] = destroyed(actor);
      return freed === true ? [[true, first], rest] : [[false], []];
    },
    effects: [
      ...free(type, obj).effects,
      (state, answered) => {
        if (answered !== undefined && (answered as unknown[]).length === 0 && state[keyOf(owned, obj)] !== undefined) {
          // The owner was freed by somebody else, or what it owned.
          return [];
        }
        const value = take(state, keyOf(owned, obj));
        return value === undefined ? [] : [value];
      },
    ],
  };
}

/** Looks for dead threads, as the coordinator does after an exit event. */
export function recover(): Operation {
  return {
    name: 'recover',
    *run(actor) {
      yield* call(actor.store, 'recover');
      return 'looked';
    },
    effects: [() => 'looked'],
  };
}

/** Looks whether a dead thread that somebody has repaired still holds back memory. */
export function lookForDead(): Operation {
  return {
    name: 'look for the dead',
    *run(actor) {
      yield* call(actor.load('plumbing/slots.js'), 'requireNoneInEpoch', actor.store);
      return 'looked';
    },
    effects: [() => 'looked'],
  };
}

/** Attaches to the store a second time and leaves again. */
export function claim(): Operation {
  return {
    name: 'claim',
    *run(actor) {
      const threads = actor.load('memory/threads.js') as Record<string, (given: unknown) => unknown>;
      const thread = yield* run(threads['claimThread']!(actor.store.internals.memory));
      yield* run(threads['releaseThread']!(thread));
      return 'released';
    },
    effects: [() => 'released'],
  };
}

/** Creates a variable of a JavaScript object, which lives no longer than the thread. */
export function allocOwn(type: string, value: number): Operation {
  return {
    name: `alloc ${type}/{}=${value}`,
    *run(actor) {
      yield* call(actor.store, 'alloc', (actor.kept['own'] = {}), typeOf(actor, type), value);
      return 'created';
    },
    effects: [() => 'created'],
  };
}

/** How many variables there are in the end, whatever they are. */
export function* observeLive(actor: Actor): Steps {
  const { live } = (yield* call(actor.store, 'stats')) as { readonly live: number };
  return { live };
}

/** Puts another version of a type in force; to be done before the threads begin. */
export function* changeVersion(actor: Actor, type: string): Steps {
  actor.kept['migration'] = yield* call(actor.store.internals.registry, 'changeVersion', typeOf(actor, type));
  return undefined;
}

/** Sweeps what nobody has migrated yet. */
export function migrateAll(): Operation {
  return {
    name: 'migrate all',
    *run(actor) {
      const migration = actor.kept['migration'] as { readonly failures: readonly unknown[] };
      while ((yield* call(migration, 'step')) !== true);
      return migration.failures.length;
    },
    effects: [() => 0],
  };
}

/** The next version of a type: its value is one more than that of the version before, and there is room for another field. */
export function nextVersion(id: number, previous: string): TypePlan {
  return plainType(id, {
    version: 2,
    fields: { value: 'u32', more: 'u32', evenMore: 'u32' },
    previous,
    isDeclared: false,
    *migrate(_actor, _obj, older, newer) {
      yield* setField(newer, 'value', ((yield* getField(older, 'value')) as number) + 1);
      return undefined;
    },
  });
}

/** What is in the store in the end, for these variables. */
export function observe(variables: readonly (readonly [type: string, obj: Parent])[], field = 'value'): (actor: Actor) => Steps {
  return function* (actor) {
    const state: State = {};
    for (const [type, obj] of variables) {
      const view = yield* call(actor.store, 'get', obj, typeOf(actor, type));
      state[keyOf(type, obj)] = view === undefined ? null : yield* getField(view as object, field);
    }
    return state;
  };
}

/** Creates variables before the threads begin. */
export function* fill(actor: Actor, variables: readonly (readonly [type: string, obj: Parent, value: number])[]): Steps {
  for (const [type, obj, value] of variables) yield* call(actor.store, 'alloc', obj, typeOf(actor, type), value);
  return undefined;
}
