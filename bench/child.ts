/**
 * Measures one case in this process and hands the figures to its parent. A profile of a single case is had from outside:
 *
 *   NODE_OPTIONS=--cpu-prof npm run bench -- get --filter 'cursor hit dense 10000 variables'
 */
import type { CaseSpec } from './figures.js';
import { SUITES } from './suites.js';

const spec = JSON.parse(process.argv[2] ?? '{}') as CaseSpec;
const suite = SUITES[spec.suite];
if (suite === undefined) throw new RangeError(`no such suite: ${spec.suite}`);
// Who has started this process, and is gone, waits for no figures.
process.once('disconnect', () => process.exit());
const result = await suite.run(spec);
if (process.connected) process.send?.(result, () => process.disconnect());
