/**
 * Owns the comparison of how things are with how they were: what a step that was refused or reversed must not have changed. Reads the
 * registry of types. Imports the types of coordinator and store.
 */
import type { Coordinator } from '../livepatch/coordinator.js';

export interface Snapshot {
  readonly version: number;
  readonly patches: readonly string[];
  readonly registrations: readonly string[];
  readonly modules: readonly string[];
  /** Ids of registered types. */
  readonly ids: ReadonlySet<number>;
}

export function takeSnapshot(coordinator: Coordinator): Snapshot {
  const owners = coordinator.store.internals.registry.owners();
  return {
    version: coordinator.version,
    patches: coordinator.patches.map(({ name, version, enabled, transition }) => {
      const state = transition ? 'in transition' : enabled ? 'enabled' : 'disabled';
      return `${name} (${state}) #${version}`;
    }),
    registrations: owners.map(({ owner, object, id }) => `type ${id} by ${owner}${object === '' ? '' : `, object ${object}`}`).sort(),
    modules: coordinator.modules.map(({ name, phase }) => `${name} (${phase})`).sort(),
    ids: new Set(owners.map(({ id }) => id)),
  };
}

/** What is different, in words. `died`: ids that were collected meanwhile. */
export function differences(before: Snapshot, after: Snapshot, died: readonly number[]): string[] {
  const found = [
    ...compare('patches', before.patches, after.patches),
    ...compare('registrations', before.registrations, after.registrations),
    ...compare('modules', before.modules, after.modules),
    ...[...new Set(died)].filter((id) => before.ids.has(id)).map((id) => `variables of type ${id} were collected`),
  ];
  if (found.length === 0 && before.version !== after.version) found.push('the threads run a version with another number');
  return found;
}

/** Serial numbers decide, but would make every finding a different one. */
function compare(what: string, before: readonly string[], after: readonly string[]): string[] {
  const gone = before.filter((entry) => !after.includes(entry));
  const come = after.filter((entry) => !before.includes(entry));
  if (gone.length === 0 && come.length === 0) return [];
  const tell = (entries: readonly string[]): string => entries.map((entry) => entry.replace(/ #\d+/g, '')).join(', ') || 'none';
  return [`${what} before: ${tell(gone)}, now: ${tell(come)}`];
}
