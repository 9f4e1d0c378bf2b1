import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { WorkerCrew } from '../../bench/barrier.js';
import { createPopulation } from '../../bench/keys.js';
import { loadPeer, PEERS, whyAbsent, type PeerName } from '../../bench/peers/catalog.js';
import { readsOf, type Generation, type Host, type Requests } from '../../bench/peers/peer.js';
import { createRequests, drawnFor, startOf } from '../../bench/peers/requests.js';
import { initialReads } from '../../bench/subjects.js';
import type { PeersData } from '../../bench/peers-bodies.js';
import type { PeersStepsData, Stretch } from './peers-steps.js';
import { startRespServer, type RespServer } from './resp-server.js';

const { present, absent } = createPopulation('sparse', 200);
const WORKERS = 2;

let redis: RespServer;

before(async () => {
  redis = await startRespServer();
});

after(() => redis.close());

/** Requests as text, such as `get`, in stretches that run one by one. */
class Script {
  readonly #keys: number[] = [];
  readonly #sets: number[] = [];
  readonly stretches: Stretch[] = [];

  /** Adds a stretch; returns its number. */
  add(generation: Generation, ...requests: readonly (readonly ['get' | 'set', number])[]): number {
    const from = this.#keys.length;
    for (const [kind, key] of requests) {
      this.#keys.push(key);
      this.#sets.push(kind === 'set' ? 1 : 0);
    }
    return this.stretches.push({ from, to: this.#keys.length, generation }) - 1;
  }

  get requests(): Requests {
    return { keys: this.#keys, sets: Uint8Array.from(this.#sets), values: Uint16Array.from(this.#keys, initialReads) };
  }
}

interface Stage {
  readonly host: Host;
  /** What the gets of a stretch find in each of the first `workers` workers. */
  readonly run: (stretch: number, workers?: number) => Promise<number[]>;
}

async function onStage(name: PeerName, { requests, stretches }: Script, act: (stage: Stage) => Promise<void>): Promise<void> {
  const host = await (await loadPeer(name)).host({ keys: present, capacity: 2 * present.length, address: redis.url });
  try {
    const data: PeersStepsData = { name, handle: host.handle, requests, stretches };
    const ports = host.connect === undefined ? [] : Array.from({ length: WORKERS }, () => host.connect!());
    const crew = await WorkerCrew.start(WORKERS, new URL('./peers-steps.js', import.meta.url), data, ports);
    try {
      const run = async (stretch: number, workers = 1): Promise<number[]> =>
        (await crew.round(workers, stretch, 0)).map((round) => round.operations);
      await act({ host, run });
    } finally {
      await crew.end();
    }
  } finally {
    await host.close();
  }
}

for (const name of PEERS) {
  const why = whyAbsent(name, 'redis://somewhere');
  test(`${name} finds what was there, what is set and set again, and nothing else`, { skip: why ?? false }, async () => {
    const [key, other] = [present[0]!, present[1]!];
    const missing = absent[0]!;
    const script = new Script();
    const getAll = script.add(0, ...present.map((each) => ['get', each] as const));
    const getMissing = script.add(0, ['get', missing]);
    const set = script.add(1, ['set', key]);
    const get = script.add(0, ['get', key]);
    const setBack = script.add(0, ['set', key]);
    const create = script.add(1, ['set', missing]);
    const inOrder = script.add(1, ['get', other], ['set', other], ['get', other], ['get', missing]);
    await onStage(name, script, async ({ run }) => {
      const sum = present.reduce((total, each) => total + initialReads(each), 0);
      assert.deepEqual(await run(getAll, WORKERS), [sum, sum]);
      assert.deepEqual(await run(getMissing), [0]);
      assert.deepEqual(await run(set), [0]);
      const shown = readsOf(initialReads(key), 1);
      assert.deepEqual(await run(get, WORKERS), [shown, name === 'Map' ? initialReads(key) : shown]);
      await run(setBack);
      assert.deepEqual(await run(get), [initialReads(key)]);
      await run(create);
      assert.deepEqual(await run(getMissing), [readsOf(initialReads(missing), 1)]);
      const expected = initialReads(other) + readsOf(initialReads(other), 1) + readsOf(initialReads(missing), 1);
      assert.deepEqual(await run(inOrder), [expected]);
    });
  });

  test(`${name} does as many requests as it is given, however many that are`, { skip: why ?? false }, async () => {
    const script = new Script();
    // More than are in flight or in a batch, and no multiple of it; worker_map takes its time for each.
    const many = Array.from({ length: 133 }, (_, i) => present[i % present.length]!);
    const mixed = script.add(1, ...many.flatMap((key) => [['set', key] as const, ['get', key] as const]));
    await onStage(name, script, async ({ run }) => {
      assert.deepEqual(await run(mixed), [many.reduce((total, key) => total + readsOf(initialReads(key), 1), 0)]);
    });
  });
}

test('sides that find different things are refused before anything is measured', async () => {
  const requests = createRequests(0, present, new Uint8Array(present.length));
  const sidesOf = (...handles: readonly (readonly number[])[]): PeersData => ({
    sides: handles.map((handle) => ({ name: 'Map', handle, requestsPerCall: 1 })),
    requests: [requests],
  });
  const start = (data: PeersData): Promise<WorkerCrew> =>
    WorkerCrew.start(1, new URL('../../bench/peers-bodies.js', import.meta.url), data);
  await (await start(sidesOf(present, present))).end();
  await assert.rejects(start(sidesOf(present, present.slice(1))), /same work: Map found \d+ and \d+, Map found \d+ and \d+/);
});

test("the first worker's requests begin with gets of what its check has set", () => {
  const keys = Array.from({ length: drawnFor(0, 3) }, (_, i) => i);
  const sets = new Uint8Array(keys.length).fill(1);
  const first = createRequests(0, keys, sets);
  const start = startOf(0);
  assert.equal(first.keys.length, start + 3);
  assert.deepEqual(first.keys.slice(0, start / 2), first.keys.slice(start / 2, start));
  assert.ok(first.sets.subarray(0, start / 2).every((set) => set === 1));
  assert.ok(first.sets.subarray(start / 2, start).every((set) => set === 0));
  assert.deepEqual(first.keys.slice(start), keys.slice(start / 2));
  assert.deepEqual([...first.sets.subarray(start)], [1, 1, 1]);
  const second = createRequests(1, keys, sets);
  assert.deepEqual([startOf(1), second.keys, second.sets], [0, keys, sets]);
});

test('lmdb and Redis leave nothing behind', async () => {
  let path = '';
  await onStage('lmdb', new Script(), ({ host }) => {
    ({ path } = host.handle as { path: string });
    assert.ok(existsSync(path));
    return Promise.resolve();
  });
  assert.equal(existsSync(path), false);
  await onStage('redis', new Script(), () => {
    assert.equal(redis.entries.size, present.length);
    return Promise.resolve();
  });
  assert.equal(redis.entries.size, 0);
});

test('a Redis that does not answer is an error', async () => {
  const peer = await loadPeer('redis');
  await assert.rejects(async () => peer.host({ keys: present, capacity: present.length, address: 'redis://127.0.0.1:1' }), /ECONNREFUSED/);
});

test('a peer that cannot take part says why', () => {
  assert.match(whyAbsent('redis', undefined) ?? '', /--redis URL/);
  assert.equal(whyAbsent('redis', redis.url), undefined);
  assert.equal(whyAbsent('lmdb', undefined), undefined);
});
