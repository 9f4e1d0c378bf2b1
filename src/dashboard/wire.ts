/**
 * What travels between the server and its page, as JSON. The page is compiled against another library than the server, so this file imports nothing and has
 * nothing but types. Times are milliseconds since 1970 by the server's clock.
 */

/** The first message on every connection. */
export interface Hello {
  readonly title: string;
  /** Tells one run of the dashboard from another. */
  readonly startedAt: number;
  readonly pid: number;
  readonly node: string;
  /** Names of what can be enabled. */
  readonly choices: readonly string[];
  readonly meters: readonly MeterName[];
  /** What was sampled not long ago, oldest first. */
  readonly points: readonly Point[];
  readonly lines: readonly Line[];
}

export interface MeterName {
  readonly name: string;
  readonly kind: 'rate' | 'level';
  readonly unit: string;
}

/** What becomes one point of every chart. Rates are per second since the point before, null if there is none. */
export interface Point {
  readonly at: number;
  readonly created: number | null;
  readonly freed: number | null;
  readonly reclaimed: number | null;
  readonly tasks: number | null;
  /** Of the tasks that ended since the point before; ms, null if none did. */
  readonly latency: Latency | null;
  readonly live: number;
  /** Live variables of the types that have the most, as [id, live]. */
  readonly types: readonly (readonly [number, number])[];
  readonly bytes: Bytes;
  readonly retired: number;
  /** In the order of `Hello.meters`; null if it had no number to give. */
  readonly meters: readonly (number | null)[];
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

interface Bytes {
  readonly reserved: number;
  readonly fixed: number;
  readonly buckets: number;
  readonly overflow: number;
  readonly blocks: number;
  readonly free: number;
}

/** Once a second. */
export interface Sample {
  readonly point: Point;
  readonly store: StoreLine;
  readonly types: readonly TypeLine[];
  /** Types that are not in `types`, and the variables they have. */
  readonly otherTypes: { readonly count: number; readonly live: number };
  readonly threads: readonly ThreadLine[];
  readonly otherThreads: number;
  readonly heat: Heat;
  /** How long it took to take this sample, ms. */
  readonly milliseconds: number;
}

/** Fields of `store.stats()`. */
interface StoreLine {
  readonly allocated: number;
  readonly freed: number;
  readonly reclaimed: number;
  readonly lockWaits: number;
  readonly unregisteredLookups: number;
  readonly recoveredThreads: number;
  readonly graceEpoch: number;
  readonly memoryPressure: boolean;
  readonly buckets: number;
  readonly entries: number;
  readonly splits: number;
  readonly pages: { readonly total: number; readonly buckets: number; readonly blocks: number; readonly free: number };
}

export interface TypeLine {
  readonly id: number;
  readonly version: number;
  readonly size: number;
  readonly live: number;
  readonly unmigrated: number;
  readonly registrations: number;
  readonly state: 'live' | 'collecting';
}

export interface ThreadLine {
  readonly slot: number;
  readonly threadId: number;
  readonly inside: boolean;
  readonly epochsBehind: number;
  readonly retired: number;
  readonly cached: number;
  readonly lockWaits: number;
}

/** How full the lines of the bucket region are. Cells are in the order of the buckets. */
export interface Heat {
  readonly buckets: number;
  /** Buckets that one cell stands for; the last may stand for fewer. */
  readonly bucketsPerCell: number;
  /** Of those, how many are read for one sample. */
  readonly readPerCell: number;
  /** A byte per cell, base64: entries in use per line × 16, and 128 if at least half of the lines that were read have overflow lines. */
  readonly cells: string;
  /** Entries in use per line that was read for this sample, of 7. */
  readonly mean: number;
  /** Share of the lines read for this sample that have an overflow line. */
  readonly overflowing: number;
}

/** Once a second, and soon after each event of the coordinator. */
export interface State {
  readonly at: number;
  readonly version: number;
  readonly transition: TransitionLine | null;
  /** Oldest first. */
  readonly patches: readonly PatchLine[];
  readonly pinned: readonly PinnedLine[];
  /** Those that hold up the transition first. */
  readonly workers: readonly WorkerLine[];
  readonly otherWorkers: number;
  /** Why there is no more to be seen: the coordinator or the store has ended. */
  readonly ended: string | null;
}

export interface TransitionLine {
  readonly patch: string;
  readonly kind: 'enable' | 'replace' | 'disable';
  readonly direction: 'patching' | 'unpatching';
  readonly reversed: boolean;
  readonly milliseconds: number;
  /** Threads that run what it leads to, of all that run anything. */
  readonly switched: number;
  readonly workers: number;
}

export interface PatchLine {
  readonly name: string;
  readonly enabled: boolean;
  readonly transition: boolean;
  readonly replace: boolean;
  readonly consistency: string;
  readonly forced: string | null;
  readonly stackOrder: number;
  readonly version: number;
  readonly functions: readonly string[];
  readonly otherFunctions: number;
  readonly types: readonly number[];
}

export interface PinnedLine {
  readonly patch: string;
  readonly reason: string;
  readonly since: string;
  readonly types: readonly number[];
}

export interface WorkerLine {
  readonly thread: number;
  readonly version: number;
  readonly tasks: number;
  /** −1 = no transition is pending, 0 = does not run the patch, 1 = runs it. */
  readonly patchState: -1 | 0 | 1;
  /** What it is doing, if it holds up the transition. */
  readonly straggler: StragglerLine | null;
}

export interface StragglerLine {
  readonly tasks: readonly { readonly name: string; readonly serial: number; readonly milliseconds: number }[];
  readonly calls: readonly { readonly name: string; readonly patch: string | null; readonly calls: number }[];
}

export type LineKind = 'transition' | 'collection' | 'death' | 'module' | 'warning' | 'note' | 'action';

/** One line about something that happened. */
export interface Line {
  /** Counts the lines of this run. */
  readonly number: number;
  /** The line that this one takes the place of. */
  readonly replaces: number | null;
  readonly at: number;
  readonly kind: LineKind;
  readonly text: string;
}

/** Body of a POST to `act`. */
export type Action =
  | { readonly action: 'enable' | 'disable'; readonly patch: string }
  | { readonly action: 'reverse' }
  | { readonly action: 'force'; readonly reason: string };

/** What it came to. */
export type Answer =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; /** null for an error that is not Umbra's. */ readonly code: string | null; readonly message: string };
