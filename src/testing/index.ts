/** What a test imports as `umbra/testing`. Names only. */
export type { PatchSource } from '../livepatch/loader.js';
export type { Finding, FindingKind } from './findings.js';
export { formatRehearsal } from './format.js';
export type { TypeReport } from './leftovers.js';
export { rehearse, type Rehearsal, type RehearsedPath } from './rehearsal.js';
export type { RehearsedStep, StepOutcome } from './walk.js';
export type { Workload } from './workload.js';
