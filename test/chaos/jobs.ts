/** What a pass over kills hands out, in words that go between processes. Types and names only. */

export const ROLES = ['holder', 'waiter', 'bystander'] as const;
export type Role = (typeof ROLES)[number];

/** How the others learn of the death: by its exit event, by waiting in vain for a lock, or by that on the main thread, which no event can reach. */
export const NEWS = ['event', 'waiter', 'main'] as const;
export type News = (typeof NEWS)[number];

/** How the thread dies; a waiter or bystander is always terminated. */
export type Fate = 'terminate' | 'exit' | 'throw';

/** One kill: of an operation by its name, at the n-th hit of a step by its number. */
export interface KillJob {
  readonly kind: 'kill';
  readonly operation: string;
  readonly step: number;
  readonly hit: number;
  readonly role: Role;
  readonly news: News;
  readonly fate: Fate;
}

/** Finds out which steps an operation comes by. */
export interface RecordJob {
  readonly kind: 'record';
  readonly operation: string;
}

export type Job = KillJob | RecordJob;

export interface Answer {
  /** Of a record: numbers of steps, and how often the operation comes by. */
  readonly hits: readonly (readonly [step: number, hits: number])[];
  readonly wrongs: readonly string[];
}
