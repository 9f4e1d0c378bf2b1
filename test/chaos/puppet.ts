/**
 * A puppet: a worker thread that does one order after another on a store, stops at a protocol step if it was told to, and may be killed there. It never
 * returns to its event loop, so nothing happens in it that nobody ordered. Runs from a chaos build, as a bundle.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

import { Berth, writeAnswer } from './berth.js';
import { onStep } from './hook.js';
import { operationNamed } from './catalogue.js';
import { linger, probe } from './operation.js';
import { type Order } from './order.js';
import { observe, World } from './world.js';

const words = new Int32Array((workerData as { readonly berth: SharedArrayBuffer }).berth);
const port = parentPort as unknown as MessagePort;
let world: World | undefined;

function tell(state: number): void {
  Atomics.store(words, Berth.STATE, state);
  Atomics.notify(words, Berth.STATE);
}

onStep((step) => {
  if (words[Berth.RECORDING] === 1) words[Berth.HITS + step]!++;
  if (words[Berth.STEP] !== step || --words[Berth.HIT]! !== 0) return;
  words[Berth.STEP] = 0;
  const resumed = Atomics.load(words, Berth.RESUME);
  tell(Berth.PARKED);
  if (words[Berth.FATE] === Berth.FATE_EXIT) process.exit(3);
  if (words[Berth.FATE] === Berth.FATE_THROW) throw new Error('an error that nobody catches');
  while (Atomics.load(words, Berth.RESUME) === resumed) Atomics.wait(words, Berth.RESUME, resumed);
  tell(Berth.RUNNING);
});

function obey(order: Order): string {
  if (order.kind === 'attach') {
    observe(order.handle, order.ledger);
    world = World.attach(order.handle, order.colliding);
    words[Berth.SLOT] = world.store.internals.slot + 1;
    return '';
  }
  if (world === undefined) throw new Error(`${order.kind} comes before attach`);
  if (order.kind === 'detach') {
    world.store[Symbol.dispose]();
    world = undefined;
    return '';
  }
  if (order.kind === 'linger') {
    linger(world);
    return '';
  }
  const operation = operationNamed(order.operation);
  if (order.kind === 'arm') operation.arm?.(world);
  else if (order.kind === 'run') operation.run(world);
  else probe(operation, world);
  if (order.kind === 'probe') world.store.safepoint();
  return '';
}

for (let seen = 0; ; seen++) {
  if (seen === 0) tell(Berth.READY);
  while (Atomics.load(words, Berth.ORDER) === seen) Atomics.wait(words, Berth.ORDER, seen);
  tell(Berth.RUNNING);
  const received = receiveMessageOnPort(port) as { readonly message: Order };
  try {
    writeAnswer(words, obey(received.message));
    tell(Berth.DONE);
  } catch (error) {
    if (words[Berth.FATE] === Berth.FATE_THROW) throw error;
    writeAnswer(words, error instanceof Error ? (error.stack ?? error.message) : String(error));
    tell(Berth.FAILED);
  }
}
