/** What a person sees: a refreshing line on a terminal, plain lines elsewhere. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Progress } from '../../src/cli/progress.js';
import type { Status } from '../../src/cli/replay.js';
import { shortTime } from '../../src/cli/summary.js';

const STATUS: Status = {
  patch: 'hot-objects-1',
  requests: 1_234_567,
  seconds: 2,
  live: 4321,
  workers: 4,
  switched: 3,
  inTransition: true,
};

class Sink {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 80;
  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }
  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

/** Lets the progress tick `times` times by the mocked clock. */
function show(sink: Sink, times: number, advance: (milliseconds: number) => void): void {
  const progress = new Progress(sink, {});
  progress.start(() => STATUS);
  for (let i = 0; i < times; i++) advance(sink.isTTY ? 200 : 1000);
  progress.line('done');
  progress.stop();
}

describe('progress', () => {
  it('prints plain lines with everything a watcher asks for', (context) => {
    context.mock.timers.enable({ apis: ['setInterval'] });
    const sink = new Sink(false);
    show(sink, 2, (milliseconds) => context.mock.timers.tick(milliseconds));
    const lines = sink.text.split('\n');
    assert.equal(lines.length, 4);
    for (const part of ['1,234,567 requests', '617,284/s', 'hot-objects-1', '3/4 workers switched', '4,321 live variables']) {
      assert.ok(lines[0]!.includes(part), `${lines[0]} lacks ${part}`);
    }
    assert.equal(lines[2], 'done');
    assert.equal(sink.text.includes('\x1b'), false);
  });

  it('refreshes one line on a terminal, within its width, and clears it for lines that stay', (context) => {
    context.mock.timers.enable({ apis: ['setInterval'] });
    const sink = new Sink(true);
    show(sink, 3, (milliseconds) => context.mock.timers.tick(milliseconds));
    assert.equal(sink.text.split('\n').length, 2);
    const shown = sink.text.split('\r\x1b[2K');
    assert.ok(shown.length >= 4);
    for (const text of shown) assert.ok(text.length < 80, text);
    assert.ok(shown.includes('done\n'));
  });
});

describe('a time in the summary', () => {
  it('has two digits or all before the point, and never an exponent', () => {
    const said = [0.46, 1.26, 12.4, 99.6, 163.4, 999.6, 1500, 163_000, 2_345_678].map(shortTime);
    assert.deepEqual(said, ['0.46 µs', '1.3 µs', '12 µs', '100 µs', '163 µs', '1.0 ms', '1.5 ms', '163 ms', '2346 ms']);
  });
});
