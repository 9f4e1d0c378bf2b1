/**
 * npm `sharedmap`: keys are their decimal texts, made beforehand; a value is 8 digits, 16 bytes of UTF-16, also made beforehand. Filled
 * under its exclusive lock, which is its fastest way; two slots per key, because its table never grows.
 */
import { createFilledSharedMap, openSharedMap, sharedMapText, type SharedMap } from '../subjects.js';
import { readsOf, valuesOf, type Client, type Generation, type Peer, type Requests } from './peer.js';

const SLOTS_PER_KEY = 2;
const ZERO = 48;

export const sharedMapPeer: Peer = {
  host({ keys, capacity }) {
    const map = createFilledSharedMap(keys, (SLOTS_PER_KEY * capacity) / keys.length);
    return { handle: map, close: () => Promise.resolve() };
  },
  attach: (handle, requests) => new SharedMapClient(openSharedMap(handle), requests),
};

class SharedMapClient implements Client {
  readonly #map: SharedMap;
  readonly #requests: Requests;
  readonly #keys: readonly string[];
  readonly #texts = valuesOf(sharedMapText);

  constructor(map: SharedMap, requests: Requests) {
    this.#map = map;
    this.#requests = requests;
    this.#keys = requests.keys.map(String);
  }

  run(from: number, to: number, generation: Generation): number {
    const { sets, values } = this.#requests;
    const keys = this.#keys;
    const map = this.#map;
    let sum = 0;
    for (let i = from; i < to; i++) {
      if (sets[i] === 0) {
        const text = map.get(keys[i]!);
        if (text !== undefined) sum = (sum + parseReads(text)) | 0;
      } else map.set(keys[i]!, this.#texts[readsOf(values[i]!, generation)]!);
    }
    return sum;
  }
}

/** The last four of the eight digits. */
function parseReads(text: string): number {
  const digit = (index: number): number => text.charCodeAt(index) - ZERO;
  return digit(4) * 1000 + digit(5) * 100 + digit(6) * 10 + digit(7);
}
