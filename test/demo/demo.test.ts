/** The demo as a person starts it: the whole story with its page, and faults that the verdict has to find. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { DemoResult } from '../../src/demo/result.js';
import { RULES } from '../../src/demo/verdict.js';
import { demo, resultIn } from './bin.js';

/** What the page is told: the first message, then figures once a second. */
interface Seen {
  meters: string[];
  choices: string[];
  notes: string[];
  samples: (number | null)[][];
}

/** Reads the events of the page until they end. */
async function watch(url: string): Promise<Seen> {
  const seen: Seen = { meters: [], choices: [], notes: [], samples: [] };
  const response = await fetch(`${url}events`);
  let rest = '';
  try {
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
      const events = (rest + text).split('\n\n');
      rest = events.pop()!;
      for (const event of events) take(seen, event);
    }
  } catch {
    // the server goes away with its connections
  }
  return seen;
}

interface Message {
  readonly meters?: readonly { readonly name: string }[];
  readonly choices?: readonly string[];
  readonly point?: { readonly meters: (number | null)[] };
}

function take(seen: Seen, event: string): void {
  const data = /^data: ?(.*)$/m.exec(event)?.[1];
  if (data === undefined) return;
  const { meters, choices, point } = JSON.parse(data) as Message;
  if (choices !== undefined && meters !== undefined) {
    seen.meters = meters.map(({ name }) => name);
    seen.choices = [...choices];
  }
  if (point !== undefined) seen.samples.push(point.meters);
  if (data.includes('memory climbs')) seen.notes.push(data);
}

function assertCourse({ phases, transitions, collected, checks, failed }: DemoResult): void {
  assert.deepEqual(
    phases.map(({ name }) => name),
    ['unpatched', 'patch 1', 'patch 2', 'downgrade', 'disabled'],
  );
  const [unpatched, first, second, downgrade, disabled] = phases as [(typeof phases)[0], ...typeof phases] & { length: 5 };
  for (const { name, requests, latencyMilliseconds } of phases) {
    assert.ok(requests > 0, name);
    assert.ok(latencyMilliseconds!.p50 > 0 && latencyMilliseconds!.p50 <= latencyMilliseconds!.p99, name);
  }
  assert.equal(failed, 0);
  assert.ok(unpatched.sessions.end > unpatched.sessions.begin, 'sessions climb without a patch');
  assert.ok(first!.sessions.end < first!.sessions.begin, 'and fall with the first one');
  assert.ok(first!.bytes.end < first!.bytes.begin);
  assert.ok(disabled!.sessions.end > disabled!.sessions.begin, 'and climb again without');
  assert.ok(second!.refused > 0);
  for (const { name, refused } of [unpatched, first!, downgrade!, disabled!]) assert.equal(refused, 0, `${name}: nobody is refused`);
  assert.deepEqual(
    transitions.map(({ patch, kind, workers }) => [patch, kind, workers]),
    [
      ['expire-sessions', 'enable', 2],
      ['limit-rate', 'replace', 2],
      ['expire-sessions', 'replace', 2],
      ['expire-sessions', 'disable', 2],
    ],
  );
  assert.deepEqual(
    collected.map(({ id }) => id),
    [0x12, 0x11, 0x10],
    'the rates with the downgrade, the rest in the end',
  );
  assert.deepEqual(
    checks.map(({ rule, ok }) => [rule, ok]),
    RULES.map((rule) => [rule, true]),
  );
}

describe('the demo', () => {
  it('tells its whole story under load, with a verdict that is pass and a page that shows its meters', async () => {
    let page: Promise<Seen> | undefined;
    const ended = await demo('--seconds 6 --workers 2 --rate 500 --seed 3 --json', (line) => {
      const url = /^live page: (http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/)$/.exec(line)?.[1];
      if (url !== undefined) page = watch(url);
    });
    assert.equal(ended.code, 0, ended.err);
    const result = resultIn(ended);
    assert.equal(result.verdict, 'pass');
    assertCourse(result);
    assert.match(ended.err, /memory climbs: [\d,]+ sessions, [\d.]+ MB, none ever ended/);
    assert.match(ended.err, /enable expire-sessions: 2 workers switched in [\d.]+ ms while \d+ requests were in flight/);
    assert.match(ended.err, /verdict: pass\n$/);

    const seen = await page!;
    assert.deepEqual(seen.choices, ['expire-sessions', 'limit-rate']);
    assert.deepEqual(seen.meters.slice(0, 4), ['requests', 'failed requests', 'refused (429)', 'live sessions']);
    assert.deepEqual(seen.meters.slice(4), ['requests by service', 'requests by expire-sessions', 'requests by limit-rate']);
    const shown = (index: number): boolean => seen.samples.some((meters) => (meters[index] ?? 0) > 0);
    assert.deepEqual(
      seen.meters.map((_, index) => shown(index)),
      [true, false, true, true, true, true, true],
      'all meters move but that of failed requests',
    );
    assert.ok(seen.notes.length > 0, 'the story is told on the page, too');
  });
});

// All at once: most of the time each of them waits for its clients.
describe('its verdict', { concurrency: true }, () => {
  const findings = { mixed: 'one-version', failed: 'answered', lost: 'sessions', leak: 'collected' } as const;
  for (const [sabotage, rule] of Object.entries(findings)) {
    it(`--sabotage ${sabotage} ends with exit code 1, and what is found is ${rule} and nothing else`, async () => {
      const ended = await demo(`--seconds 5 --workers 2 --rate 400 --seed 3 --no-dashboard --json --sabotage ${sabotage}`);
      assert.equal(ended.code, 1, ended.err);
      const { verdict, checks, error } = resultIn(ended);
      assert.equal(verdict, 'fail');
      assert.equal(error, null);
      assert.deepEqual(
        checks.filter(({ ok }) => !ok).map((check) => check.rule),
        [rule],
        ended.err,
      );
    });
  }

  it('Ctrl-C ends it early, with everything disabled and collected, and a verdict for what ran', async () => {
    let sent = false;
    const ended = await demo('--seconds 8 --workers 1 --rate 400 --no-dashboard --json', (line, child) => {
      if (sent || !line.includes('enable expire-sessions')) return;
      sent = true;
      child.kill('SIGINT');
    });
    assert.ok(sent);
    assert.equal(ended.code, 0, ended.err);
    const { verdict, interrupted, phases, requests, transitions, collected } = resultIn(ended);
    assert.deepEqual([verdict, interrupted, phases.length], ['pass', true, 2]);
    assert.ok(requests > 0);
    assert.deepEqual(
      transitions.map(({ patch, kind }) => [patch, kind]),
      [
        ['expire-sessions', 'enable'],
        ['expire-sessions', 'disable'],
      ],
    );
    assert.equal(collected.length, 2);
    assert.match(ended.err, /the last requests are answered; press Ctrl-C again to exit at once/);
    assert.match(ended.err, /the run was interrupted after 2 of 5 phases/);
  });

  it('wrong use ends with exit code 2, one line and nothing run', async () => {
    for (const line of ['--seconds 1', '--dashboard nowhere', '--sabotage all', '--json=/no/such/folder/out.json']) {
      const { code, out, err } = await demo(line);
      assert.equal(code, 2, line);
      assert.equal(out, '', line);
      assert.match(err, /^ERR_CLI_OPTION: .*\n$/, line);
    }
  });
});
