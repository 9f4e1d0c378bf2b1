/**
 * A Map of the worker's own: shares nothing, so a worker finds its own sets only. No rival, but what the machine allows a program that
 * needs no sharing.
 */
import { createFilledMap, type Tally } from '../subjects.js';
import { readsOf, type Client, type Generation, type Peer, type Requests } from './peer.js';

export const localMapPeer: Peer = {
  host: ({ keys }) => ({ handle: keys, close: () => Promise.resolve() }),
  attach: (handle, requests) => new LocalMapClient(createFilledMap(handle as readonly number[]), requests),
};

class LocalMapClient implements Client {
  readonly #map: Map<number, Tally>;
  readonly #requests: Requests;

  constructor(map: Map<number, Tally>, requests: Requests) {
    this.#map = map;
    this.#requests = requests;
  }

  run(from: number, to: number, generation: Generation): number {
    const { keys, sets, values } = this.#requests;
    const map = this.#map;
    let sum = 0;
    for (let i = from; i < to; i++) {
      const found = map.get(keys[i]!);
      if (sets[i] === 0) {
        if (found !== undefined) sum = (sum + found.reads) | 0;
        continue;
      }
      const reads = readsOf(values[i]!, generation);
      if (found === undefined) map.set(keys[i]!, { reads, writes: reads, total: reads });
      else {
        found.reads = reads;
        found.writes = reads;
        found.total = reads;
      }
    }
    return sum;
  }
}
