/**
 * npm `lmdb`: one environment in a temporary folder, opened in each worker, used as a cache would be: nothing waits for the disk
 * (`noSync`), pages are written in place of being copied out (`useWritemap`), values are 16 bytes as they are, and a get lends the
 * value from a reused buffer (`getBinaryFast`).
 *
 * Transactions are the price of a set, so a call of `run` writes all its sets in one, at its end; a get in between finds those that wait
 * for it in a Map. Measured here, one transaction per set costs five times as much, and `put()`, which writes in a thread of its own, two
 * to seven times.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { initialReads } from '../subjects.js';
import { readsOf, type Client, type Generation, type Peer, type Requests } from './peer.js';

interface LmdbHandle {
  readonly path: string;
  readonly mapSize: number;
}

type Database = RootDatabase<Buffer, number>;

const VALUE_BYTES = 16;
/** Room for pages that readers still see; what is not touched costs nothing. */
const MAP_BYTES = 2 ** 28;
const MAP_BYTES_PER_KEY = 512;

export const lmdbPeer: Peer = {
  host({ keys, capacity }) {
    const path = mkdtempSync(join(tmpdir(), 'umbra-bench-lmdb-'));
    const handle: LmdbHandle = { path, mapSize: MAP_BYTES + capacity * MAP_BYTES_PER_KEY };
    const database = openDatabase(handle);
    const value = Buffer.alloc(VALUE_BYTES);
    database.transactionSync(() => {
      for (const key of keys) database.putSync(key, writeReads(value, initialReads(key)));
    });
    return {
      handle,
      close: async () => {
        await database.close();
        rmSync(path, { recursive: true });
      },
    };
  },
  attach: (handle, requests) => new LmdbClient(openDatabase(handle as LmdbHandle), requests),
};

function openDatabase({ path, mapSize }: LmdbHandle): Database {
  return open<Buffer, number>({ path, mapSize, encoding: 'binary', noSync: true, useWritemap: true, overlappingSync: false });
}

function writeReads(value: Buffer, reads: number): Buffer {
  value.writeUInt32LE(reads, 0);
  value.writeUInt32LE(reads, 4);
  value.writeDoubleLE(reads, 8);
  return value;
}

class LmdbClient implements Client {
  readonly #database: Database;
  readonly #requests: Requests;
  readonly #value = Buffer.alloc(VALUE_BYTES);
  /** Sets of this call that are still to be written: their positions, and what gets have to find. */
  readonly #waiting: number[] = [];
  readonly #waitingReads = new Map<number, number>();

  constructor(database: Database, requests: Requests) {
    this.#database = database;
    this.#requests = requests;
  }

  run(from: number, to: number, generation: Generation): number {
    const { keys, sets, values } = this.#requests;
    const waiting = this.#waitingReads;
    // Nothing here returns to the event loop, where lmdb would move on to the newest snapshot.
    this.#database.resetReadTxn();
    let sum = 0;
    for (let i = from; i < to; i++) {
      if (sets[i] === 0) {
        const reads = (waiting.size > 0 ? waiting.get(keys[i]!) : undefined) ?? this.#get(keys[i]!);
        sum = (sum + reads) | 0;
      } else {
        this.#waiting.push(i);
        waiting.set(keys[i]!, readsOf(values[i]!, generation));
      }
    }
    if (this.#waiting.length > 0) this.#write(generation);
    return sum;
  }

  #get(key: number): number {
    return this.#database.getBinaryFast(key)?.readUInt32LE(0) ?? 0;
  }

  #write(generation: Generation): void {
    const { keys, values } = this.#requests;
    this.#database.transactionSync(() => {
      for (const i of this.#waiting) this.#database.putSync(keys[i]!, writeReads(this.#value, readsOf(values[i]!, generation)));
    });
    this.#waiting.length = 0;
    this.#waitingReads.clear();
  }
}
