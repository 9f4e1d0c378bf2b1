/** Generated input: deterministic for a seed, and of the shape that its workload and distribution promise. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createDistribution, Zipfian, ZIPFIAN_CONSTANT } from '../../src/cli/distribution.js';
import { type Input, forEachAccess, READ, READ_MODIFY_WRITE, requestCount, SCAN, WRITE } from '../../src/cli/input.js';
import { permutation, Random } from '../../src/cli/random.js';
import { FIELD_BYTES, generateWorkload, MAX_SCAN, RECORD_BYTES, type WorkloadName } from '../../src/cli/workload.js';

const REQUESTS = 40_000;
const RECORDS = 1000;

function generate(workload: WorkloadName, seed = 7): Input {
  return generateWorkload({ workload, records: RECORDS, requests: REQUESTS, distribution: undefined, seed });
}

/** Shares of READ, WRITE, READ_MODIFY_WRITE, SCAN. */
function shares(input: Input): number[] {
  const counts = [0, 0, 0, 0];
  for (const operation of input.operations) counts[operation]! += 1;
  return counts.map((count) => count / requestCount(input));
}

function assertNear(found: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(found - expected) <= tolerance, `${what}: expected about ${expected}, found ${found}`);
}

describe('generated workloads', () => {
  it('are the same for the same seed and others for another one', () => {
    for (const workload of ['a', 'b', 'c', 'd', 'e', 'f'] as const) {
      assert.deepEqual(generate(workload), generate(workload));
      assert.notDeepEqual(generate(workload).indexes, generate(workload, 8).indexes);
    }
  });

  it('mix the operations as YCSB does', () => {
    const expected: Record<WorkloadName, readonly number[]> = {
      a: [0.5, 0.5, 0, 0],
      b: [0.95, 0.05, 0, 0],
      c: [1, 0, 0, 0],
      d: [0.95, 0.05, 0, 0],
      e: [0, 0.05, 0, 0.95],
      f: [0.5, 0, 0.5, 0],
    };
    for (const [workload, mix] of Object.entries(expected)) {
      const found = shares(generate(workload as WorkloadName));
      for (const operation of [READ, WRITE, READ_MODIFY_WRITE, SCAN])
        assertNear(found[operation]!, mix[operation]!, 0.01, `${workload}, ${operation}`);
    }
  });

  it('insert new keys in order, and keep every access inside the objects', () => {
    for (const workload of ['d', 'e'] as const) {
      const input = generate(workload);
      const inserts = [...input.indexes].filter((_, i) => input.operations[i] === WRITE);
      assert.deepEqual(
        inserts,
        inserts.map((_, i) => RECORDS + i),
      );
      assert.equal(input.objects.length, RECORDS + inserts.length);
      let known = RECORDS;
      for (let i = 0; i < REQUESTS; i++) {
        if (input.operations[i] === WRITE) known++;
        forEachAccess(input, i, i + 1, (index) =>
          assert.ok(index < known, `request ${i} of workload ${workload} asks for a key not inserted yet`),
        );
      }
    }
  });

  it('define a scan as reads of neighbouring keys, and a read-modify-write as a read and a write', () => {
    const scans = generate('e');
    const first = scans.operations.indexOf(SCAN);
    const seen: [number, boolean, number][] = [];
    forEachAccess(scans, first, first + 1, (...access) => seen.push(access));
    assert.equal(seen.length, scans.spans![first]);
    seen.forEach((access, i) => assert.deepEqual(access, [scans.indexes[first]! + i, false, RECORD_BYTES]));
    const lengths = [...scans.spans!].filter((_, i) => scans.operations[i] === SCAN);
    assert.equal(Math.min(...lengths), 1);
    assert.equal(Math.max(...lengths), MAX_SCAN);

    const modifies = generate('f');
    const position = modifies.operations.indexOf(READ_MODIFY_WRITE);
    const index = modifies.indexes[position]!;
    seen.length = 0;
    forEachAccess(modifies, position, position + 1, (...access) => seen.push(access));
    assert.deepEqual(seen, [
      [index, false, RECORD_BYTES],
      [index, true, RECORD_BYTES],
    ]);
  });

  it('read whole records and update one field', () => {
    const input = generate('a');
    for (let i = 0; i < REQUESTS; i++) assert.equal(input.sizes[i], input.operations[i] === READ ? RECORD_BYTES : FIELD_BYTES);
  });
});

describe('distributions', () => {
  const DRAWS = 200_000;
  const count = (pick: () => number, keys: number): Float64Array => {
    const counts = new Float64Array(keys);
    for (let i = 0; i < DRAWS; i++) counts[pick()]! += 1;
    return counts;
  };

  it('zipfian ranks follow 1 / rank^0.99', () => {
    const zipfian = new Zipfian(new Random(3));
    const counts = count(() => zipfian.pick(RECORDS), RECORDS);
    let zeta = 0;
    for (let rank = 1; rank <= RECORDS; rank++) zeta += rank ** -ZIPFIAN_CONSTANT;
    // Gray's formula is exact for the first two ranks and close to it in sum for the others.
    assertNear(counts[0]! / DRAWS, 1 / zeta, 0.004, 'rank 1');
    assertNear(counts[1]! / DRAWS, 2 ** -ZIPFIAN_CONSTANT / zeta, 0.004, 'rank 2');
    const headShare = counts.subarray(0, 100).reduce((sum, n) => sum + n, 0) / DRAWS;
    let head = 0;
    for (let rank = 1; rank <= 100; rank++) head += rank ** -ZIPFIAN_CONSTANT;
    assertNear(headShare, head / zeta, 0.02, 'the first hundred ranks');
    assert.ok(counts.at(-1)! > 0 || counts.subarray(900).some((n) => n > 0), 'the tail is reached');
  });

  it('a zipfian that grows step by step is the one that started large', () => {
    const grown = new Zipfian(new Random(5));
    const large = new Zipfian(new Random(5));
    for (let keys = 10; keys < 400; keys += 13) {
      grown.pick(keys);
      large.pick(400);
    }
    for (let i = 0; i < 1000; i++) assert.equal(grown.pick(400), large.pick(400));
  });

  it('zipfian keys are spread by a permutation, so every key can be asked for', () => {
    const keys = permutation(RECORDS, new Random(11));
    assert.deepEqual(
      [...keys].sort((a, b) => a - b),
      [...Array(RECORDS).keys()],
    );
    const distribution = createDistribution('zipfian', RECORDS, new Random(11));
    const counts = count(() => distribution.pick(RECORDS), RECORDS);
    assert.equal(counts.indexOf(Math.max(...counts)), keys[0]);
  });

  it('uniform keys are equally frequent', () => {
    const distribution = createDistribution('uniform', 50, new Random(2));
    for (const n of count(() => distribution.pick(50), 50)) assertNear(n / DRAWS, 0.02, 0.003, 'a key');
  });

  it('latest prefers the newest key, also after inserts', () => {
    const distribution = createDistribution('latest', 100, new Random(9));
    for (const keys of [100, 150]) {
      const counts = count(() => distribution.pick(keys), keys);
      assert.equal(counts.indexOf(Math.max(...counts)), keys - 1);
      assert.ok(counts[keys - 1]! > counts[keys - 10]!);
    }
  });

  it('a single key and two keys are distributions as well', () => {
    const zipfian = new Zipfian(new Random(1));
    for (let i = 0; i < 100; i++) assert.equal(zipfian.pick(1), 0);
    for (let i = 0; i < 100; i++) assert.ok(zipfian.pick(2) < 2);
  });
});
