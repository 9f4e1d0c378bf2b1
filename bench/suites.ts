/**
 * The benchmark suites by name: which cases each has, and how one is run.
 */
import type { CaseSpec, Figure, LeftOut } from './figures.js';
import type { Plan } from './plan.js';
import { getCollectCases, runCollectCase } from './suites/collect.js';
import { getDashboardCases, runDashboardCase } from './suites/dashboard.js';
import { getCases, runGetCase } from './suites/get.js';
import { getGrowthCases, runGrowthCase } from './suites/growth.js';
import { getMemoryCases, runMemoryCase } from './suites/memory.js';
import { getPeersCases, runPeersCase } from './suites/peers.js';
import { getObserveCases, runObserveCase } from './suites/observe.js';
import { getOversubscribedCases, runOversubscribedCase } from './suites/oversubscribed.js';
import { getScaleCases, runScaleCase } from './suites/scale.js';
import { getRecoverCases, runRecoverCase } from './suites/recover.js';
import { getThreadsCases, runThreadsCase } from './suites/threads.js';
import { getTracesCases, runTracesCase } from './suites/traces.js';
import { getTransitionCases, runTransitionCase } from './suites/transition.js';
import { getWriteCases, runWriteCase } from './suites/write.js';

export interface Suite {
  /** For the heading: the figures carry their own. */
  readonly unit: string;
  readonly cases: (plan: Plan) => CaseSpec[];
  /** Measures, in a process of its own, or says why it leaves the case out; an error is a failure of the whole run. */
  readonly run: (spec: CaseSpec) => Figure[] | LeftOut | Promise<Figure[] | LeftOut>;
}

export const SUITES: Readonly<Record<string, Suite>> = {
  get: { unit: 'ns/op', cases: getCases, run: runGetCase },
  write: { unit: 'ns/op', cases: getWriteCases, run: runWriteCase },
  threads: { unit: 'Mops/s', cases: getThreadsCases, run: runThreadsCase },
  transition: { unit: 'ns/op and ms', cases: getTransitionCases, run: runTransitionCase },
  memory: { unit: 'bytes/variable', cases: getMemoryCases, run: runMemoryCase },
  peers: { unit: 'Mops/s', cases: getPeersCases, run: runPeersCase },
  traces: { unit: 'Mops/s', cases: getTracesCases, run: runTracesCase },
  growth: { unit: 'ns', cases: getGrowthCases, run: runGrowthCase },
  oversubscribed: { unit: 'Mops/s and share', cases: getOversubscribedCases, run: runOversubscribedCase },
  scale: { unit: 'ns/op', cases: getScaleCases, run: runScaleCase },
  collect: { unit: 'ms, M/s and ns', cases: getCollectCases, run: runCollectCase },
  recover: { unit: 'µs and ms', cases: getRecoverCases, run: runRecoverCase },
  dashboard: { unit: 'µs', cases: getDashboardCases, run: runDashboardCase },
  observe: { unit: 'ns/op', cases: getObserveCases, run: runObserveCase },
};
