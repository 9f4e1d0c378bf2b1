/**
 * The benchmark suites by name: which cases each has, and how one is run.
 */
import type { CaseSpec, Figure, Unit } from './figures.js';
import type { Plan } from './plan.js';
import { getCases, runGetCase } from './suites/get.js';
import { getMemoryCases, runMemoryCase } from './suites/memory.js';
import { getThreadsCases, runThreadsCase } from './suites/threads.js';
import { getWriteCases, runWriteCase } from './suites/write.js';

export interface Suite {
  readonly unit: Unit;
  readonly cases: (plan: Plan) => CaseSpec[];
  readonly run: (spec: CaseSpec) => Figure[] | Promise<Figure[]>;
}

export const SUITES: Readonly<Record<string, Suite>> = {
  get: { unit: 'ns/op', cases: getCases, run: runGetCase },
  write: { unit: 'ns/op', cases: getWriteCases, run: runWriteCase },
  threads: { unit: 'Mops/s', cases: getThreadsCases, run: runThreadsCase },
  memory: { unit: 'bytes/variable', cases: getMemoryCases, run: runMemoryCase },
};
