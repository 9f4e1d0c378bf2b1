/**
 * A sailor: a worker thread with the coordinator of a store, or one that follows it and runs tasks. Does what it is told, beside what patches have it do, and stops
 * at a protocol step if it was told to. Runs from a chaos build.
 */
import { parentPort, workerData } from 'node:worker_threads';

import { attach, currentVersion, task } from '../../src/livepatch/attach.js';
import { patchable } from '../../src/livepatch/functions.js';
import type { StoreHandle } from '../../src/memory/reservation.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { Berth, writeAnswer } from './berth.js';
import { haltAtSteps, tell } from './halt.js';
import { patchOperationNamed } from './operations-patch.js';
import { Deck, type Sailor, type SailorOrder } from './patch-operation.js';
import { PATCHES } from './patches.js';

const words = new Int32Array((workerData as { readonly berth: SharedArrayBuffer }).berth);

haltAtSteps(words);

class Hand implements Sailor {
  readonly deck: Int32Array;
  coordinator: PatchCoordinator | undefined;
  readonly #handle: StoreHandle;
  #store: ShadowStore | undefined;
  #run: ((hold: boolean) => Promise<string>) | undefined;

  constructor(handle: StoreHandle, deck: SharedArrayBuffer) {
    this.#handle = handle;
    this.deck = new Int32Array(deck);
  }

  get store(): ShadowStore {
    return (this.#store ??= ShadowStore.attach(this.#handle));
  }

  follow(): void {
    this.#store = attach(this.#handle).store;
    const { touch } = patchable('sessions', { touch: () => 'original' });
    const { deck } = this;
    const look = (): string => `${currentVersion()} ${touch()}`;
    this.#run = task(async (hold: boolean) => {
      const before = look();
      if (hold) Atomics.store(deck, Deck.HELD, 1);
      await new Promise((resolve) => setImmediate(resolve));
      while (hold && Atomics.load(deck, Deck.HOLD) === 1) await new Promise((resolve) => setTimeout(resolve, 1));
      const after = look();
      if (before !== after && !hold) throw new Error(`a task ran two versions: ${before}, then ${after}`);
      return touch();
    });
  }

  task(hold = false): Promise<string> {
    if (this.#run === undefined) throw new Error('a task comes before following');
    return this.#run(hold);
  }
}

let hand: Hand | undefined;

async function obey(order: SailorOrder): Promise<string> {
  if (order.kind === 'board') {
    hand = new Hand(order.handle, order.deck);
    return '';
  }
  if (hand === undefined) throw new Error(`${order.kind} comes before boarding`);
  switch (order.kind) {
    case 'coordinate':
      hand.coordinator = new PatchCoordinator(hand.store);
      return '';
    case 'follow':
      hand.follow();
      return hand.task();
    case 'hold':
      return hand.task(true);
    case 'task':
      return hand.task();
    case 'arm':
      await patchOperationNamed(order.operation)?.arm?.(hand);
      return '';
    case 'run':
      await patchOperationNamed(order.operation)?.run(hand);
      return '';
    case 'enable':
      await hand.coordinator!.enable({ code: PATCHES[order.patch]! });
      return '';
    case 'disable':
      await hand.coordinator!.disable(order.patch);
      return '';
    case 'patches':
      return hand.coordinator!.patches.map(({ name }) => name).join(' ');
  }
}

const port = parentPort!;
port.on('message', (order: SailorOrder) => {
  tell(words, Berth.RUNNING);
  obey(order).then(
    (answer) => {
      writeAnswer(words, answer);
      tell(words, Berth.DONE);
    },
    (error: unknown) => {
      writeAnswer(words, error instanceof Error ? (error.stack ?? error.message) : String(error));
      tell(words, Berth.FAILED);
    },
  );
});
tell(words, Berth.READY);
