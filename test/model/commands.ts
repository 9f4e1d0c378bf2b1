/** What commands are made of, and the commands on single variables. */
import fc from 'fast-check';
import assert from 'node:assert/strict';
import type { Fields } from '../../src/shadow/fields.js';
import type { ShadowStore } from '../../src/shadow/store.js';
import type { ShadowType } from '../../src/shadow/type.js';
import type { View } from '../../src/shadow/view.js';
import type { Model } from './model.js';
import {
  codeOf,
  COMING,
  type Conception,
  ConstructorFailure,
  type ConstructorConduct,
  DestructorFailure,
  type DestructorConduct,
  LARGE,
  type Life,
  NODE,
  PARENTS,
  PLAIN,
  RAW,
  serialOf,
  setSerial,
  setValue,
  SHARED_PARENTS,
  TYPES,
  valueOf,
  type World,
} from './world.js';

/** Commands between two comparisons of everything. */
const COMPARE_EVERY = 12;

let sinceComparison = 0;

/** A command: a name and arguments to print, and what it does to model and store. */
export class Command implements fc.Command<Model, World> {
  constructor(
    readonly name: string,
    readonly args: object,
    readonly act: (model: Model, world: World) => void,
  ) {}

  check(): boolean {
    return true;
  }

  run(model: Model, world: World): void {
    this.act(model, world);
    assert.deepEqual(world.complaints, []);
    if (++sinceComparison % COMPARE_EVERY !== 0) return;
    model.compare(world, sinceComparison % (2 * COMPARE_EVERY) === 0 ? 0 : 1);
    model.check(world);
  }

  toString(): string {
    return `${this.name}(${Object.entries(this.args)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(' ')})`;
  }
}

/** Where an operation goes: through which attachment, and to which variable. */
export interface Place {
  readonly store: number;
  readonly parent: number;
  readonly type: number;
}

export const place: fc.Arbitrary<Place> = fc
  .record({ store: fc.nat(1), parent: fc.nat(PARENTS.length - 1), type: fc.nat(TYPES - 1) })
  .map(({ store, parent, type }) => ({ store: parent >= SHARED_PARENTS ? 0 : store, parent, type }));

export interface Creation extends Place {
  readonly conduct: ConstructorConduct;
  readonly farewell: DestructorConduct;
  readonly other: number;
  readonly exclusive: boolean;
}

export const creation: fc.Arbitrary<Creation> = fc
  .record({
    at: place,
    conduct: fc.oneof({ weight: 6, arbitrary: fc.constant('plain' as const) }, fc.constantFrom('throw', 'promise', 'read', 'write')),
    farewell: fc.oneof({ weight: 4, arbitrary: fc.constant('plain' as const) }, fc.constantFrom('free', 'allocate', 'throw')),
    other: fc.nat(SHARED_PARENTS - 1),
    exclusive: fc.boolean(),
  })
  .map(({ at, ...rest }) => ({ ...at, ...rest }));

/** Takes a place and makes it the current attachment. */
export function enterPlace(world: World, { store }: { readonly store: number }): ShadowStore {
  world.current = world.stores[store]!;
  return world.current;
}

export function hasLife(type: number): boolean {
  return type === NODE || type === COMING;
}

/** alloc or getOrAlloc, with all that a constructor may do. Returns the view, or undefined if there is none by the rules. */
export function create(model: Model, world: World, creation: Creation, again = false): View | undefined {
  const { parent, type, conduct, farewell, other, exclusive } = creation;
  const store = enterPlace(world, creation);
  const existing = model.get(parent, type);
  const serial = world.serial++;
  const conception: Conception = { serial, conduct, farewell, other };
  world.expected = (otherParent, otherType) => model.get(otherParent, otherType);
  let view: View | undefined;
  let failure: string | undefined;
  try {
    failure = codeOf(() => {
      const shadowType = world.types[type] as ShadowType<Fields, Conception>;
      const at = PARENTS[parent]!;
      view = exclusive ? store.alloc(at, shadowType, conception) : store.getOrAlloc(at, shadowType, conception);
    });
  } catch (error) {
    if (!(error instanceof ConstructorFailure)) throw error;
    failure = 'constructor';
  }
  if (failure === 'ERR_SHADOW_EXHAUSTED') {
    assert.equal(existing, undefined);
    model.compare(world, creation.store);
    if (model.fillers > 0) return undefined;
    // Nothing takes it up but the lists of the other attachment, which are the others' for the asking at its next safepoint.
    assert.equal(again, false, 'memory ran out although nothing takes it up');
    everybodyPasses(world, creation.store);
    return create(model, world, creation, true);
  }
  assert.equal(failure, expectedFailure(model, creation, existing));
  if (view === undefined) return undefined;
  if (existing === undefined) {
    if (!hasLife(type)) setSerial(view, type, serial);
    model.add({ type, parent, serial, value: 0, farewell: hasLife(type) ? farewell : 'plain', other });
  }
  assert.equal(serialOf(view, type), (existing ?? model.get(parent, type))?.serial);
  return view;
}

function expectedFailure(model: Model, { type, conduct, exclusive }: Creation, existing: Life | undefined): string | undefined {
  if (type === COMING && !model.registered) return 'ERR_SHADOW_UNREGISTERED';
  if (existing !== undefined) return exclusive ? 'ERR_SHADOW_EXISTS' : undefined;
  if (!hasLife(type)) return undefined;
  if (conduct === 'throw') return 'constructor';
  return conduct === 'promise' ? 'ERR_SHADOW_ASYNC' : undefined;
}

