import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seedOf, SOAK } from '../concurrency/random.js';
import { bytes } from '../../src/shadow/fields.js';
import type { Migration } from '../../src/shadow/migration.js';
import type { Parent } from '../../src/shadow/objects.js';
import { ShadowStore } from '../../src/shadow/store.js';
import type { Collection } from '../../src/shadow/sweep.js';
import { defineShadowType, type ShadowType } from '../../src/shadow/type.js';
import { codeOf } from './world.js';

process.removeAllListeners('warning');

const RUNS = 150;
const VERSIONS = 4;
const ID = 0x1101;
const PARENTS: readonly Parent[] = [0, 7, 2 ** 40 + 7, null, 'name', 'another', 'a name that is longer than most '.repeat(8)];

type Fields = Readonly<Record<'serial' | 'value' | 'steps', 'u32'>> & Readonly<Record<'fill', ReturnType<typeof bytes>>>;
interface Life {
  readonly serial: number;
  value: number;
}

/** The store as two attachments see it, and beside it what plain Maps say it must hold. */
class World {
  readonly lives = new Map<number, Life>();
  readonly farewells: number[] = [];
  readonly expected: number[] = [];
  readonly types: readonly ShadowType<Fields>[];
  readonly stores: [ShadowStore, ShadowStore];
  collections: Collection[] = [];
  migration: Migration | undefined;
  /** 0 = the id is not registered. */
  version = 0;
  serial = 1;
  dying = 0;
  failing = false;

  constructor() {
    const types: ShadowType<Fields>[] = [];
    for (let version = 1; version <= VERSIONS; version++) types.push(this.#type(version, types.at(-1)));
    this.types = types;
    const first = ShadowStore.create({ maxBytes: 2 ** 23, maxThreads: 4 });
    this.stores = [first, ShadowStore.attach(first.handle)];
    for (const { internals } of this.stores) internals.bindings.know(types);
  }

  get type(): ShadowType<Fields> {
    return this.types[this.version - 1]!;
  }

  #type(version: number, previous: ShadowType<Fields> | undefined): ShadowType<Fields> {
    const declaration = {
      id: ID,
      version,
      fields: { serial: 'u32', value: 'u32', steps: 'u32', fill: bytes([10, 3000, 1, 90][version - 1]!) } as Fields,
      dtor: (_parent: Parent, view: { serial: number }) => void this.farewells.push(view.serial),
    };
    if (previous === undefined) return defineShadowType<Fields>(declaration);
    const move = (_parent: Parent, from: { serial: number; value: number }, to: { serial: number; value: number }): void => {
      assert.equal(to.serial, 0, 'zeroed');
      if (this.failing) throw new Error('not now');
      to.serial = from.serial;
      to.value = from.value;
    };
    return defineShadowType<Fields, unknown, Fields>({ ...declaration, previous, migrate: move, migrateBack: move });
  }

  remove(index: number): void {
    this.expected.push(this.lives.get(index)!.serial);
    this.lives.delete(index);
  }

  check(): void {
    const [store] = this.stores;
    const { violations, found } = store.check();
    assert.deepEqual(violations, []);
    assert.equal(found.variables, this.lives.size + this.dying);
    const types = store.stats().types.filter(({ id, state }) => id === ID && state === 'live');
    assert.deepEqual(
      types.map(({ live, version, size }) => ({ live, version, size })),
      this.version === 0 ? [] : [{ live: this.lives.size, version: this.version, size: this.type.size }],
    );
    assert.equal(this.version === 0 || types[0]!.unmigrated <= this.lives.size, true);
    assert.equal(store.internals.registry.versionInForce(ID), this.version === 0 ? undefined : this.version);
    if (this.dying === 0) assert.deepEqual(this.farewells.toSorted(byNumber), this.expected.toSorted(byNumber), 'each destructor ran once');
  }
}

const byNumber = (a: number, b: number): number => a - b;

class Command implements fc.Command<object, World> {
  constructor(
    readonly name: string,
    readonly args: object,
    readonly act: (world: World) => void,
  ) {}

  check(): boolean {
    return true;
  }

  run(_model: object, world: World): void {
    this.act(world);
    world.check();
  }

  toString(): string {
    return `${this.name}(${JSON.stringify(this.args)})`;
  }
}

const place = { store: fc.nat(1), parent: fc.nat(PARENTS.length - 1) };
type Place = { readonly store: number; readonly parent: number };

/** A command on one parent, through one attachment, while the id is registered. */
function onParent(name: string, act: (world: World, store: ShadowStore, parent: Parent, index: number) => void): fc.Arbitrary<Command> {
  return fc.record(place).map(
    (args: Place) =>
      new Command(name, args, (world) => {
        if (world.version > 0) act(world, world.stores[args.store]!, PARENTS[args.parent]!, args.parent);
      }),
  );
}

function changeTo(world: World, version: number): void {
  if (world.version === 0) return;
  const migration = world.stores[0].internals.registry.changeVersion(world.types[version - 1]!);
  assert.equal(migration === undefined, version === world.version);
  world.version = version;
  world.migration = migration ?? world.migration;
}

