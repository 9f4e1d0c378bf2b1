/**
 * Owns what is made of a dead coordinator's record: its patches, loaded anew, with what had been done for each, and the transition that was pending. Touches no
 * shared memory. Imports entry, line, record, states and transition.
 */
import { describe } from '../errors.js';
import { type EntryOf, PatchEntry } from './entry.js';
import { PATCHING, UNPATCHING } from './line.js';
import type { PatchReference } from './manifest.js';
import type { PlannedMigration } from './migrations.js';
import type { Patch } from './patch.js';
import { type ArrangementRecord, type CoordinatorRecord, type EntryRecord, type TransitionRecord, unusable } from './record.js';
import type { SourcePolicy } from './root.js';
import { heldState } from './states.js';
import type { AnyShadowType } from '../shadow/type.js';
import { type Arrangement, Transition } from './transition.js';

/** What another coordinator left, with all code that is needed to go on. */
export interface Takeover {
  /** Of the dead coordinator on the store. */
  readonly claim: number;
  /** Null if it died before it had written any. */
  readonly record: CoordinatorRecord | null;
  /** Where patches come from, those that are loaded already included. */
  readonly policy: SourcePolicy | undefined;
  /** By serial number. */
  readonly patches: ReadonlyMap<number, LoadedEntry>;
}

export interface LoadedEntry {
  readonly patch: Patch;
  readonly reference: PatchReference;
}

export function recordEntry(entry: PatchEntry, checked: Pick<EntryRecord, 'undeclared' | 'owned'>): EntryRecord {
  const { serial, name, url, code, digest } = entry.reference;
  return {
    serial,
    name,
    url,
    script: code !== null,
    ...(digest === undefined ? {} : { digest }),
    version: entry.version,
    enabled: entry.enabled,
    forced: entry.forced,
    objects: entry.objects.map(({ registered, prePatched, patched }) => [registered, prePatched, patched]),
    states: entry.states.map(({ registered, prePatched, postPatched }) => [registered, prePatched, postPatched]),
    undeclared: checked.undeclared,
    owned: checked.owned,
  };
}

/** @throws ERR_PATCH_TAKEOVER when a patch is not what it was */
export function restoreEntry(record: EntryRecord, loaded: LoadedEntry | undefined): PatchEntry {
  if (loaded === undefined) throw unusable(`patch ${describe(record.name)} was not loaded`);
  const { patch, reference } = loaded;
  const entry = new PatchEntry(patch, reference, record.version);
  if (patch.name !== record.name || entry.objects.length !== record.objects.length || entry.states.length !== record.states.length)
    throw unusable(`${record.url} does not hold the patch ${describe(record.name)} any more that was enabled`);
  entry.enabled = record.enabled;
  entry.forced = record.forced;
  entry.objects.forEach((object, i) => {
    [object.registered, object.prePatched, object.patched] = flags(record.objects[i]);
  });
  entry.states.forEach((state, i) => {
    [state.registered, state.prePatched, state.postPatched] = flags(record.states[i]);
  });
  return entry;
}

function flags(recorded: readonly boolean[] | undefined): [boolean, boolean, boolean] {
  return [recorded?.[0] === true, recorded?.[1] === true, recorded?.[2] === true];
}

export function recordArrangement({ version, stack }: Arrangement): ArrangementRecord {
  return { version, stack: stack.map(({ reference }) => reference.serial) };
}

export function restoreArrangement({ version, stack }: ArrangementRecord, entryOf: EntryOf): Arrangement {
  return { version, stack: stack.map(entryOf) };
}

export function recordTransition(transition: Transition): TransitionRecord {
  const { entry, kind, before, after, replaced, migrations, direction, stage, migrating, migrated, forced, leaving } = transition;
  return {
    serial: entry.reference.serial,
    kind,
    before: recordArrangement(before),
    after: recordArrangement(after),
    replaced: replaced.map(({ reference }) => reference.serial),
    migrations: migrations.map(({ type, from, eager }) => ({ id: type.id, from, eager })),
    direction,
    stage,
    migrating,
    migrated,
    forced,
    leaving: leaving.map((held) => [held.entry.reference.serial, held.record.declared.id]),
  };
}

/** `declared`: the declaration of an id that is in force for a stack. */
export function restoreTransition(
  record: TransitionRecord,
  entryOf: EntryOf,
  declared: (id: number, stack: readonly PatchEntry[]) => AnyShadowType | undefined,
): Transition {
  const after = restoreArrangement(record.after, entryOf);
  const migrations: PlannedMigration[] = record.migrations.map(({ id, from, eager }) => {
    const type = declared(id, after.stack);
    if (type === undefined) throw unusable(`nothing declares type ${id} any more; give the application's own types as the option "types"`);
    return { type, from, eager };
  });
  const { kind, replaced } = record;
  const before = restoreArrangement(record.before, entryOf);
  const transition = new Transition(entryOf(record.serial), kind, before, after, replaced.map(entryOf), migrations, performance.now());
  transition.direction = record.direction === PATCHING ? PATCHING : UNPATCHING;
  transition.stage = record.stage;
  transition.migrating = record.migrating;
  transition.migrated = record.migrated;
  transition.forced = record.forced;
  transition.leaving = record.leaving.map((reference) => heldState(reference, entryOf));
  return transition;
}
