/**
 * Owns what a coordinator is made of, and which of its parts tells which: made afresh, or as a dead one's were. Writes shared memory only through those parts, which it
 * imports.
 */
import { messageOf, ShadowError } from '../errors.js';
import { Records } from '../shadow/records.js';
import type { ShadowStore } from '../shadow/store.js';
import { countRegistrations } from '../shadow/succession.js';
import type { AnyShadowType } from '../shadow/type.js';
import { CallbackRunner } from './callbacks.js';
import { Collector } from './collector.js';
import { Deaths } from './deaths.js';
import type { Announce } from './events.js';
import { Journal } from './journal.js';
import { Legacy } from './legacy.js';
import { Migrator } from './migrations.js';
import { ModuleKeeper } from './module-keeper.js';
import { ModuleTable } from './modules.js';
import { ObjectKeeper } from './objects.js';
import type { ReadOptions } from './options.js';
import type { StateEntry } from './patch.js';
import { unusable } from './record.js';
import { Redirection } from './redirection.js';
import { Registrar } from './registrar.js';
import type { Takeover } from './restore.js';
import { Stages } from './stages.js';
import { Standing } from './standing.js';
import { StateTable } from './states.js';
import { Threads } from './threads.js';

export interface Assembly {
  readonly standing: Standing;
  readonly threads: Threads;
  readonly modules: ModuleTable;
  readonly keeper: ModuleKeeper;
  readonly registrar: Registrar;
  readonly callbacks: CallbackRunner;
  readonly deaths: Deaths;
  readonly journal: Journal;
  readonly collector: Collector;
  readonly objects: ObjectKeeper;
  readonly states: StateTable;
  readonly stages: Stages;
  readonly redirection: Redirection;
  readonly migrator: Migrator;
  readonly announce: Announce;
  readonly warn: (error: ShadowError) => void;
}

/** What the parts ask of whoever has them. */
export interface AssemblyHost {
  previousState(id: number): StateEntry | undefined;
  /** Has work done under the mutex that nobody waits for. */
  background(work: () => Promise<void> | void): void;
  /** A sweep that migrates is over: threads may let go of what it needed. */
  swept(): void;
}

/** `takeover`: what a dead coordinator left. @throws what `Coordinator` says */
export function assemble(
  store: ShadowStore,
  options: ReadOptions,
  takeover: Takeover | undefined,
  announce: Announce,
  warn: (error: ShadowError) => void,
  host: AssemblyHost,
): Assembly {
  const standing = new Standing();
  const redirection = new Redirection();
  const application = new Map(takeover?.record?.application ?? countRegistrations(store.internals.memory));
  const records = new Records(store.internals.variables, store.internals.bindings);
  const journal = new Journal(records, warn, () => legacy.snapshot());
  const collector = new Collector(announce, warn, () => {
    journal.save();
  });
  const registrar = new Registrar(store, journal, collector, announce, (id) =>
    migrator.declared(id, standing.transition?.target.stack ?? standing.list),
  );
  const modules = new ModuleTable(announce);
  const callbacks = new CallbackRunner(store, journal, announce, warn, (id) => host.previousState(id));
  const states = new StateTable(callbacks, registrar);
  const objects = new ObjectKeeper(callbacks, registrar, modules, announce, (entry, name) => redirection.obstacle(entry, name));
  const stages = new Stages(objects, states, registrar, announce);
  const migrator: Migrator = new Migrator(store, announce, warn, () => {
    host.swept();
  });
  const deaths = new Deaths(store, announce, warn);
  const threads: Threads = new Threads(store, options.threads, options.policy, takeover?.claim ?? 0, {
    modules: () => modules.entries,
    onModules: (names) => {
      if (keeper.declare(names)) host.background(() => keeper.admit());
    },
    onLateFailure: warn,
    onDeath: () => {
      deaths.look();
    },
    onPoke: (attempt, stragglers) => {
      if (standing.transition !== undefined) announce('poke', { patch: standing.transition.entry.name, attempt, stragglers });
    },
  });
  const keeper: ModuleKeeper = new ModuleKeeper(
    modules,
    objects,
    {
      list: () => standing.list,
      inTransition: (entry) => standing.transition?.entry === entry,
      retell: () => {
        journal.save();
        threads.retell();
      },
    },
    journal,
    announce,
    warn,
  );
  if (options.types !== undefined) declare(store, options.types);
  const legacy: Legacy = new Legacy({
    application,
    policy: options.policy,
    standing,
    journal,
    states,
    registrar,
    modules,
    redirection,
    collector,
    migrator,
  });
  try {
    if (takeover === undefined || takeover.record === null) journal.begin();
    else legacy.restore(takeover.record, takeover.patches);
  } catch (error) {
    threads.giveUp();
    deaths.close();
    throw error instanceof ShadowError ? error : unusable(messageOf(error), error);
  }
  return {
    standing,
    threads,
    modules,
    keeper,
    registrar,
    callbacks,
    deaths,
    journal,
    collector,
    objects,
    states,
    stages,
    redirection,
    migrator,
    announce,
    warn,
  };
}

/** The application's own types, of which another thread's store object knows. */
function declare({ internals }: ShadowStore, types: readonly AnyShadowType[]): void {
  const known = internals.registry.declarations().some(({ owner }) => !owner.startsWith('patch '));
  if (!known) internals.registry.adopt('application', 'base', types);
}