const commands = [
  onParent('alloc', (world, store, parent, index) => {
    const code = codeOf(() => {
      const view = store.alloc(parent, world.type);
      view.serial = world.serial;
      world.lives.set(index, { serial: world.serial++, value: 0 });
    });
    assert.equal(code, code === undefined ? undefined : 'ERR_SHADOW_EXISTS');
    assert.equal(world.lives.has(index), true);
  }),
  onParent('getOrAlloc', (world, store, parent, index) => {
    const view = store.getOrAlloc(parent, world.type);
    const life = world.lives.get(index);
    if (life === undefined) {
      view.serial = world.serial;
      world.lives.set(index, { serial: world.serial++, value: 0 });
    } else assert.deepEqual([view.serial, view.value], [life.serial, life.value]);
  }),
  onParent('update', (world, store, parent, index) => {
    const life = world.lives.get(index);
    const view = store.get(parent, world.type);
    assert.equal(view?.serial, life?.serial);
    if (view !== undefined && life !== undefined) view.value = ++life.value;
  }),
  onParent('fail', (world, store, parent, index) => {
    const life = world.lives.get(index);
    world.failing = true;
    const code = codeOf(() => {
      assert.equal(store.get(parent, world.type)?.serial, life?.serial);
    });
    world.failing = false;
    if (life === undefined || code !== 'ERR_SHADOW_MIGRATION') assert.equal(code, undefined);
    assert.equal(store.has(parent, world.type), life !== undefined);
  }),
  onParent('outdated', (world, store, parent) => {
    const other = world.types[world.version % VERSIONS]!;
    for (const access of [() => store.get(parent, other), () => store.alloc(parent, other), () => store.free(parent, other)])
      assert.equal(codeOf(access), 'ERR_SHADOW_VERSION');
  }),
  onParent('free', (world, store, parent, index) => {
    assert.equal(store.free(parent, world.type), world.lives.has(index));
    if (world.lives.has(index)) world.remove(index);
  }),
  onParent('freeObject', (world, store, parent, index) => {
    assert.equal(store.freeObject(parent), world.lives.has(index) ? 1 : 0);
    if (world.lives.has(index)) world.remove(index);
  }),
  onParent('look', (world, store) => {
    const cursor = store.cursor(world.type);
    const many = store.getMany(PARENTS, world.type);
    PARENTS.forEach((parent, index) => {
      assert.equal(store.has(parent, world.type), world.lives.has(index));
      assert.equal(many[index]?.serial, world.lives.get(index)?.serial);
      assert.equal(cursor.find(parent), world.lives.has(index));
    });
  }),
  onParent('entries', (world, store) => {
    const seen = [...store.entries(world.type)].map(([parent, view]) => `${PARENTS.indexOf(parent)} ${view.serial} ${view.value}`);
    assert.deepEqual(seen.sort(), [...world.lives].map(([index, { serial, value }]) => `${index} ${serial} ${value}`).sort());
  }),
  onParent('freeAll', (world, store) => {
    assert.equal(store.freeAll(world.type), world.lives.size);
    for (const index of [...world.lives.keys()]) world.remove(index);
  }),
  onParent('safepoint', (_world, store) => {
    store.safepoint();
  }),
  fc.integer({ min: 1, max: VERSIONS }).map(
    (version) =>
      new Command('change', { version }, (world) => {
        changeTo(world, version);
      }),
  ),
  fc.integer({ min: 1, max: VERSIONS }).map(
    (version) =>
      new Command('change', { version }, (world) => {
        changeTo(world, version);
      }),
  ),
  fc.constantFrom(300, 3000).map((buckets) => new Command('migrate', { buckets }, (world) => void world.migration?.step(buckets))),
  fc.integer({ min: 1, max: VERSIONS }).map(
    (version) =>
      new Command('register', { version }, (world) => {
        if (world.version !== 0) return;
        world.stores[0].internals.registry.register('model', 'object', [world.types[version - 1]!]);
        world.version = version;
      }),
  ),
  fc.constant(0).map(
    () =>
      new Command('unregister', {}, (world) => {
        world.collections.push(...world.stores[0].internals.registry.unregister('model', 'object'));
        world.version = 0;
        world.dying += world.lives.size;
        for (const index of [...world.lives.keys()]) world.remove(index);
      }),
  ),
  fc.constantFrom(300, 3000).map(
    (buckets) =>
      new Command('sweep', { buckets }, (world) => {
        const [collection] = world.collections;
        if (collection === undefined) return;
        const before = collection.variables;
        if (collection.step(buckets)) world.collections.shift();
        world.dying -= collection.variables - before;
      }),
  ),
];

test('whatever is done to an id that changes its version, it holds what plain Maps hold', (context) => {
  const seed = seedOf(context);
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 120, size: 'max' }), (run) => {
      const world = new World();
      try {
        fc.modelRun(() => ({ model: {}, real: world }), run);
        if (world.version > 0) world.collections.push(...world.stores[0].internals.registry.unregister('model', 'object'));
        for (const index of [...world.lives.keys()]) world.remove(index);
        world.version = 0;
        for (const collection of world.collections) while (!collection.step());
        world.dying = 0;
        world.check();
      } finally {
        for (const store of world.stores) store[Symbol.dispose]();
      }
    }),
    { seed, numRuns: Math.ceil(RUNS * SOAK), includeErrorInReport: true },
  );
});
