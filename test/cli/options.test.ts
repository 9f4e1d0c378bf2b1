/** The command line: defaults, and a precise refusal of everything that makes no sense. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Options, parseOptions } from '../../src/cli/options.js';
import { ShadowError } from '../../src/errors.js';

function parse(...args: string[]): Options {
  return parseOptions(args, 99);
}

describe('options', () => {
  it('without any, run workload a for ten seconds with the seed offered', () => {
    const options = parse();
    assert.deepEqual(options.input, { kind: 'generated', workload: 'a', records: 100_000, requests: 1_000_000, distribution: undefined });
    assert.deepEqual(options.extent, { kind: 'seconds', seconds: 10 });
    assert.equal(options.seed, 99);
    assert.ok(options.workers >= 1);
    assert.equal(options.maxBytes, 2 ** 30);
  });

  it('read every value', () => {
    const options = parse(
      ...'--workload d --records 10 --requests 500 --distribution uniform --workers 3 --concurrent-tasks 5 --batch 17 --repeat 4'.split(
        ' ',
      ),
      ...'--seed 4294967295 --max-bytes 64m --json out.json --sabotage leak'.split(' '),
    );
    assert.deepEqual(options, {
      input: { kind: 'generated', workload: 'd', records: 10, requests: 500, distribution: 'uniform' },
      extent: { kind: 'passes', passes: 4 },
      workers: 3,
      concurrentTasks: 5,
      batch: 17,
      seed: 4294967295,
      maxBytes: 64 * 2 ** 20,
      json: { kind: 'file', file: 'out.json' },
      sabotage: 'leak',
      dashboard: undefined,
    });
  });

  it('run a trace once unless told how long', () => {
    const trace = parse('--trace', 'x.csv', '--object', 'lbn');
    assert.deepEqual(trace.input, { kind: 'trace', file: 'x.csv', columns: { object: 'lbn', op: 'op', size: 'size' } });
    assert.deepEqual(trace.extent, { kind: 'passes', passes: 1 });
    assert.deepEqual(parse('--trace', 'x.csv', '--seconds', '2.5').extent, { kind: 'seconds', seconds: 2.5 });
    assert.deepEqual(parse('--requests', '100').extent, { kind: 'passes', passes: 1 });
  });

  const refused: readonly (readonly [string, RegExp])[] = [
    ['--frobnicate', /Unknown option '--frobnicate'.*--help/],
    ['--worker 3', /Unknown option '--worker'; did you mean --workers\?/],
    ['--sceonds=3', /did you mean --seconds\?/],
    ['stray', /stray/],
    ['--workers', /--workers/],
    ['--workers 0', /--workers "0" is not a whole number 1…256/],
    ['--workers 1.5', /--workers "1.5"/],
    ['--workers two', /--workers "two"/],
    ['--concurrent-tasks 2000', /--concurrent-tasks "2000".*1…1024/],
    ['--batch 0', /--batch "0"/],
    ['--records 10000001', /--records/],
    ['--requests 1e3', /--requests "1e3"/],
    ['--workload g', /--workload "g" is not one of a, b, c, d, e, f/],
    ['--distribution normal', /--distribution "normal" is not one of zipfian, uniform, latest/],
    ['--seed 4294967296', /--seed/],
    ['--seconds 0', /--seconds "0"/],
    ['--seconds 2 --repeat 3', /--repeat and --seconds/],
    ['--max-bytes 12T', /--max-bytes "12T"/],
    ['--max-bytes 9G', /--max-bytes "9G".*8G/],
    ['--sabotage everything', /--sabotage "everything" is not one of lost-update, leak, mixed-version/],
    ['--json=', /--json is empty/],
    ['--trace t.csv --workload a', /--workload does not go with.*--trace/],
    ['--trace t.csv --requests 5', /--requests does not go with/],
    ['--object lbn', /--object does not go with.*add --trace/],
  ];
  for (const [line, message] of refused) {
    it(`refuse ${line}`, () => {
      assert.throws(
        () => parse(...line.split(' ')),
        (error) => error instanceof ShadowError && error.code === 'ERR_CLI_OPTION' && message.test(error.message),
      );
    });
  }
});
