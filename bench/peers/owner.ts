/**
 * A Map that one worker owns and the others reach by `postMessage`, each through a port of its own, which keeps requests and answers in
 * order. Two ways of use, with as many requests in flight:
 *
 * - `ownerPeer`: a message per request, 64 in flight. A get is its key, its answer the value; a set is a tuple, its answer empty.
 * - `ownerBatchPeer`: 64 requests per message, as rows of numbers, and one message in flight, for programs that have so many at once.
 */
import { once } from 'node:events';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { Tally } from '../subjects.js';
import { readsOf, type Client, type Generation, type Host, type HostOptions, type Peer, type Requests } from './peer.js';

/** A get, a set, or a batch: rows of REQUEST_WIDTH numbers, of which the first is the key, or −1 − key for a set. */
export type OwnerRequest = number | readonly [key: number, reads: number, writes: number, total: number] | Float64Array;

export const REQUEST_WIDTH = 4;
export const ANSWER_WIDTH = 3;

const IN_FLIGHT = 64;

export const ownerPeer: Peer = { host: startOwner, attach: (_handle, requests, port) => new OwnerClient(port!, requests) };
export const ownerBatchPeer: Peer = { host: startOwner, attach: (_handle, requests, port) => new OwnerBatchClient(port!, requests) };

async function startOwner({ keys }: HostOptions): Promise<Host> {
  const worker = new Worker(new URL('./owner-worker.js', import.meta.url), { workerData: keys });
  await once(worker, 'message');
  return {
    handle: undefined,
    connect: () => {
      const { port1, port2 } = new MessageChannel();
      worker.postMessage(port1, [port1]);
      return port2;
    },
    close: async () => {
      await worker.terminate();
    },
  };
}

/** One call of `run`: sends what fits, and settles when everything is answered. */
abstract class PortClient<Answer> implements Client {
  protected readonly requests: Requests;
  protected at = 0;
  protected end = 0;
  protected generation: Generation = 0;
  readonly #port: MessagePort;
  #unanswered = 0;
  #sum = 0;
  #finish: ((sum: number) => void) | undefined;

  constructor(port: MessagePort, requests: Requests) {
    this.#port = port;
    this.requests = requests;
    port.on('message', (answer: Answer) => {
      this.#sum = (this.#sum + this.read(answer)) | 0;
      this.#unanswered--;
      if (this.at < this.end) this.#send();
      else if (this.#unanswered === 0) this.#finish?.(this.#sum);
    });
  }

  run(from: number, to: number, generation: Generation): Promise<number> {
    this.at = from;
    this.end = to;
    this.generation = generation;
    this.#sum = 0;
    return new Promise((resolve) => {
      this.#finish = resolve;
      while (this.#unanswered < this.messagesInFlight && this.at < this.end) this.#send();
    });
  }

  protected abstract readonly messagesInFlight: number;
  /** The next message; moves `at` on. */
  protected abstract next(): OwnerRequest;
  /** What the gets of an answer have found. */
  protected abstract read(answer: Answer): number;

  #send(): void {
    this.#unanswered++;
    this.#port.postMessage(this.next());
  }
}

class OwnerClient extends PortClient<Tally | undefined> {
  protected override readonly messagesInFlight = IN_FLIGHT;

  protected override next(): OwnerRequest {
    const { keys, sets, values } = this.requests;
    const i = this.at++;
    if (sets[i] === 0) return keys[i]!;
    const reads = readsOf(values[i]!, this.generation);
    return [keys[i]!, reads, reads, reads];
  }

  protected override read(answer: Tally | undefined): number {
    return answer?.reads ?? 0;
  }
}

class OwnerBatchClient extends PortClient<Float64Array> {
  protected override readonly messagesInFlight = 1;
  readonly #rows = new Float64Array(IN_FLIGHT * REQUEST_WIDTH);

  protected override next(): OwnerRequest {
    const { keys, sets, values } = this.requests;
    const count = Math.min(IN_FLIGHT, this.end - this.at);
    const rows = count === IN_FLIGHT ? this.#rows : new Float64Array(count * REQUEST_WIDTH);
    for (let row = 0; row < rows.length; row += REQUEST_WIDTH) {
      const i = this.at++;
      if (sets[i] === 0) {
        rows[row] = keys[i]!;
        continue;
      }
      const reads = readsOf(values[i]!, this.generation);
      rows[row] = -1 - keys[i]!;
      rows.fill(reads, row + 1, row + REQUEST_WIDTH);
    }
    return rows;
  }

  protected override read(answers: Float64Array): number {
    let sum = 0;
    for (let at = 0; at < answers.length; at += ANSWER_WIDTH) sum = (sum + answers[at]!) | 0;
    return sum;
  }
}
