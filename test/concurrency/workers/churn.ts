/**
 * Random operations on a few parents that all workers share. Everything that is read proves itself; every view that turned stale must have
 * belonged to a variable that was destroyed in the end.
 */
import { ShadowError } from '../../../src/errors.js';
import type { Parent } from '../../../src/shadow/objects.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { Ledger, parents, type PayloadType, payloadTypes, type PayloadView, Refusal, verify } from '../payload.js';
import { type Task, work } from './task.js';

export interface ChurnData {
  readonly ledger: SharedArrayBuffer;
  readonly parents: number;
  /** 0: until the crew is stopped. */
  readonly operations: number;
  /** Operations between two attachments of its own; 0 = one attachment for all. */
  readonly reattachEvery: number;
  /** Whether to use the operations that walk the whole table. */
  readonly walks: boolean;
}

export interface ChurnResult {
  /** Serial numbers of variables whose views turned stale. */
  readonly stale: readonly number[];
  readonly operations: number;
}

interface Held {
  readonly view: PayloadView;
  readonly parent: Parent;
  readonly type: PayloadType;
  readonly serial: number;
}

const HELD = 24;

class Churner {
  readonly #data: ChurnData;
  readonly #random: Task<ChurnData>['random'];
  readonly #task: Task<ChurnData>;
  readonly #ledger: Ledger;
  readonly #types: readonly PayloadType[];
  readonly #parents: readonly Parent[];
  #store: ShadowStore;
  #held: (Held | undefined)[] = [];
  readonly #stale: number[] = [];

  constructor(task: Task<ChurnData>) {
    this.#task = task;
    this.#data = task.data;
    this.#random = task.random;
    this.#ledger = new Ledger(task.data.ledger);
    this.#types = payloadTypes(this.#ledger, () => this.#random.linger(60));
    this.#parents = parents(task.data.parents);
    this.#store = task.store;
  }

  run(): ChurnResult {
    const { operations, reattachEvery } = this.#data;
    let done = 0;
    for (; operations === 0 ? !this.#task.stopped : done < operations; done++) {
      if (reattachEvery !== 0 && this.#random.oneIn(reattachEvery)) this.#reattach();
      if (this.#random.oneIn(40)) this.#store.safepoint();
      if (this.#random.oneIn(3)) this.#useHeld();
      this.#operate();
    }
    if (this.#store !== this.#task.store) this.#store[Symbol.dispose]();
    return { stale: this.#stale, operations: done };
  }

  #operate(): void {
    const store = this.#store;
    const random = this.#random;
    const type = random.pick(this.#types);
    const parent = random.pick(this.#parents);
    const choice = random.below(100);
    if (choice < 20) this.#see(type, parent, store.get(parent, type));
    else if (choice < 45) this.#create(type, parent, () => store.getOrAlloc(parent, type, { refuse: random.oneIn(12) }));
    else if (choice < 55) this.#create(type, parent, () => store.alloc(parent, type, { refuse: random.oneIn(12) }));
    else if (choice < 80) store.free(parent, type);
    else if (choice < 86) store.freeObject(parent);
    else if (choice < 92) this.#cursor(type);
    else if (choice < 97) this.#many(type);
    else if (this.#data.walks) this.#walk(type);
  }

  #create(type: PayloadType, parent: Parent, create: () => PayloadView): void {
    let view: PayloadView;
    try {
      view = create();
    } catch (error) {
      if (error instanceof Refusal || (error instanceof ShadowError && error.code === 'ERR_SHADOW_EXISTS')) return;
      throw error;
    }
    this.#see(type, parent, view);
    view.add('touched', 1);
  }

  #see(type: PayloadType, parent: Parent, view: PayloadView | undefined): void {
    if (view === undefined) return;
    const serial = verify(this.#ledger, type.id, parent, view);
    this.#held[this.#random.below(HELD)] = { view, parent, type, serial };
  }

  #cursor(type: PayloadType): void {
    const cursor = this.#store.cursor(type);
    for (let i = 0; i < 4; i++) {
      const parent = this.#random.pick(this.#parents);
      if (cursor.find(parent)) verify(this.#ledger, type.id, parent, cursor);
    }
  }

  #many(type: PayloadType): void {
    const some = Array.from({ length: this.#random.below(50) }, () => this.#random.pick(this.#parents));
    this.#store.getMany(some, type).forEach((view, i) => this.#see(type, some[i]!, view));
  }

  #walk(type: PayloadType): void {
    const random = this.#random;
    if (random.oneIn(4)) {
      this.#store.freeAll(type);
      return;
    }
    const seen = new Set<Parent>();
    for (const [parent, view] of this.#store.entries(type)) {
      // A name can vanish between the look-up of the view and that of the name; then its number stands for it.
      if (typeof parent === 'number' && parent >= 2 ** 52) continue;
      const serial = verify(this.#ledger, type.id, parent, view);
      if (seen.has(parent) && this.#held.some((held) => held?.serial === serial)) throw new Error(`entries gave serial ${serial} twice`);
      seen.add(parent);
      if (random.oneIn(10)) this.#store.safepoint();
      if (random.oneIn(30)) break;
    }
  }

  /** A view is right or stale, however old it is. */
  #useHeld(): void {
    const index = this.#random.below(HELD);
    const held = this.#held[index];
    if (held === undefined) return;
    try {
      const serial = verify(this.#ledger, held.type.id, held.parent, held.view);
      if (serial !== held.serial) throw new Error(`a view of serial ${held.serial} shows serial ${serial}`);
    } catch (error) {
      if (!(error instanceof ShadowError) || error.code !== 'ERR_SHADOW_STALE_VIEW') throw error;
      this.#stale.push(held.serial);
      this.#held[index] = undefined;
    }
  }

  #reattach(): void {
    this.#held = [];
    if (this.#store !== this.#task.store) this.#store[Symbol.dispose]();
    this.#store = ShadowStore.attach(this.#task.handle);
  }
}

await work<ChurnData, ChurnResult>((task) => new Churner(task).run());
