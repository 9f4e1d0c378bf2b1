/** The demo's patches, rehearsed the way their user would: every path among them, under requests and housekeeping. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type Answer, books, type Job, session } from '../../src/demo/application.js';
import { formatRehearsal, rehearse } from '../../src/testing/index.js';

const file = (name: string): URL => new URL(`../../workers/${name}`, import.meta.url);
const CLIENTS = 8;
const TIDY_EVERY = 12;

test('the patches of the demo come and go in every order without a trace, and no request sees two versions', async () => {
  const rehearsal = await rehearse<Job, Answer | number>([file('demo-patch-expire.js'), file('demo-patch-limit.js')], {
    filename: file('demo-service.js'),
    types: [session, books],
    task: (n) =>
      n % TIDY_EVERY === 0 ? { kind: 'tidy', idleMilliseconds: 1 } : { kind: 'request', session: `client ${n % CLIENTS}`, item: n % 256 },
    check: (answer) => (typeof answer === 'number' || answer.versions[0] === answer.versions[1] ? undefined : JSON.stringify(answer)),
  });
  assert.ok(rehearsal.ok, formatRehearsal(rehearsal));
});
