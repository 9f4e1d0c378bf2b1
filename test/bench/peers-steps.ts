/**
 * Bodies for the tests of the peers: body n runs stretch n of the requests, once, and tells what its gets have found.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Body } from '../../bench/barrier.js';
import { loadPeer, type PeerName } from '../../bench/peers/catalog.js';
import type { Generation, Requests } from '../../bench/peers/peer.js';

export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly generation: Generation;
}

export interface PeersStepsData {
  readonly name: PeerName;
  readonly handle: unknown;
  readonly requests: Requests;
  readonly stretches: readonly Stretch[];
}

export async function createBodies(data: unknown, _index: number, port?: MessagePort): Promise<readonly Body[]> {
  const { name, handle, requests, stretches } = data as PeersStepsData;
  const client = await (await loadPeer(name)).attach(handle, requests, port);
  return stretches.map(({ from, to, generation }) => (() => client.run(from, to, generation)) as Body);
}
