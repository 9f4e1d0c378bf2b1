import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ShadowError } from '../../src/errors.js';
import { type Options, parseOptions } from './options.js';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

function parse(...args: string[]): Options {
  const options = parseOptions(args, 99);
  assert.ok(options !== 'help');
  return options;
}

void describe('options of npm run linearizability', () => {
  test('without any: ten million operations, with the seed offered', () =>
    assert.deepEqual(parse(), {
      operations: 10_000_000,
      seconds: undefined,
      workers: undefined,
      seed: 99,
      fault: undefined,
      profile: undefined,
    }));

  test('each is read; with seconds alone there is no limit to the operations', () => {
    assert.deepEqual(
      parse('--operations', '5000', '--seconds', '7', '--workers', '3', '--seed', '0', '--fault', 'stale read', '--profile', 'one bucket'),
      {
        operations: 5000,
        seconds: 7,
        workers: 3,
        seed: 0,
        fault: 'stale read',
        profile: 'one bucket',
      },
    );
    assert.equal(parse('--seconds', '7').operations, Infinity);
  });

  test('--help asks for nothing else', () => assert.equal(parseOptions(['--workers', '3', '--help'], 1), 'help'));

  const refused: readonly (readonly string[])[] = [
    ['--operations', '999'],
    ['--operations', '1e6'],
    ['--operations', ''],
    ['--seconds', '0'],
    ['--seconds', '1.5'],
    ['--workers', '1'],
    ['--workers', '9'],
    ['--seed', '-1'],
    ['--seed', '4294967296'],
    ['--fault', 'none'],
    ['--profile', 'cold'],
    ['--kills', '3'],
    ['--seed'],
    ['operations'],
  ];
  for (const args of refused) {
    test(`${args.join(' ')} is ERR_CLI_OPTION`, () =>
      assert.throws(
        () => parse(...args),
        (error) => error instanceof ShadowError && error.code === 'ERR_CLI_OPTION' && error.message.includes('--help lists all options'),
      ));
  }
});

void describe('npm run linearizability', () => {
  const main = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });

  test('unusable options end it with exit code 2 before anything runs', () => {
    const { status, stdout, stderr } = main('--workers', 'many');
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^ERR_CLI_OPTION: --workers "many" is not a whole number 2…8; --help lists all options\n$/);
  });

  test('a run says its seed, what was done, how much of it overlapped, and the verdict', () => {
    const { status, stdout, stderr } = main('--operations', '8000', '--workers', '2', '--seed', '17');
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^8,000 operations, 2 workers, seed 17\n/);
    assert.match(stdout, /\ncontention: [\d,]+ operations \([\d.]+ %\) overlapped another at the same key; at most \d+ at once\n/);
    assert.match(stdout, /\nverdict: linearizable, all 8,\d+ operations\n$/);
  });

  test('a violation is shown and ends it with exit code 1', () => {
    const { status, stdout } = main('--operations', '90000', '--workers', '3', '--fault', 'resurrected variable');
    assert.equal(status, 1);
    assert.match(stdout, /no order of these \d operations is right/);
    assert.match(stdout, /\nverdict: NOT linearizable at \d+ keys\n$/);
  });
});
