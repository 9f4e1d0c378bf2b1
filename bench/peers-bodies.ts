/**
 * What a worker of the suites `peers` and `traces` runs: each side drives one peer, all of them through the same requests.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Body } from './barrier.js';
import { CHUNK } from './contest.js';
import { loadPeer, type PeerName } from './peers/catalog.js';
import type { Client, Requests } from './peers/peer.js';
import { checksum, startOf } from './peers/requests.js';

export interface PeersSide {
  readonly name: PeerName;
  readonly handle: unknown;
  /** Of a body; the requests to be measured are a multiple of it. */
  readonly requestsPerCall: number;
}

export interface PeersData {
  readonly sides: readonly PeersSide[];
  /** One for each worker. */
  readonly requests: readonly Requests[];
}

export async function createBodies(data: unknown, index: number, port?: MessagePort): Promise<readonly Body[]> {
  const { sides, requests } = data as PeersData;
  const own = requests[index]!;
  const clients: Client[] = [];
  for (const { name, handle } of sides) clients.push(await (await loadPeer(name)).attach(handle, own, port));
  if (index === 0) await requireEqualWork(sides, clients);
  return clients.map((client, side) => createBody(client, startOf(index), own.keys.length, sides[side]!.requestsPerCall));
}

async function requireEqualWork(sides: readonly PeersSide[], clients: readonly Client[]): Promise<void> {
  const sums: string[] = [];
  for (const client of clients) sums.push(await checksum(client));
  if (new Set(sums).size === 1) return;
  throw new Error(`all sides must do the same work: ${sides.map(({ name }, side) => `${name} found ${sums[side]!}`).join(', ')}`);
}

/** Goes through the requests from `start` to `end` again and again, `perCall` at a time. */
function createBody(client: Client, start: number, end: number, perCall: number): Body {
  let at = start;
  let sink = 0;
  const runRest = async (from: number, to: number): Promise<void> => {
    for (let next = from; next < to; next += CHUNK) {
      const sum = await client.run(next, Math.min(next + CHUNK, to), 0);
      sink = sum ^ sink;
    }
  };
  return (() => {
    const from = at;
    const to = from + perCall;
    at = to === end ? start : to;
    const first = client.run(from, Math.min(from + CHUNK, to), 0);
    if (typeof first !== 'number') return first.then(() => runRest(from + CHUNK, to)).then(() => perCall);
    sink = first ^ sink;
    for (let next = from + CHUNK; next < to; next += CHUNK) sink = (client.run(next, Math.min(next + CHUNK, to), 0) as number) ^ sink;
    return perCall;
  }) as Body;
}
