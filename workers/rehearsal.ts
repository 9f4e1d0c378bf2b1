/**
 * The worker of a rehearsal (umbra/testing): imports the worker file of a workload as a pool would, runs its tasks by message, and tells of
 * each which versions of which functions it ran. It can be held: then one more task of its own is in flight until it is released.
 */
import { type MessagePort, parentPort } from 'node:worker_threads';

import { messageOf } from '../src/errors.js';
import { attach, task } from '../src/worker.js';
import { decorateFunctions } from '../src/livepatch/decoration.js';
import type { Order, Reply, Setup } from '../src/testing/protocol.js';
import { Witness } from '../src/testing/witness.js';

let port: MessagePort | undefined;
let release: () => void = () => undefined;

// Before the workload declares its functions.
const witness = new Witness((calls) => {
  reply({ kind: 'stray', calls });
});
decorateFunctions(witness);

function reply(message: Reply): void {
  port?.postMessage(message);
}

const held = task(
  () =>
    new Promise<void>((resolve) => {
      release = resolve;
      reply({ kind: 'held' });
    }),
  { name: 'held by the rehearsal' },
);

function run(handler: (input: unknown) => unknown, serial: number, input: unknown): void {
  void witness.attend(
    () => handler(input),
    (result, error, calls) => {
      const failure = error === undefined ? null : messageOf(error);
      try {
        reply({ kind: 'done', serial, failure, result, calls });
      } catch (cause) {
        reply({ kind: 'done', serial, failure: `its result cannot be sent: ${messageOf(cause)}`, result: undefined, calls });
      }
    },
  );
}

/** Nothing is in flight. The slot is given back, so that one which is still taken afterwards is somebody else's fault. */
function end(): void {
  try {
    attach().store[Symbol.dispose]();
  } catch (error) {
    reply({ kind: 'failed', message: messageOf(error) });
  }
  process.exit(0);
}

function follow(order: Order, handler: (input: unknown) => unknown): void {
  switch (order.kind) {
    case 'task':
      run(handler, order.serial, order.input);
      return;
    case 'hold':
      held(undefined).catch((error: unknown) => {
        reply({ kind: 'failed', message: messageOf(error) });
      });
      return;
    case 'release':
      release();
      return;
    case 'end':
      end();
  }
}

async function start({ filename, exportName, handle, port: given }: Setup): Promise<void> {
  port = given;
  try {
    attach(handle);
    const module = (await import(filename)) as Record<string, unknown>;
    const handler = module[exportName];
    if (typeof handler !== 'function') throw new TypeError(`it exports no function as ${exportName}`);
    given.on('message', (order: Order) => {
      follow(order, handler as (input: unknown) => unknown);
    });
    reply({ kind: 'ready' });
  } catch (error) {
    reply({ kind: 'failed', message: messageOf(error) });
  }
}

parentPort!.once('message', (setup: Setup) => void start(setup));
