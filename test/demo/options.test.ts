/** The command line of the demo: defaults, and refusals that name the option, the value and the rule. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseDemoOptions } from '../../src/demo/options.js';

const parse = (line: string) => parseDemoOptions(line.split(' ').filter(Boolean), 7);

test('bare, the demo takes 30 seconds, shows its page on any free port and writes no JSON', () => {
  const { workers, ...others } = parse('');
  assert.ok(workers >= 2 && workers <= 4);
  assert.deepEqual(others, { seconds: 30, rate: 1000, seed: 7, page: 0, keep: false, json: undefined, sabotage: undefined });
});

test('every option is taken', () => {
  assert.deepEqual(parse('--seconds 7.5 --workers 3 --rate 400 --seed 9 --dashboard 8080 --keep --json out.json --sabotage leak'), {
    seconds: 7.5,
    workers: 3,
    rate: 400,
    seed: 9,
    page: 8080,
    keep: true,
    json: { kind: 'file', file: 'out.json' },
    sabotage: 'leak',
  });
  assert.equal(parse('--no-dashboard').page, undefined);
  assert.equal(parse('--dashboard').page, 0);
  assert.equal(parse('--dashboard=9000').page, 9000);
  assert.deepEqual(parse('--json').json, { kind: 'stdout' });
});

test('what makes no sense is refused with the option, the value and the rule', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['--seconds 4', /^ERR_CLI_OPTION: --seconds "4" is not a number 5…600; --help shows examples$/],
    ['--seconds 601', /--seconds "601"/],
    ['--seconds -5', /--seconds/],
    ['--workers 0', /--workers "0" is not a whole number 1…64/],
    ['--workers 1.5', /--workers "1.5"/],
    ['--rate 200', /--rate "200" is not a whole number 300…5000/],
    ['--seed x', /--seed "x"/],
    ['--dashboard 70000', /--dashboard "70000" is not a whole number 0…65535/],
    ['--dashboard http', /--dashboard "http"/],
    ['--dashboard 80 --no-dashboard', /contradict each other/],
    ['--keep --no-dashboard', /--keep keeps the page/],
    ['--sabotage mixd', /--sabotage "mixd" is not one of mixed, failed, lost, leak, did you mean mixed/],
    ['--second 8', /'--second'; did you mean --seconds\?/],
    ['fast', /"fast" is no option/],
  ];
  for (const [line, message] of cases) assert.throws(() => parse(line), { name: 'ShadowError', code: 'ERR_CLI_OPTION', message }, line);
});
