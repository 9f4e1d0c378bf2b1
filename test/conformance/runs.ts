/**
 * Owns the list of what a catalogue holds to be run: its scenarios, the shadow sequence in all variants, and the edge rules. Imports all
 * of them.
 */
import type { Catalogue } from './catalogue.js';
import { replay, type ReplayOptions, type Result } from './replay.js';
import { ruleRuns } from './shadow-rules.js';
import { shadowRuns } from './shadow-steps.js';

export interface Run {
  readonly id: string;
  readonly run: (options: ReplayOptions) => Promise<Result>;
}

export function runsOf({ scenarios, fixtures, shadowApi = {} }: Catalogue): Run[] {
  return [
    ...scenarios.map((scenario) => ({ id: scenario.id, run: (options: ReplayOptions) => replay(scenario, fixtures, options) })),
    ...shadowRuns(shadowApi),
    ...ruleRuns(shadowApi),
  ];
}
