/** The model: plain Maps of what the store must hold, and of what is known about the views that commands keep. */
import assert from 'node:assert/strict';
import type { View } from '../../src/shadow/view.js';
import { COMING, type Life, NODE, PARENTS, PLAIN, serialOf, SHARED_PARENTS, TYPES, valueOf, type World } from './world.js';

/** A view that was kept, and what it showed. */
export interface Held {
  readonly view: View;
  readonly life: Life;
  readonly store: number;
  /** The interval of its thread in which it was last good. */
  interval: number;
}

export class Model {
  /** By place; the visible variables. */
  readonly lives = new Map<string, Life>();
  /** Collected and not yet destroyed, by serial number. */
  readonly dying = new Map<number, Life>();
  readonly held: Held[] = [];
  registered = false;
  /** Variables of the type that only takes up memory; their parents are 10^6 and up. */
  fillers = 0;
  /** Variables created and removed since the store was made. */
  created = 0;
  removed = 0;

  static place(parent: number, type: number): string {
    return `${parent}/${type}`;
  }

  get(parent: number, type: number): Life | undefined {
    return this.lives.get(Model.place(parent, type));
  }

  add(life: Life): void {
    this.lives.set(Model.place(life.parent, life.type), life);
    this.created++;
  }

  of(type: number): Life[] {
    return [...this.lives.values()].filter((life) => life.type === type);
  }

  ofParent(parent: number): Life[] {
    return [...this.lives.values()].filter((life) => life.parent === parent);
  }

  /** Makes variables of an id invisible: they wait for the sweep. */
  collect(): void {
    for (const life of this.of(COMING)) {
      this.lives.delete(Model.place(life.parent, life.type));
      this.dying.set(life.serial, life);
    }
    this.registered = false;
  }

  /**
   * What follows the removal of variables by a command: their destructors ran, each once, and did to others what they do. `gone` were unlinked before the
   * first destructor ran.
   */
  remove(world: World, gone: readonly Life[]): void {
    for (const life of gone) {
      if (this.get(life.parent, life.type) === life) this.lives.delete(Model.place(life.parent, life.type));
      this.removed++;
    }
    const awaited = new Map(gone.filter(({ type }) => type === NODE || type === COMING).map((life) => [life.serial, life]));
    this.#settle(world, awaited);
    assert.deepEqual([...awaited.keys()], [], 'destructors that did not run');
  }

  /** The same for a step of a collection, which destroys any part of what is dying. */
  sweep(world: World): void {
    const before = this.dying.size;
    this.#settle(world, this.dying);
    this.removed += before - this.dying.size;
  }

  /** Takes the reports of destructors in the order in which they came, and plays what they did. */
  #settle(world: World, awaited: Map<number, Life>): void {
    const farewells = world.farewells.splice(0);
    const told: Life[] = [];
    for (const { serial, parent } of farewells) {
      let life = awaited.get(serial);
      if (life !== undefined) {
        awaited.delete(serial);
      } else {
        // Freed by another destructor: those free variables of NODE.
        life = this.of(NODE).find((candidate) => candidate.serial === serial);
        if (life === undefined) assert.fail(`the destructor of ${serial} ran, which nobody freed`);
        this.lives.delete(Model.place(life.parent, NODE));
        this.removed++;
      }
      assert.equal(world.indexOf(parent), life.parent, 'a destructor is told the parent of its variable');
      told.push(life);
    }
    farewells.forEach(({ serial, allocated }, i) => {
      const { farewell, other } = told[i]!;
      if (farewell === 'free') assert.equal(this.get(other, NODE), undefined, 'what a destructor frees is destroyed before it returns');
      if (farewell !== 'allocate' || !allocated || this.get(other, PLAIN) !== undefined) return;
      this.add({ type: PLAIN, parent: other, serial, value: 0, farewell: 'plain', other: 0 });
    });
  }

  /** Compares everything that is visible through one attachment, in every way there is to look. */
  compare(world: World, index: number): void {
    const store = world.stores[index]!;
    assert.deepEqual(world.complaints, []);
    world.types.forEach((type, typeIndex) => {
      const cursor = store.cursor(type);
      const many = store.getMany(index === 0 ? PARENTS : PARENTS.slice(0, SHARED_PARENTS), type);
      PARENTS.forEach((parent, parentIndex) => {
        const life = this.get(parentIndex, typeIndex);
        if (index !== 0 && parentIndex >= SHARED_PARENTS) return;
        const view = store.get(parent, type);
        assert.equal(serialOf(view, typeIndex), life?.serial, `get of type ${typeIndex} on parent ${parentIndex}`);
        assert.equal(serialOf(many[parentIndex], typeIndex), life?.serial);
        assert.equal(store.has(parent, type), life !== undefined);
        assert.equal(cursor.find(parent), life !== undefined);
        if (life === undefined) return;
        assert.equal(serialOf(cursor, typeIndex), life.serial);
        assert.equal(valueOf(view!, typeIndex), life.value);
        assert.equal(valueOf(cursor, typeIndex), life.value);
      });
      const entries = [...store.entries(type)].map(([parent, view]) => `${world.indexOf(parent)}:${serialOf(view, typeIndex)}`);
      assert.deepEqual(
        entries.sort(),
        this.of(typeIndex)
          .map(({ parent, serial }) => `${parent}:${serial}`)
          .sort(),
      );
    });
  }

  /** Proves the invariants of the store, and that its numbers are those of the model. */
  check(world: World): void {
    const [store] = world.stores;
    const { violations, found } = store.check();
    assert.deepEqual(violations, []);
    const live = this.lives.size + this.dying.size + this.fillers;
    const named = new Set([...this.lives.values(), ...this.dying.values()].map(({ parent }) => PARENTS[parent]).filter(isString));
    assert.equal(found.variables, live);
    assert.equal(found.names, named.size);
    assert.equal(found.destroying, 0);
    const stats = store.stats();
    assert.equal(stats.live, live);
    assert.equal(stats.allocated, this.created);
    assert.equal(stats.freed, this.removed);
    for (let type = 0; type < TYPES; type++) {
      const counted = stats.types.filter(({ id, state }) => id === world.types[type]!.id && state === 'live');
      assert.equal(counted.length, type === COMING && !this.registered ? 0 : 1);
      if (counted.length === 1) assert.equal(counted[0]!.live, this.of(type).length);
    }
  }
}

function isString(parent: unknown): parent is string {
  return typeof parent === 'string';
}
