/**
 * Owns the form of what a coordinator keeps in the store for a successor: everything it knows that threads and the type table do not tell, as plain JSON.
 * Patches are named by serial number; their code is not in it, but where it comes from. What is read back was written by another thread, maybe long ago: its
 * form is checked before anything is made of it. Touches no shared memory. Imports errors and the manifest.
 */
import { describe, messageOf, ShadowError } from '../errors.js';
import type { TransitionKind } from './events.js';
import type { SwitchMode } from './manifest.js';
import type { ModulePhase } from './patch.js';
import type { SourcePolicy } from './root.js';

export const RECORD_SCHEMA = 1;

/** One enabling of a patch. Flags in the order of the patch's objects and states. */
export interface EntryRecord {
  readonly serial: number;
  readonly name: string;
  readonly url: string;
  /** Whether it is a script, whose text is kept beside the record under the serial number. */
  readonly script: boolean;
  readonly digest?: string;
  readonly version: number;
  readonly enabled: boolean;
  readonly forced: string | null;
  /** registered, prePatched, patched */
  readonly objects: readonly (readonly boolean[])[];
  /** registered, prePatched, postPatched */
  readonly states: readonly (readonly boolean[])[];
  readonly undeclared: readonly string[];
  readonly owned: readonly (readonly [string, string])[];
}

export interface ArrangementRecord {
  readonly version: number;
  readonly stack: readonly number[];
}

export interface TransitionRecord {
  readonly serial: number;
  readonly kind: TransitionKind;
  readonly before: ArrangementRecord;
  readonly after: ArrangementRecord;
  readonly replaced: readonly number[];
  readonly migrations: readonly { readonly id: number; readonly from: number; readonly eager: boolean }[];
  readonly direction: 0 | 1;
  /** preparing: no thread has been told. cancelling: refused, no thread was told. pending: threads switch. completing: all have. */
  readonly stage: 'preparing' | 'cancelling' | 'pending' | 'completing';
  readonly migrating: boolean;
  readonly migrated: boolean;
  readonly forced: string | null;
  readonly leaving: readonly StateReference[];
}

/** Serial number of a patch, and the id of a state of it. */
export type StateReference = readonly [serial: number, state: number];

/** Types that an object of a patch registered, or a state of it. */
export interface RegisteredReference {
  readonly serial: number;
  readonly object: string | null;
  readonly state: number | null;
}

export interface PinRecord {
  readonly serial: number;
  readonly reason: string;
  readonly since: string;
  readonly registered: readonly RegisteredReference[];
}

interface ModuleStateRecord {
  readonly name: string;
  readonly phase: ModulePhase;
  readonly alive: boolean;
  readonly wasGone: boolean;
  /** All patches have been applied to it. */
  readonly applied: boolean;
}

export interface CoordinatorRecord {
  readonly schema: typeof RECORD_SCHEMA;
  readonly policy: SourcePolicy | null;
  /** Registrations of each id that are not a patch's. */
  readonly application: readonly (readonly [id: number, count: number])[];
  readonly lastSerial: number;
  readonly lastVersion: number;
  readonly redirection: boolean;
  readonly entries: readonly EntryRecord[];
  /** Enabled patches and the one in transition, oldest first. */
  readonly list: readonly number[];
  readonly settled: ArrangementRecord;
  readonly settledMode: SwitchMode;
  readonly transition: TransitionRecord | null;
  readonly holders: readonly (readonly [state: number, serials: readonly number[]])[];
  readonly inherited: readonly (readonly [state: number, held: readonly StateReference[]])[];
  readonly pinning: readonly PinRecord[];
  readonly pins: readonly PinRecord[];
  readonly modules: readonly ModuleStateRecord[];
  readonly gone: readonly string[];
  readonly refused: readonly (readonly [name: string, why: string])[];
  /** Ids being swept; the patch whose destructor runs. */
  readonly collecting: readonly {
    readonly id: number;
    readonly slot: number;
    readonly serial: number | null;
    readonly state: number | null;
  }[];
  /** Ids whose variables are being migrated, and the patches that know how. */
  readonly migrating: readonly { readonly id: number; readonly sources: readonly number[] }[];
  readonly journal: JournalRecord;
}

/** How far the coordinator has come in what it is doing. */
export interface JournalRecord {
  /** What it is in the middle of; null = nothing that has callbacks. */
  readonly stage: string | null;
  /** Callbacks that have certainly run, by `callKey()`: of that, and of what an earlier coordinator was in the middle of. */
  readonly told: readonly (readonly [stage: string, keys: readonly string[]])[];
  /** The one that was about to run, is running, or has run. */
  readonly calling: string | null;
}

/** @throws ERR_PATCH_TAKEOVER */
export function parseRecord(text: string): CoordinatorRecord {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (cause) {
    throw unusable(messageOf(cause), cause);
  }
  if (typeof record !== 'object' || record === null || (record as { schema?: unknown }).schema !== RECORD_SCHEMA)
    throw unusable(`its schema is ${describe((record as { schema?: unknown } | null)?.schema)}, this build reads ${RECORD_SCHEMA}`);
  return record as CoordinatorRecord;
}

/** What a record says that cannot be. */
export function unusable(why: string, cause?: unknown): ShadowError {
  return new ShadowError('ERR_PATCH_TAKEOVER', `the record of the dead coordinator cannot be used: ${why}; nothing was taken over`, {
    cause,
  });
}

/** What a callback is known by. */
export function callKey(callback: string, serial: number, object: string | null, state: number | null): string {
  return JSON.stringify([callback, serial, object, state]);
}

export function parseCallKey(key: string): { callback: string; serial: number; object: string | null; state: number | null } {
  const [callback, serial, object, state] = JSON.parse(key) as [string, number, string | null, number | null];
  return { callback, serial, object, state };
}
