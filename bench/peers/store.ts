/**
 * The shadow store, with a cursor per worker and a safepoint every 256 requests. Two ways to set:
 *
 * - `storePeer`: `update`, which changes all 16 bytes as one, under the variable's lock, as every peer does.
 * - `storeByFieldPeer`: assigns the fields one after the other, for values whose fields need not change together.
 */
import { ShadowStore } from '../../src/shadow/store.js';
import { SAFEPOINT_INTERVAL } from '../contest.js';
import { createFilledStore, tally, type Tally } from '../subjects.js';
import { readsOf, type Client, type Generation, type Host, type HostOptions, type Peer, type Requests } from './peer.js';

export const storePeer: Peer = {
  host: createHost,
  attach: (handle, requests) => new UpdateClient(ShadowStore.attach(handle as ShadowStore['handle']), requests),
};

export const storeByFieldPeer: Peer = {
  host: createHost,
  attach: (handle, requests) => new FieldClient(ShadowStore.attach(handle as ShadowStore['handle']), requests),
};

function createHost({ keys, capacity }: HostOptions): Host {
  const store = createFilledStore(keys, capacity);
  return {
    handle: store.handle,
    close: () => {
      store[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

const openCursor = (store: ShadowStore) => store.cursor(tally);
type TallyCursor = ReturnType<typeof openCursor>;

abstract class StoreClient implements Client {
  readonly #store: ShadowStore;
  readonly #cursor: TallyCursor;
  readonly #requests: Requests;

  constructor(store: ShadowStore, requests: Requests) {
    this.#store = store;
    this.#cursor = openCursor(store);
    this.#requests = requests;
  }

  run(from: number, to: number, generation: Generation): number {
    const { keys, sets, values } = this.#requests;
    const cursor = this.#cursor;
    let sum = 0;
    for (let start = from; start < to; start += SAFEPOINT_INTERVAL) {
      const end = Math.min(start + SAFEPOINT_INTERVAL, to);
      for (let i = start; i < end; i++) {
        if (sets[i] === 0) {
          if (cursor.find(keys[i]!)) sum = (sum + cursor.reads) | 0;
        } else this.#set(keys[i]!, readsOf(values[i]!, generation));
      }
      this.#store.safepoint();
    }
    return sum;
  }

  protected abstract assign(cursor: TallyCursor, reads: number): void;

  #set(key: number, reads: number): void {
    const cursor = this.#cursor;
    if (!cursor.find(key)) this.#create(key);
    this.assign(cursor, reads);
  }

  #create(key: number): void {
    this.#store.getOrAlloc(key, tally);
    if (!this.#cursor.find(key)) throw new Error(`${key} is gone again`);
  }
}

class UpdateClient extends StoreClient {
  #reads = 0;
  readonly #change = (draft: Tally): void => {
    draft.reads = this.#reads;
    draft.writes = this.#reads;
    draft.total = this.#reads;
  };

  protected override assign(cursor: TallyCursor, reads: number): void {
    this.#reads = reads;
    cursor.update(this.#change);
  }
}

class FieldClient extends StoreClient {
  protected override assign(cursor: TallyCursor, reads: number): void {
    cursor.reads = reads;
    cursor.writes = reads;
    cursor.total = reads;
  }
}
