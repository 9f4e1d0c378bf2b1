/**
 * npm `worker_map`: one JSON text in shared memory, which every get parses and every set writes anew, so it is for small maps. Not a
 * dependency; used where it is installed.
 */
import { createRequire } from 'node:module';
import { initialReads, sharedMapText } from '../subjects.js';
import { readsOf, valuesOf, type Client, type Generation, type Peer, type Requests } from './peer.js';

interface WorkerMap {
  get(key: string): string | undefined;
  set(key: string, value: string): boolean;
  toSharedBuffer(): SharedArrayBuffer;
}

type WorkerMapClass = new (from: SharedArrayBuffer | Readonly<Record<string, string>>) => WorkerMap;

export const workerMapPeer: Peer = {
  host({ keys }) {
    const map = new (loadWorkerMap())(Object.fromEntries(keys.map((key) => [String(key), sharedMapText(initialReads(key))])));
    return { handle: map.toSharedBuffer(), close: () => Promise.resolve() };
  },
  attach: (handle, requests) => new WorkerMapClient(new (loadWorkerMap())(handle as SharedArrayBuffer), requests),
};

function loadWorkerMap(): WorkerMapClass {
  return (createRequire(import.meta.url)('worker_map') as { WorkerMap: WorkerMapClass }).WorkerMap;
}

class WorkerMapClient implements Client {
  readonly #map: WorkerMap;
  readonly #requests: Requests;
  readonly #keys: readonly string[];
  readonly #texts = valuesOf(sharedMapText);

  constructor(map: WorkerMap, requests: Requests) {
    this.#map = map;
    this.#requests = requests;
    this.#keys = requests.keys.map(String);
  }

  run(from: number, to: number, generation: Generation): number {
    const { sets, values } = this.#requests;
    let sum = 0;
    for (let i = from; i < to; i++) {
      if (sets[i] === 0) sum = (sum + Number(this.#map.get(this.#keys[i]!)?.slice(4) ?? 0)) | 0;
      else this.#map.set(this.#keys[i]!, this.#texts[readsOf(values[i]!, generation)]!);
    }
    return sum;
  }
}
