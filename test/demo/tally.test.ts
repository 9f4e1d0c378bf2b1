/** What clients make of answers: which version they saw, which phase they belong to, and what is no answer at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Answer } from '../../src/demo/application.js';
import { codeOf, readAnswer, Tally } from '../../src/demo/tally.js';

const served = (version: number, code: Answer['code'], hits = 1): Answer => ({ status: 200, hits, versions: [version, version], code });
const SERVICE: Answer['code'] = ['service', 'service', 'service'];
const EXPIRE: Answer['code'] = ['service', 'expire-sessions', 'expire-sessions'];
const LIMIT: Answer['code'] = ['limit-rate', 'limit-rate', 'limit-rate'];

test('a request that saw the functions of one version has run that version, any other has run none', () => {
  assert.equal(codeOf(SERVICE, 200), 'service');
  assert.equal(codeOf(EXPIRE, 200), 'expire-sessions');
  assert.equal(codeOf(LIMIT, 200), 'limit-rate');
  assert.equal(codeOf(['service', 'service', 'expire-sessions'], 200), undefined);
  assert.equal(codeOf(['limit-rate', 'expire-sessions', 'expire-sessions'], 200), undefined);
  assert.equal(codeOf(['service', 'service'], 200), undefined);
  assert.equal(codeOf(['limit-rate'], 429), 'limit-rate');
  assert.equal(codeOf(['service'], 429), undefined, 'only limit-rate refuses');
});

test('a request counts as mixed if its version changed, and also if only the code it saw did', () => {
  const tally = new Tally();
  tally.begin(0, 0);
  tally.answered(tally.send(), 'newcomer', 1, served(0, SERVICE));
  tally.answered(tally.send(), 'newcomer', 1, { ...served(0, SERVICE), versions: [0, 1] });
  tally.answered(tally.send(), 'newcomer', 1, served(1, ['service', 'service', 'expire-sessions']));
  const { mixed, versions, faults } = tally.report;
  assert.equal(mixed, 2);
  assert.deepEqual(versions, [{ version: 0, code: 'service', answers: 1 }]);
  assert.equal(faults.length, 2);
  assert.match(faults[0]!, /ran version 0 at its beginning and 1 at its end/);
});

test('a request belongs to the phase whose version answered it: the one it was sent in, or the next one', () => {
  const tally = new Tally();
  tally.begin(0, 0);
  const early = tally.send();
  const late = tally.send();
  tally.answered(early, 'hammer', 2, served(0, SERVICE));
  tally.answered(late, 'hammer', 3, { status: 429, hits: 0, versions: [1, 1], code: ['limit-rate'] });
  tally.failedRequest(tally.send(), 'gone');
  tally.begin(1000, 1);
  tally.answered(tally.send(), 'hammer', 4, served(1, LIMIT, 2));
  tally.end(3000);
  const { phases, sent, served: good, refused, failed, opened } = tally.report;
  assert.deepEqual(
    phases.map((phase) => [phase.requests, phase.refused, phase.failed, phase.seconds]),
    [
      [2, 0, 1, 1],
      [2, 1, 0, 2],
    ],
  );
  assert.deepEqual([sent, good, refused, failed, opened], [4, 2, 1, 1, 1]);
  const { p50, p99 } = phases[1]!.latencyMilliseconds!;
  assert.ok(p50 >= 3 && p50 < 3.2 && p99 >= 4 && p99 < 4.2, `${p50}, ${p99}`);
});

test('whoever does not hammer must not be refused', () => {
  const tally = new Tally();
  tally.begin(0, 2);
  tally.answered(tally.send(), 'regular', 1, { status: 429, hits: 0, versions: [2, 2], code: ['limit-rate'] });
  tally.answered(tally.send(), 'hammer', 1, { status: 429, hits: 0, versions: [2, 2], code: ['limit-rate'] });
  assert.equal(tally.report.wronglyRefused, 1);
  assert.deepEqual(tally.report.faults, ['a client that does not hammer was refused (regular)']);
});

test('what is no answer of the service is a failure in words', () => {
  const body = JSON.stringify({ hits: 3, versions: [1, 1], code: EXPIRE });
  assert.deepEqual(readAnswer(200, body), { status: 200, hits: 3, versions: [1, 1], code: EXPIRE });
  assert.throws(() => readAnswer(500, '{"message":"no"}'), /^Error: status 500: \{"message":"no"\}/);
  assert.throws(() => readAnswer(undefined, ''), /status undefined/);
  for (const wrong of [
    {},
    { hits: 1, versions: [1], code: [] },
    { hits: 1, versions: [1, 1], code: ['else'] },
    { hits: '1', versions: [1, 1], code: [] },
  ])
    assert.throws(() => readAnswer(200, JSON.stringify(wrong)), /an answer that is none/);
});
