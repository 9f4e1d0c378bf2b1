/** The commands that touch many variables at once: whole types and parents, walks, registration and collection, memory, and attachments. */
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { ShadowStore } from '../../src/shadow/store.js';
import type { View } from '../../src/shadow/view.js';
import { Command, create, enterPlace, everybodyPasses, QUIET_TYPES, throwsFarewell } from './commands.js';
import type { Model } from './model.js';
import { codeOf, COMING, filler, type Life, NODE, PARENTS, serialOf, SHARED_PARENTS, TYPES, type World } from './world.js';

const OWNER = 'model';
const OBJECT = 'object';
const FIRST_FILLER = 10 ** 6;

const store = fc.nat(1);
const type = fc.nat(TYPES - 1);

export const bulkCommands: fc.Arbitrary<Command>[] = [
  fc.record({ store, type }).map(
    (args) =>
      new Command('freeAll', args, (model, world) => {
        const lives = model.of(args.type);
        let freed = 0;
        const threw = throwsFarewell(() => (freed = enterPlace(world, args).freeAll(world.types[args.type]!)));
        if (!threw) {
          // What a destructor frees on the way is that destructor's, not this call's.
          const others = args.type === NODE && lives.some(({ farewell }) => farewell === 'free');
          assert.equal(others ? freed <= lives.length : freed === lives.length, true, `freeAll freed ${freed} of ${lives.length}`);
        } else {
          assert.equal(
            lives.some(({ farewell }) => farewell === 'throw'),
            true,
          );
        }
        const told = new Set(world.farewells.map(({ serial }) => serial));
        // A destructor that throws ends the call after its bucket; what it had unlinked by then was destroyed.
        model.remove(world, threw ? lives.filter(({ serial }) => told.has(serial)) : lives);
      }),
  ),

  fc.record({ store, parent: fc.nat(PARENTS.length - 1) }).map(
    ({ store: through, parent }) =>
      new Command('freeObject', { store: through, parent }, (model, world) => {
        const lives = model.ofParent(parent);
        const from = enterPlace(world, { store: parent >= SHARED_PARENTS ? 0 : through });
        let freed = 0;
        const threw = throwsFarewell(() => (freed = from.freeObject(PARENTS[parent]!)));
        assert.equal(
          threw,
          lives.some(({ farewell }) => farewell === 'throw'),
        );
        if (!threw) assert.equal(freed, lives.length);
        model.remove(world, lives);
      }),
  ),

  fc.record({ store, type: fc.constantFrom(...QUIET_TYPES), every: fc.integer({ min: 1, max: 4 }), safepoints: fc.boolean() }).map(
    (args) =>
      new Command('walk', args, (model, world) => {
        const from = enterPlace(world, args);
        const before = new Map(model.of(args.type).map((life) => [life.parent, life]));
        const seen = new Set<number>();
        let items = 0;
        for (const [parent, view] of from.entries(world.types[args.type]!)) {
          const index = world.indexOf(parent);
          assert.equal(seen.has(index), false, 'an item comes once at most');
          seen.add(index);
          assert.equal(serialOf(view as View, args.type), before.get(index)?.serial);
          if (args.safepoints) from.safepoint();
          if (++items % args.every !== 0) continue;
          // Frees what it stands on, or something that may still be ahead.
          const victim = items % 2 === 0 ? before.get(index)! : model.of(args.type).at(-1)!;
          if (victim.parent >= SHARED_PARENTS && args.store !== 0) continue;
          assert.equal(from.free(PARENTS[victim.parent]!, world.types[args.type]!), true);
          model.remove(world, [victim]);
        }
        for (const life of model.of(args.type)) assert.equal(seen.has(life.parent), true, 'what stays comes exactly once');
      }),
  ),

  fc.constant(0).map(
    () =>
      new Command('register', {}, (model, world) => {
        const again = codeOf(() => {
          world.registry.register(OWNER, OBJECT, [world.types[COMING]!]);
        });
        assert.equal(again, model.registered ? 'ERR_SHADOW_DUPLICATE_ID' : undefined);
        model.registered = true;
      }),
  ),

  fc.constant(0).map(
    () =>
      new Command('unregister', {}, (model, world) => {
        const collections = world.registry.unregister(OWNER, OBJECT);
        assert.equal(collections.length, model.registered ? 1 : 0);
        world.collections.push(...collections);
        if (model.registered) model.collect();
        for (const attached of world.stores) {
          assert.equal(attached.get(7, world.types[COMING]!), undefined);
          assert.deepEqual([...attached.entries(world.types[COMING]!)], []);
        }
      }),
  ),

  fc.constantFrom(100, 700, 4000).map(
    (buckets) =>
      new Command('sweep', { buckets }, (model, world) => {
        enterPlace(world, { store: 0 });
        const collection = world.collections[0];
        if (collection?.step(buckets) === true) world.collections.shift();
        model.sweep(world);
        if (world.collections.length === 0) assert.equal(model.dying.size, 0, 'a finished sweep leaves nothing');
      }),
  ),

  fc.record({ store, leave: fc.nat(3) }).map(
    (args) =>
      new Command('fill', args, (model, world) => {
        const from = enterPlace(world, args);
        while (codeOf(() => from.alloc(FIRST_FILLER + model.fillers, filler)) === undefined) {
          model.fillers++;
          model.created++;
        }
        for (let i = 0; i < args.leave && model.fillers > 0; i++) {
          assert.equal(from.free(FIRST_FILLER + --model.fillers, filler), true);
          model.removed++;
        }
        model.compare(world, args.store);
      }),
  ),

  fc.record({ store }).map(
    (args) =>
      new Command('drain', args, (model, world) => {
        const from = enterPlace(world, args);
        assert.equal(from.freeAll(filler), model.fillers);
        model.removed += model.fillers;
        model.fillers = 0;
        everybodyPasses(world, args.store);
      }),
  ),

  fc.record({ store, pick: fc.nat(1000) }).map(
    (args) =>
      new Command('replace', args, (model, world) => {
        const candidates = [...model.lives.values()].filter(isReplaceable);
        const life = candidates[args.pick % Math.max(1, candidates.length)];
        if (life === undefined) return;
        const at = { ...life, store: life.parent >= SHARED_PARENTS ? 0 : args.store };
        const from = enterPlace(world, at);
        assert.equal(from.free(PARENTS[life.parent]!, world.types[life.type]!), true);
        model.remove(world, [life]);
        everybodyPasses(world, at.store);
        const view = create(model, world, { ...at, conduct: 'plain', exclusive: true });
        assert.notEqual(view, undefined, 'freeing a variable makes room for the next one in its place');
      }),
  ),

  fc.constant(0).map(
    () =>
      new Command('reattach', {}, (model, world) => {
        const [first, second] = world.stores;
        second[Symbol.dispose]();
        assert.equal(
          codeOf(() => second.get(7, world.types[0]!)),
          'ERR_SHADOW_DISPOSED',
        );
        world.stores[1] = ShadowStore.attach(first.handle);
        for (let i = model.held.length - 1; i >= 0; i--) if (model.held[i]!.store === 1) model.held.splice(i, 1);
      }),
  ),
];

