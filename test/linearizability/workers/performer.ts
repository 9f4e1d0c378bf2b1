/**
 * Worker file: performs its share of each round that it is told of. A worker lasts for the whole run, its attachment for one round.
 */
import { parentPort, type MessagePort } from 'node:worker_threads';
import { Layout } from '../../../src/memory/layout.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { Random } from '../../concurrency/random.js';
import { performerWith } from '../faults.js';
import { Log } from '../log.js';
import { Kind } from '../operations.js';
import type { Performer } from '../performer.js';
import { type RoundPlan, SPLIT_WINDOW } from '../plan.js';
import { GO, type Order, type Reply } from '../crew.js';

/** Kinds in the proportion of their weights: drawing one is a look-up. */
function lottery({ weights }: RoundPlan): Uint8Array {
  return Uint8Array.from(weights.flatMap(([kind, weight]) => new Array<Kind>(weight).fill(kind)));
}

/** Performs what is left of a share of which so much was done. */
function perform(performer: Performer, plan: RoundPlan, index: number, done: number): void {
  const { groups, operations, safepointEvery, ballastEvery } = plan;
  const random = new Random(plan.seed + Math.imul(index + 1, 0x85ebca6b) + done);
  const { words } = performer.store.internals;
  const kinds = lottery(plan);
  for (let i = done; i < operations; i++) {
    const number = random.below(groups.length);
    const { first, keys } = groups[number]!;
    // Any key, or one of those whose buckets are being split.
    const split = words[Layout.BUCKET_COUNT]! - Layout.FIRST_BUCKETS - SPLIT_WINDOW / 2 + random.below(SPLIT_WINDOW);
    const key = first + (ballastEvery === 0 ? random.below(keys) : Math.min(Math.max(split, 0), keys - 1));
    const kind = kinds[random.below(kinds.length)]! as Kind;
    switch (kind) {
      case Kind.GET:
        performer.get(key);
        break;
      case Kind.ALLOC:
        performer.alloc(key);
        break;
      case Kind.GET_OR_ALLOC:
        performer.getOrAlloc(key);
        break;
      case Kind.ADD:
      case Kind.EXCHANGE:
        performer.change(kind, key);
        break;
      case Kind.FREE:
        performer.free(key);
        break;
      case Kind.FREE_ALL:
        performer.freeAll(number);
        break;
      default:
        throw new RangeError(`no worker performs an operation of kind ${kind}`);
    }
    if (ballastEvery !== 0 && i % ballastEvery === 0) performer.load(2 ** 30 + index * 2 ** 24 + i);
    if (i % safepointEvery === 0) performer.safepoint();
  }
}

function work({ plan, handle, logs, control: buffer, index }: Order, port: MessagePort): void {
  const answer = (reply: Reply): void => port.postMessage(reply);
  const control = new Int32Array(buffer);
  try {
    const log = new Log(logs, index);
    const done = log.count;
    const performer = new (performerWith(plan.fault))(plan, log, (plan.seed ^ index) + done, () => ShadowStore.attach(handle));
    answer({ kind: 'ready' });
    while (Atomics.load(control, GO) === 0) Atomics.wait(control, GO, 0);
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0; // refusals are thrown by the thousand, and their stacks cost more than everything else
    perform(performer, plan, index, done);
    Error.stackTraceLimit = stackTraceLimit;
    performer.store[Symbol.dispose]();
    answer({ kind: 'done' });
  } catch (error) {
    answer({ kind: 'error', error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

// Types are used without a registration on purpose, while they are collected: that warning would come in every such round.
process.removeAllListeners('warning');
const port = parentPort;
if (port !== null) port.on('message', (order: Order) => work(order, port));
