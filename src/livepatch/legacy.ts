/**
 * Owns what a coordinator leaves to a successor, as one record, and the way back from that record. Touches shared memory only through what it hands the record
 * to: the registrar, the collector and the migrator. Imports entry, record, restore and the parts of a coordinator.
 */
import type { Collector } from './collector.js';
import type { EntryOf, PatchEntry } from './entry.js';
import type { Journal, Snapshot } from './journal.js';
import type { Migrator } from './migrations.js';
import type { ModuleTable } from './modules.js';
import { type CoordinatorRecord, RECORD_SCHEMA, unusable } from './record.js';
import type { Redirection } from './redirection.js';
import type { Registrar } from './registrar.js';
import {
  recordArrangement,
  recordEntry,
  recordTransition,
  restoreArrangement,
  restoreEntry,
  restoreTransition,
  type Takeover,
} from './restore.js';
import type { SourcePolicy } from './root.js';
import type { Standing } from './standing.js';
import type { StateTable } from './states.js';

/** Everything in a coordinator that knows something which threads and the type table do not tell. */
export interface Parts {
  /** Registrations of each id that are no patch's. */
  readonly application: ReadonlyMap<number, number>;
  readonly policy: SourcePolicy | undefined;
  readonly standing: Standing;
  readonly journal: Journal;
  readonly states: StateTable;
  readonly registrar: Registrar;
  readonly modules: ModuleTable;
  readonly redirection: Redirection;
  readonly collector: Collector;
  readonly migrator: Migrator;
}

export class Legacy {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  snapshot(): Snapshot {
    const { application, policy, standing, states, registrar, modules, redirection, collector, migrator } = this.#parts;
    const { transition } = standing;
    const entries = new Set([...standing.patches, ...states.entries, ...registrar.entries, ...collector.entries, ...migrator.entries]);
    return {
      schema: RECORD_SCHEMA,
      policy: policy ?? null,
      application: [...application],
      lastSerial: standing.lastSerial,
      lastVersion: standing.lastVersion,
      redirection: redirection.isOn,
      entries: [...entries].map((entry) => {
        const checked = redirection.checked(entry);
        return recordEntry(entry, { undeclared: checked?.undeclared ?? [], owned: [...(checked?.owned ?? [])] });
      }),
      list: standing.list.map(({ reference }) => reference.serial),
      settled: recordArrangement(standing.settled),
      settledMode: standing.settledMode,
      transition: transition === undefined ? null : recordTransition(transition),
      ...states.record,
      ...registrar.record,
      ...modules.record,
      collecting: collector.record,
      migrating: migrator.record,
    };
  }

  /** Makes everything as the record of a dead coordinator says; threads are told by `resume()`. @throws ERR_PATCH_TAKEOVER */
  restore(record: CoordinatorRecord, patches: Takeover['patches']): void {
    const { standing, journal, states, registrar, modules, redirection, collector, migrator } = this.#parts;
    const entries = new Map<number, PatchEntry>();
    for (const one of record.entries) {
      const entry = restoreEntry(one, patches.get(one.serial));
      entries.set(one.serial, entry);
      redirection.note(entry, { undeclared: one.undeclared, owned: new Map(one.owned) });
    }
    const entryOf: EntryOf = (serial) => {
      const entry = entries.get(serial);
      if (entry === undefined) throw unusable(`it names patch number ${serial}, and does not describe it`);
      return entry;
    };
    standing.lastSerial = record.lastSerial;
    standing.lastVersion = record.lastVersion;
    standing.list = record.list.map(entryOf);
    standing.settled = restoreArrangement(record.settled, entryOf);
    standing.settledMode = record.settledMode;
    redirection.resume(record.redirection);
    states.resume(record, entryOf);
    modules.resume(record);
    const scripts = record.entries.filter(({ script }) => script).map(({ serial }) => serial);
    journal.resume(record.journal, scripts);
    const successions = registrar.resume(record, [...entries.values()], entryOf);
    this.#restoreTransition(record, entryOf);
    for (const { collection, entry, state } of successions) collector.sweep(collection, entry, state);
    const { migrated, before, after } = standing.transition ?? { migrated: false, before: standing.settled, after: standing.settled };
    migrator.resume(record, (migrated ? after : before).stack, entryOf);
    journal.save();
  }

  #restoreTransition({ transition: recorded }: CoordinatorRecord, entryOf: EntryOf): void {
    if (recorded === null) return;
    const { standing, migrator } = this.#parts;
    const transition = restoreTransition(recorded, entryOf, (id, stack) => migrator.declared(id, stack));
    standing.transition = transition;
    transition.entry.transition = true;
    // The dead coordinator was about to put versions in force: if it had not begun, there still is a way back.
    if (transition.migrating && !transition.migrated) transition.migrating = migrator.hasBegun(transition.migrations);
  }
}