function isReplaceable({ farewell }: Life): boolean {
  return farewell === 'plain';
}

/** Frees everything, in the end of a run: whatever it has been through, the store has to be as good as new. */
export function tearDown(model: Model, world: World): void {
  enterPlace(world, { store: 0 });
  world.collections.push(...world.registry.unregister(OWNER, OBJECT));
  if (model.registered) model.collect();
  while (world.collections.length > 0) if (world.collections[0]!.step()) world.collections.shift();
  model.sweep(world);
  for (let index = 0; index < PARENTS.length; index++) {
    // A destructor may bring variables back.
    for (let lives = model.ofParent(index); lives.length > 0; lives = model.ofParent(index)) {
      throwsFarewell(() => world.current.freeObject(PARENTS[index]!));
      model.remove(world, lives);
    }
  }
  for (let index = 0; index < SHARED_PARENTS; index++) {
    const lives = model.ofParent(index);
    throwsFarewell(() => world.current.freeObject(PARENTS[index]!));
    model.remove(world, lives);
  }
  assert.equal(world.current.freeAll(filler), model.fillers);
  model.removed += model.fillers;
  model.fillers = 0;
  model.compare(world, 0);
  model.check(world);
  assert.equal(model.lives.size, 0);
  everybodyPasses(world, 0);
  let fit = 0;
  while (codeOf(() => world.current.alloc(fit, filler)) === undefined) fit++;
  assert.equal(fit > 20, true, `${fit} variables fit into an empty store`);
}
