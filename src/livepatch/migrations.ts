/**
 * Owns which versions of shadow types a transition puts in force, and the sweeps that migrate what nobody has touched. The version in force of
 * an id is the one that the newest patch declares, else the application's. Touches shared memory only through the type registry and
 * shadow/migration.ts. Imports errors, entry and the declaration of types.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { describe, messageOf, ShadowError } from '../errors.js';
import type { Migration } from '../shadow/migration.js';
import { migrationPath } from '../shadow/migration-path.js';
import type { ShadowStore } from '../shadow/store.js';
import type { AnyShadowType } from '../shadow/type.js';
import type { EntryOf, PatchEntry } from './entry.js';
import type { Announce } from './events.js';
import type { PatchReference } from './manifest.js';
import type { CoordinatorRecord } from './record.js';

/** All variables of an id that were left have been migrated. */
export interface MigratedEvent {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  /** Variables that the sweep migrated; the others were migrated by whoever used them first. */
  readonly variables: number;
  readonly milliseconds: number;
}

export interface PlannedMigration {
  /** The declaration that comes into force, or is and stays so: then variables of versions before it are left. */
  readonly type: AnyShadowType;
  readonly from: number;
  /** Whether a sweep follows: wanted by the patch, or because the code that can migrate goes away. */
  readonly eager: boolean;
}

export class Migrator {
  readonly #store: ShadowStore;
  readonly #announce: Announce;
  readonly #warn: (error: ShadowError) => void;
  readonly #onSwept: () => void;
  #sweeps: Promise<void> = Promise.resolve();
  readonly #pending = new Set<{ readonly id: number; readonly sources: readonly PatchEntry[] }>();
  /** Patches that have to stay loaded because they know how to migrate what is still to be swept. */
  readonly #retained = new Map<PatchEntry, number>();

  /** `onSwept`: the list of retained patches has become shorter. */
  constructor(store: ShadowStore, announce: Announce, warn: (error: ShadowError) => void, onSwept: () => void) {
    this.#store = store;
    this.#announce = announce;
    this.#warn = warn;
    this.#onSwept = onSwept;
  }

