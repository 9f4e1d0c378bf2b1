/**
 * A puppet: a worker thread that does one order after another on a store, stops at a protocol step if it was told to, and may be killed there. It
 * returns to its event loop only for an operation that needs that, so nothing happens in it that nobody ordered. Runs from a chaos build, as a bundle.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

import { Berth, writeAnswer } from './berth.js';
import { haltAtSteps, tell } from './halt.js';
import { operationNamed } from './catalogue.js';
import { linger, probe } from './operation.js';
import { type Order } from './order.js';
import { observe, World } from './world.js';

const words = new Int32Array((workerData as { readonly berth: SharedArrayBuffer }).berth);
const port = parentPort as unknown as MessagePort;
let world: World | undefined;

haltAtSteps(words);

/** Only what takes turns of the event loop returns a promise. */
function obey(order: Order): string | Promise<string> {
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
  if (order.kind === 'probe') {
    probe(operation, world);
    world.store.safepoint();
    return '';
  }
  const done = order.kind === 'arm' ? operation.arm?.(world) : operation.run(world);
  return done instanceof Promise ? done.then(() => '') : '';
}

async function serve(): Promise<never> {
  for (let seen = 0; ; seen++) {
    if (seen === 0) tell(words, Berth.READY);
    while (Atomics.load(words, Berth.ORDER) === seen) Atomics.wait(words, Berth.ORDER, seen);
    tell(words, Berth.RUNNING);
    const received = receiveMessageOnPort(port) as { readonly message: Order };
    try {
      const answer = obey(received.message);
      writeAnswer(words, typeof answer === 'string' ? answer : await answer);
      tell(words, Berth.DONE);
    } catch (error) {
      if (words[Berth.FATE] === Berth.FATE_THROW) throw error;
      writeAnswer(words, error instanceof Error ? (error.stack ?? error.message) : String(error));
      tell(words, Berth.FAILED);
    }
  }
}

void serve();