/** Runs an operation that frees; true if a destructor threw. */
export function throwsFarewell(operation: () => void): boolean {
  try {
    operation();
    return false;
  } catch (error) {
    if (error instanceof DestructorFailure) return true;
    throw error;
  }
}

export function hold(model: Model, world: World, at: Place, view: View | undefined): void {
  const life = model.get(at.parent, at.type);
  if (view === undefined || life === undefined) return;
  model.held.push({ view, life, store: at.store, interval: world.stores[at.store]!.internals.thread.interval });
}

export const variableCommands: fc.Arbitrary<Command>[] = [
  creation.map((args) => new Command('create', args, (model, world) => hold(model, world, args, create(model, world, args)))),

  place.map(
    (args) =>
      new Command('get', args, (model, world) => {
        const view = enterPlace(world, args).get(PARENTS[args.parent]!, world.types[args.type]!) as View | undefined;
        const life = model.get(args.parent, args.type);
        assert.equal(serialOf(view, args.type), life?.serial);
        if (life !== undefined) assert.equal(valueOf(view!, args.type), life.value);
        hold(model, world, args, view);
      }),
  ),

  place.map(
    (args) =>
      new Command('free', args, (model, world) => {
        const store = enterPlace(world, args);
        const life = model.get(args.parent, args.type);
        let freed = false;
        const threw = throwsFarewell(() => (freed = store.free(PARENTS[args.parent]!, world.types[args.type]!)));
        assert.equal(threw, life?.farewell === 'throw');
        if (!threw) assert.equal(freed, life !== undefined);
        model.remove(world, life === undefined ? [] : [life]);
      }),
  ),

  fc.record({ at: place, value: fc.nat(2 ** 31 - 1), way: fc.constantFrom('set', 'update', 'add') }).map(
    ({ at, value, way }) =>
      new Command('write', { ...at, value, way }, (model, world) => {
        const view = enterPlace(world, at).get(PARENTS[at.parent]!, world.types[at.type]!) as View | undefined;
        const life = model.get(at.parent, at.type);
        if (view === undefined || life === undefined) return;
        if (at.type === RAW || way === 'set') setValue(view, at.type, (life.value = value));
        else if (way === 'update') {
          view.update((draft) => ({ ...draft, value }));
          life.value = value;
        } else {
          assert.equal(view.add('value' as never, value as never), life.value);
          life.value = (life.value + value) >>> 0;
        }
      }),
  ),

  fc.record({ at: place, other: place, value: fc.nat(2 ** 31 - 1) }).map(
    ({ at, other, value }) =>
      new Command('lock', { ...at, otherParent: other.parent, otherType: other.type, value }, (model, world) => {
        const store = enterPlace(world, at);
        const otherParent = other.parent >= SHARED_PARENTS && at.store !== 0 ? 0 : other.parent;
        const view = store.get(PARENTS[at.parent]!, world.types[at.type]!) as View | undefined;
        const life = model.get(at.parent, at.type);
        if (view === undefined || life === undefined) return;
        const victim = model.get(otherParent, other.type);
        const threw = throwsFarewell(() =>
          store.withLock(view, () => {
            setValue(view, at.type, (life.value = value));
            if (at.type !== RAW) assert.equal((view.read() as { value?: number }).value, value);
            assert.equal(
              codeOf(() => store.withLock(view, () => undefined)),
              'ERR_SHADOW_LOCK_NESTED',
            );
            assert.equal(
              codeOf(() => store.safepoint()),
              'ERR_SHADOW_SAFEPOINT_NESTED',
            );
            const before = world.farewells.length;
            assert.equal(store.free(PARENTS[otherParent]!, world.types[other.type]!), victim !== undefined);
            assert.equal(world.farewells.length, before, 'destructors wait for the end of a lock body');
          }),
        );
        assert.equal(threw, victim?.farewell === 'throw');
        model.remove(world, victim === undefined ? [] : [victim]);
      }),
  ),

  fc.nat(1).map(
    (store) =>
      new Command('safepoint', { store }, (_model, world) => {
        world.stores[store]!.safepoint();
      }),
  ),

  fc.nat(1000).map(
    (pick) =>
      new Command('useHeld', { pick }, (model, world) => {
        const held = model.held[pick % Math.max(1, model.held.length)];
        if (held === undefined) return;
        const { thread } = world.stores[held.store]!.internals;
        const { life, view } = held;
        const alive = model.get(life.parent, life.type) === life;
        const read = (): number | undefined => serialOf(view, life.type);
        if (!alive && (thread.interval === 0 || thread.interval !== held.interval)) {
          assert.equal(codeOf(read), 'ERR_SHADOW_STALE_VIEW', 'the view of a freed variable is stale after a safepoint');
          model.held.splice(model.held.indexOf(held), 1);
          return;
        }
        assert.equal(read(), life.serial, alive ? 'a view follows its variable' : 'a freed variable stays readable until the safepoint');
        if (alive) assert.equal(valueOf(view, life.type), life.value);
        held.interval = thread.interval;
      }),
  ),
];

/** All attachments pass safepoints until what `last` has freed can be used again. */
export function everybodyPasses(world: World, last: number): void {
  world.stores[last]!.safepoint();
  for (const attached of world.stores) attached.safepoint();
  world.stores[last]!.safepoint();
}

/** Types without a destructor that does anything: freeing them has no consequences for others. */
export const QUIET_TYPES: readonly number[] = [PLAIN, RAW, LARGE];