  get retained(): PatchReference[] {
    return [...this.#retained.keys()].map(({ reference }) => reference);
  }

  /**
   * What has to be migrated when `stack` takes the place of the patches enabled now. `leaving` are those of them that go.
   * @throws ERR_PATCH_MIGRATION when there is no way
   */
  plan(stack: readonly PatchEntry[], leaving: readonly PatchEntry[]): PlannedMigration[] {
    const { registry } = this.#store.internals;
    const staying = stack.flatMap(({ patch }) => patch.shadowTypes);
    const known = [...staying, ...leaving.flatMap(({ patch }) => patch.shadowTypes)];
    const planned: PlannedMigration[] = [];
    for (const [id, { type, by }] of this.#wanted(stack)) {
      const from = registry.versionInForce(id);
      if (from === undefined) continue;
      // Some variables may still be in a version before that, if nobody has used them since.
      const unreachable = (types: readonly AnyShadowType[]): number | undefined =>
        registry.versionsStored(id).find((stored) => migrationPath(id, stored, type, types) === undefined);
      const stranded = unreachable(known);
      const needsLeaving = stranded === undefined && unreachable(staying) !== undefined;
      if (from === type.version && !needsLeaving) continue;
      if (stranded !== undefined) {
        throw new ShadowError(
          'ERR_PATCH_MIGRATION',
          `variables of type ${id} are stored in version ${stranded}, and ${by} declares version ${type.version}, but no declaration leads there: ` +
            (stranded < type.version
              ? `give that version "previous" and "migrate"`
              : `give version ${stranded} a "migrateBack", or disable the patches that use the type first, if there are only patches`),
        );
      }
      const patch = stack.findLast((entry) => entry.patch.shadowTypes.includes(type))?.patch;
      planned.push({ type, from, eager: needsLeaving || patch?.migrate !== 'lazy' || from > type.version });
    }
    return planned;
  }

  /** Lets this thread use the migrations of these patches, and of those that are retained. */
  know(entries: readonly PatchEntry[]): void {
    this.#store.internals.bindings.know([...entries, ...this.#retained.keys()].flatMap(({ patch }) => patch.shadowTypes));
  }

  /**
   * Puts the planned versions in force. No task runs anywhere. `sources`: the patches that may be needed to migrate. If one cannot be put in
   * force when others are already, its variables stay as they are, with a warning.
   * @throws ERR_SHADOW_TYPES_FULL when none could
   */
  begin(planned: readonly PlannedMigration[], sources: readonly PatchEntry[]): void {
    let changed = 0;
    for (const { type, eager } of planned) {
      const migration = this.#change(type, changed);
      changed++;
      if (migration !== undefined && eager) this.#queue(migration, sources);
    }
  }

  #queue(migration: Migration, sources: readonly PatchEntry[]): void {
    const pending = { id: migration.id, sources };
    this.#pending.add(pending);
    for (const source of sources) this.#retained.set(source, (this.#retained.get(source) ?? 0) + 1);
    const startedAt = performance.now();
    this.#sweeps = this.#sweeps.then(async () => {
      await this.#sweep(migration, startedAt);
      this.#pending.delete(pending);
      for (const source of sources) this.#letGo(source);
      this.#onSwept();
    });
  }

  /** For the record. */
  get record(): CoordinatorRecord['migrating'] {
    return [...this.#pending].map(({ id, sources }) => ({ id, sources: sources.map(({ reference }) => reference.serial) }));
  }

  /** Patches that know how to migrate what is still to be swept. */
  get entries(): PatchEntry[] {
    return [...this.#pending].flatMap(({ sources }) => sources);
  }

  /** Goes on with the sweeps that a dead coordinator had begun. `stack`: whose declarations are in force. */
  resume({ migrating }: CoordinatorRecord, stack: readonly PatchEntry[], entryOf: EntryOf): void {
    const known = migrating.map(({ id, sources }) => ({ id, sources: sources.map(entryOf) }));
    this.#store.internals.bindings.know([...stack, ...known.flatMap(({ sources }) => sources)].flatMap(({ patch }) => patch.shadowTypes));
    for (const { id, sources } of known) {
      const type = this.declared(id, stack);
      const migration = type === undefined ? undefined : this.#store.internals.registry.leftOvers(type);
      if (migration !== undefined) this.#queue(migration, sources);
    }
  }

  /** Whether one of these versions is in force that was not before. */
  hasBegun(planned: readonly PlannedMigration[]): boolean {
    const { registry } = this.#store.internals;
    return planned.some(({ type, from }) => type.version !== from && registry.versionInForce(type.id) === type.version);
  }

  /** Resolves when every sweep begun so far is done. */
  async drained(): Promise<void> {
    await this.#sweeps;
  }

  #change(type: AnyShadowType, changed: number): Migration | undefined {
    try {
      const { registry } = this.#store.internals;
      return registry.changeVersion(type) ?? registry.leftOvers(type);
    } catch (error) {
      if (changed === 0) throw error;
      this.#warn(error as ShadowError);
      return undefined;
    }
  }

  async #sweep(migration: Migration, startedAt: number): Promise<void> {
    const { id, from, to } = migration;
    while (!migration.step()) await nextTurn();
    for (const cause of migration.failures) {
      const why = messageOf(cause);
      this.#warn(new ShadowError('ERR_SHADOW_MIGRATION', `a variable of type ${id} stays in version ${from}: ${why}`, { cause }));
    }
    this.#announce('migrated', { id, from, to, variables: migration.variables, milliseconds: performance.now() - startedAt });
  }

  #letGo(source: PatchEntry): void {
    const uses = this.#retained.get(source)! - 1;
    if (uses > 0) this.#retained.set(source, uses);
    else this.#retained.delete(source);
  }

  /** The declaration of an id that is to be in force for this stack. */
  declared(id: number, stack: readonly PatchEntry[]): AnyShadowType | undefined {
    return this.#wanted(stack).get(id)?.type;
  }

  /** The declaration of each id that is to be in force, with the name of whoever makes it. */
  #wanted(stack: readonly PatchEntry[]): Map<number, { type: AnyShadowType; by: string }> {
    const wanted = new Map<number, { type: AnyShadowType; by: string }>();
    for (const { owner, type } of this.#store.internals.registry.declarations())
      if (!owner.startsWith('patch ')) wanted.set(type.id, { type, by: 'the application' });
    for (const entry of stack)
      for (const type of entry.patch.shadowTypes) wanted.set(type.id, { type, by: `patch ${describe(entry.name)}` });
    return wanted;
  }
}
