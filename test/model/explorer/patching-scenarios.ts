/**
 * Owns the scenarios of live patching. What holds in all of them, whoever is interrupted or dies where:
 *
 * - a task runs on one version from beginning to end, and so do tasks that are in flight at once in one thread;
 * - once the coordinator has found that all threads have done what it ordered, that stays so, and no thread runs anything else, until it orders something
 *   else; nor anything at all, if it ordered them to hold;
 * - no version is switched on under a suspended call of a function that changes;
 * - the coordinator's wait ends, and the thread that ends it wakes it: the safety net is for deaths;
 * - in the end every slot says what is so, and of the dead nothing is left.
 *
 * Imports patching.
 */
import {
  allRun,
  attach,
  attached,
  coordinating,
  drainAndSwitchTo,
  follow,
  overlapping,
  starting,
  suspendedCall,
  switchAndReverse,
  switchAndServe,
  switchTo,
  task,
} from './patching.js';
import { dispose, recover } from './operations.js';
import type { Scenario } from './scenario.js';

const COMMON = { types: {}, initial: {}, withPatches: true } as const;

export const PATCHING_SCENARIOS: readonly Scenario[] = [
  {
    ...COMMON,
    name: 'flip-decide',
    about: 'two threads switch while the coordinator decides whether all have done so',
    mortals: [0, 1],
    before: [attached, attached, coordinating],
    threads: [[follow(1)], [follow(1)], [switchTo(1)]],
    observe: allRun(1),
  },
  {
    ...COMMON,
    name: 'flip-task',
    about: 'tasks are entered and awaited while a switch is ordered',
    mortals: [0],
    before: [attached, coordinating],
    threads: [[task('f', 'await', 'g'), task('f'), follow(1)], [switchTo(1)]],
    observe: allRun(1),
  },
  {
    ...COMMON,
    name: 'flip-overlap',
    about: 'a second task comes while one is in flight and a switch is ordered',
    mortals: [0],
    before: [attached, coordinating],
    threads: [[overlapping(), follow(1)], [switchTo(1)]],
    observe: allRun(1),
  },
  {
    ...COMMON,
    name: 'flip-reverse',
    about: 'a switch is turned round while a thread is switching',
    mortals: [0],
    before: [attached, coordinating],
    threads: [[task('f'), follow(2)], [switchAndReverse(1)]],
    observe: allRun(0),
  },
  {
    ...COMMON,
    name: 'flip-turn',
    about: 'a switch is turned round while an idle thread hears of it',
    mortals: [0],
    before: [attached, coordinating],
    threads: [[follow(2)], [switchAndReverse(1)]],
    observe: allRun(0),
  },
  {
    ...COMMON,
    name: 'flip-drain',
    about: 'threads are drained before any of them switches',
    mortals: [0],
    before: [attached, coordinating],
    threads: [[task('f', 'await', 'f'), task('f'), follow(2)], [drainAndSwitchTo(1)]],
    observe: allRun(1),
  },
  {
    ...COMMON,
    name: 'flip-newcomer',
    about: 'a thread attaches while a switch is ordered and completed without it',
    mortals: [0],
    before: [starting, coordinating],
    threads: [[attach(), task('f'), follow(1)], [switchAndServe(1)]],
    observe: allRun(1),
  },
  {
    ...COMMON,
    name: 'flip-suspended',
    about: 'a switch is ordered while a call is suspended outside tasks',
    mortals: [0],
    before: [attached, coordinating],
    threads: [[suspendedCall(), follow(1)], [switchTo(1)]],
    observe: allRun(1),
  },
  {
    ...COMMON,
    name: 'flip-leave',
    about: 'a thread gives its slot back instead of switching',
    mortals: [0],
    before: [attached, coordinating],
    threads: [[task('f'), dispose()], [switchTo(1)]],
    observe: allRun(1),
  },
  {
    ...COMMON,
    name: 'flip-death',
    about: 'a thread dies in the middle of a switch or a task, and a third one recovers it while the coordinator waits',
    mortals: [0],
    before: [attached, undefined, coordinating],
    threads: [[task('f', 'await', 'g'), follow(1)], [recover()], [switchTo(1)]],
    observe: allRun(1),
  },
];
