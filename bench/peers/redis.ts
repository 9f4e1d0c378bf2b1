/**
 * Redis at a given URL by npm `redis`: GET and SET of 16-byte values, 64 in flight per worker on its one connection, which the client
 * sends as pipelines. Keys have a prefix of this process and are unlinked at the end.
 */
import { createClient, RESP_TYPES } from 'redis';
import { initialReads } from '../subjects.js';
import { readsOf, valuesOf, type Client, type Generation, type Peer, type Requests } from './peer.js';

interface RedisHandle {
  readonly url: string;
  readonly prefix: string;
}

const IN_FLIGHT = 64;
/** Keys per command when filling and clearing. */
const BATCH = 1000;

export const redisPeer: Peer = {
  async host({ keys, address }) {
    const handle: RedisHandle = { url: address!, prefix: `umbra-bench:${process.pid}:` };
    const connection = await connect(handle.url);
    const nameOf = (key: number): string => handle.prefix + String(key);
    await inBatches(keys, (batch) => connection.mSet(batch.map((key) => [nameOf(key), VALUES[initialReads(key)]!])));
    return {
      handle,
      close: async () => {
        for await (const names of connection.scanIterator({ MATCH: `${handle.prefix}*`, COUNT: BATCH })) {
          if (names.length > 0) await connection.unlink(names);
        }
        await connection.close();
      },
    };
  },
  async attach(handle, requests) {
    const { url, prefix } = handle as RedisHandle;
    return new RedisClient(await connect(url), prefix, requests);
  },
};

const VALUES = valuesOf((reads) => {
  const value = Buffer.alloc(16);
  value.writeUInt32LE(reads, 0);
  value.writeUInt32LE(reads, 4);
  value.writeDoubleLE(reads, 8);
  return value;
});

async function connect(url: string) {
  // A server that does not answer is an error of the run; the client would go on trying.
  const client = createClient({ url, socket: { reconnectStrategy: false, connectTimeout: 2000 } });
  client.on('error', () => undefined); // told by the command that meets it
  await client.connect();
  return client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
}

type Connection = Awaited<ReturnType<typeof connect>>;

async function inBatches(keys: readonly number[], send: (batch: readonly number[]) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < keys.length; i += BATCH) await send(keys.slice(i, i + BATCH));
}

class RedisClient implements Client {
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #names: readonly string[];

  constructor(connection: Connection, prefix: string, requests: Requests) {
    this.#connection = connection;
    this.#requests = requests;
    this.#names = requests.keys.map((key) => prefix + String(key));
  }

  async run(from: number, to: number, generation: Generation): Promise<number> {
    let at = from;
    let sum = 0;
    const lane = async (): Promise<void> => {
      while (at < to) {
        const reads = await this.#do(at++, generation);
        sum = (sum + reads) | 0;
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
    return sum;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #do(index: number, generation: Generation): Promise<number> {
    const name = this.#names[index]!;
    if (this.#requests.sets[index] === 0) return (await this.#connection.get(name))?.readUInt32LE(0) ?? 0;
    await this.#connection.set(name, VALUES[readsOf(this.#requests.values[index]!, generation)]!);
    return 0;
  }
}
