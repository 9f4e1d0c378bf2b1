/**
 * The benchmark suites by name: which cases each has, and how one is run.
 */
import type { CaseSpec, Figure } from './figures.js';
import type { Plan } from './plan.js';
import { getCollectCases, runCollectCase } from './suites/collect.js';
import { getCases, runGetCase } from './suites/get.js';
import { getMemoryCases, runMemoryCase } from './suites/memory.js';
import { getRecoverCases, runRecoverCase } from './suites/recover.js';
import { getThreadsCases, runThreadsCase } from './suites/threads.js';
import { getTransitionCases, runTransitionCase } from './suites/transition.js';
import { getWriteCases, runWriteCase } from './suites/write.js';

export interface Suite {
  /** For the heading: the figures carry their own. */
  readonly unit: string;
  readonly cases: (plan: Plan) => CaseSpec[];
  readonly run: (spec: CaseSpec) => Figure[] | Promise<Figure[]>;
}

export const SUITES: Readonly<Record<string, Suite>> = {
  get: { unit: 'ns/op', cases: getCases, run: runGetCase },
  write: { unit: 'ns/op', cases: getWriteCases, run: runWriteCase },
  threads: { unit: 'Mops/s', cases: getThreadsCases, run: runThreadsCase },
  transition: { unit: 'ns/op and ms', cases: getTransitionCases, run: runTransitionCase },
  memory: { unit: 'bytes/variable', cases: getMemoryCases, run: runMemoryCase },
  collect: { unit: 'ms, M/s and ns', cases: getCollectCases, run: runCollectCase },
  recover: { unit: 'µs and ms', cases: getRecoverCases, run: runRecoverCase },
};
