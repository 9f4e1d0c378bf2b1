/**
 * Owns the table of what both adapters tell of a store and its coordinator: names, units, and how each is read. Reads shared memory through `stats()` and task-totals.ts;
 * writes nothing. Imports errors, subject, the types of the store.
 */
import type { StoreStats } from '../shadow/stats.js';
import type { Reading, Subject, TaskCounts } from './subject.js';

/** A value, and that of the attribute. */
type Told = readonly [value: number, of?: string | undefined];

export interface Instrument {
  /** Dotted, below `umbra.` */
  readonly name: string;
  /** A counter only grows; a level goes up and down. */
  readonly kind: 'counter' | 'level';
  /** UCUM: 'By', 's', or what is counted in braces. */
  readonly unit: string;
  readonly help: string;
  /** What the values of one reading differ in. */
  readonly attribute?: string;
  /** What there is only with a coordinator, or only if tasks are timed. */
  readonly needs?: 'coordinator' | 'tasks';
  /** Counted in 32 bits: only what it grew by since the last reading means something. */
  readonly wraps?: true;
  /** By how much it grows at a time, 1 unless said. */
  readonly step?: number;
  /** Each value with that of the attribute; as the store has it, see `readInstrument()`. */
  readonly read: (reading: Reading) => readonly Told[];
}

export const INSTRUMENTS: readonly Instrument[] = [
  level(
    'variables.live',
    '{variable}',
    'Shadow variables that exist, by type id.',
    ({ stats }) => stats.types.map(({ id, live }) => [live, String(id)]),
    'type',
  ),
  level(
    'variables.unmigrated',
    '{variable}',
    'Shadow variables that still have an older version of their type, by type id.',
    ({ stats }) => stats.types.map(({ id, unmigrated }) => [unmigrated, String(id)]),
    'type',
  ),
  wrapping('variables.created', '{variable}', 'Shadow variables that were created.', ({ allocated }) => allocated),
  wrapping('variables.freed', '{variable}', 'Shadow variables that were freed.', ({ freed }) => freed),
  level(
    'memory.used',
    'By',
    'Memory of the store by use; "free" was never handed out or was given back.',
    ({ stats: { bytes } }) => (['fixed', 'buckets', 'overflow', 'blocks', 'free'] as const).map((use) => [bytes[use], use]),
    'use',
  ),
  level('memory.reserved', 'By', 'Size of the reservation.', ({ stats }) => [[stats.bytes.reserved]]),
  level('memory.pressure', '1', '1 if an allocation has failed since memory was last found.', ({ stats }) => [
    [stats.memoryPressure ? 1 : 0],
  ]),
  level('blocks.retired', '{block}', 'Freed blocks that wait for their grace period.', ({ stats }) => [[stats.retired]]),
  wrapping('blocks.reclaimed', '{block}', 'Freed blocks that became usable again.', ({ reclaimed }) => reclaimed),
  // The epoch counts by 2.
  { ...wrapping('grace.periods', '{period}', 'Grace epochs that began.', ({ graceEpoch }) => graceEpoch), step: 2 },
  level('threads.attached', '{thread}', 'Threads attached to the store.', ({ stats }) => [[stats.threads.length]]),
  wrapping('threads.recovered', '{thread}', 'Threads that died attached and were recovered.', ({ recoveredThreads }) => recoveredThreads),
  wrapping('lock.waits', '{wait}', 'How often a thread had to sleep for a lock.', ({ lockWaits }) => lockWaits),
  wrapping(
    'lookups.unregistered',
    '{lookup}',
    'Look-ups of types that nobody has registered.',
    ({ unregisteredLookups }) => unregisteredLookups,
  ),
  level('buckets', '{bucket}', 'Buckets of the hash table.', ({ stats }) => [[stats.growth.buckets]]),
  ofCoordinator('level', 'transition.active', '1', '1 while a transition is pending.', ({ coordinator }) =>
    coordinator!.transition === null ? 0 : 1,
  ),
  ofCoordinator(
    'level',
    'transition.stragglers',
    '{thread}',
    'Threads that hold up the pending transition.',
    ({ coordinator }) => coordinator!.stragglers().length,
  ),
  ofCoordinator(
    'level',
    'patches.enabled',
    '{patch}',
    'Enabled patches.',
    ({ coordinator }) => coordinator!.patches.filter(({ enabled }) => enabled).length,
  ),
  ofCoordinator('counter', 'collections', '{collection}', 'Ids whose variables were collected.', ({ collections }) => collections),
  ofCoordinator(
    'counter',
    'variables.collected',
    '{variable}',
    'Shadow variables that collections destroyed.',
    ({ collected }) => collected,
  ),
  ofCoordinator(
    'counter',
    'patch.warnings',
    '{warning}',
    'Failures of callbacks, destructors and threads that stopped nothing.',
    ({ warnings }) => warnings,
  ),
  ofTasks('tasks.started', '{task}', 'Tasks that began.', ({ begun }) => begun),
  ofTasks('tasks.ended', '{task}', 'Tasks that ended, of those that began while they were observed.', ({ ended }) => ended),
  ofTasks('tasks.time', 's', 'What those that ended took together.', ({ seconds }) => seconds),
];

/** The values to tell, each with that of the attribute; none of a subject that does not have this. */
export function readInstrument({ name, needs, wraps, step = 1, read }: Instrument, subject: Subject): readonly Told[] {
  if (needs === 'coordinator' && subject.coordinator === undefined) return [];
  if (needs === 'tasks' && !subject.timesTasks) return [];
  const values = read(subject.reading);
  return wraps === true ? values.map(([value, of]) => [Math.floor(subject.grown(name, value) / step), of]) : values;
}

function level(name: string, unit: string, help: string, read: Instrument['read'], attribute?: string): Instrument {
  return { name, kind: 'level', unit, help, read, ...(attribute === undefined ? {} : { attribute }) };
}

function wrapping(name: string, unit: string, help: string, of: (stats: StoreStats) => number): Instrument {
  return { name, kind: 'counter', unit, help, wraps: true, read: ({ stats }) => [[of(stats)]] };
}

function ofCoordinator(kind: Instrument['kind'], name: string, unit: string, help: string, of: (subject: Subject) => number): Instrument {
  return { name, kind, unit, help, needs: 'coordinator', read: ({ subject }) => [[of(subject)]] };
}

function ofTasks(name: string, unit: string, help: string, of: (tasks: TaskCounts) => number): Instrument {
  return { name, kind: 'counter', unit, help, needs: 'tasks', read: ({ subject }) => [[of(subject.tasks())]] };
}
