/**
 * Stands in for the child process of a case: one that is left out, one that fails, one that gives a figure, by the name of the case.
 */
import { createFigure, type CaseSpec } from '../../bench/figures.js';

const spec = JSON.parse(process.argv[2] ?? '{}') as CaseSpec;
if (spec.name === 'fails') process.exit(1);
const figure = createFigure(spec, 'ns/op', { label: 'ours', rounds: [1] }, null, null);
process.send?.(spec.name === 'left out' ? { leftOut: 'no such peer here' } : [figure], () => process.disconnect());
