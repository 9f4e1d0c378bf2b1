/**
 * Measures peers against each other: fills them, starts the workers with their requests, and lets them run in rounds, one peer right
 * after the other and the other way round in the next round. A rate is millions of requests per second of all workers of a round.
 */
import type { MessagePort } from 'node:worker_threads';
import { millionsPerSecond, WorkerCrew } from '../barrier.js';
import type { Settings } from '../figures.js';
import type { PeersData } from '../peers-bodies.js';
import { loadPeer, type PeerName } from './catalog.js';
import type { Host, HostOptions, Requests } from './peer.js';

const BODIES = new URL('../peers-bodies.js', import.meta.url);

interface DuelSide {
  readonly name: PeerName;
  /** Requests of a worker from one look at the clock to the next. */
  readonly requestsPerCall: number;
}

export interface Duel {
  readonly sides: readonly DuelSide[];
  readonly host: HostOptions;
  /** Numbers of workers to compare. */
  readonly counts: readonly number[];
  /** One for each worker. */
  readonly requests: readonly Requests[];
  /** Rounds of no length: each worker does `requestsPerCall` requests in each, whatever time it takes. */
  readonly settings: Settings;
}

/** Rates by number of workers, side and round. */
export type DuelRates = ReadonlyMap<number, readonly (readonly number[])[]>;

export async function runDuel({ sides, host, counts, requests, settings }: Duel): Promise<DuelRates> {
  const hosts: Host[] = [];
  try {
    for (const { name } of sides) hosts.push(await (await loadPeer(name)).host(host));
    const data: PeersData = { sides: sides.map((side, index) => ({ ...side, handle: hosts[index]!.handle })), requests };
    const crew = await WorkerCrew.start(requests.length, BODIES, data, connect(hosts, requests.length));
    try {
      return await runRounds(crew, sides.length, counts, settings);
    } finally {
      await crew.end();
    }
  } finally {
    for (const each of hosts) await each.close();
  }
}

/** A port for each worker, if one of the sides speaks through ports. */
function connect(hosts: readonly Host[], workers: number): MessagePort[] {
  const owner = hosts.find((host) => host.connect !== undefined);
  return owner === undefined ? [] : Array.from({ length: workers }, () => owner.connect!());
}

async function runRounds(crew: WorkerCrew, sides: number, counts: readonly number[], settings: Settings): Promise<DuelRates> {
  const order = Array.from({ length: sides }, (_, side) => side);
  const rates = new Map(counts.map((count) => [count, order.map((): number[] => [])]));
  for (let round = -settings.warmupRounds; round < settings.rounds; round++) {
    for (const count of counts) {
      for (const side of round % 2 === 0 ? order : order.toReversed()) {
        const rate = millionsPerSecond(await crew.round(count, side, settings.milliseconds));
        if (round >= 0) rates.get(count)![side]!.push(rate);
      }
    }
  }
  return rates;
}
