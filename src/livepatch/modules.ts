/**
 * Owns the list of modules, the objects that come and go: which are alive, and in which phase. A module is alive from the moment it is coming
 * to the moment its exit has run (the kernel's klp_alive), so that a patch enabled meanwhile knows whether coming and going still follow.
 * Touches no shared memory. Imports the manifest's form of a module and the name of the base object.
 */
import type { Announce } from './events.js';
import type { ModuleEntry } from './manifest.js';
import { BASE_OBJECT, type ModulePhase } from './patch.js';
import type { CoordinatorRecord } from './record.js';

/** A module that is loaded, or on its way in or out. Plain JSON. */
export interface ModuleInfo {
  readonly name: string;
  readonly phase: ModulePhase;
}

interface ModuleRecord {
  readonly name: string;
  phase: ModulePhase;
  alive: boolean;
  /** Whether the application had unloaded it before. */
  readonly wasGone: boolean;
  /** Whether all patches have been applied to it. */
  applied: boolean;
}

export class ModuleTable {
  readonly #announce: Announce;
  readonly #modules = new Map<string, ModuleRecord>();
  /** Modules that the application has unloaded: workers that declare their functions do not bring them back. */
  readonly #gone = new Set<string>();
  /** Modules of workers that a patch did not let come, with the reason. */
  readonly #refused = new Map<string, string>();

  constructor(announce: Announce) {
    this.#announce = announce;
  }

  get infos(): ModuleInfo[] {
    return [...this.#modules.values()].map(({ name, phase }) => ({ name, phase }));
  }

  /** For the manifest: everything that a thread may have to know. */
  get entries(): ModuleEntry[] {
    const alive = [...this.#modules.values()].filter((module) => module.alive);
    return [
      ...alive.map(({ name }) => ({ name, state: 'live' as const })),
      ...[...this.#gone].map((name) => ({ name, state: 'gone' as const })),
      ...[...this.#refused].map(([name, why]) => ({ name, state: 'refused' as const, why })),
    ];
  }

  get refused(): string[] {
    return [...this.#refused.keys()];
  }

  isAlive(name: string): boolean {
    return name === BASE_OBJECT || this.#modules.get(name)?.alive === true;
  }

  /** Null for `base`, undefined for what is not loaded. */
  phase(name: string): ModulePhase | null {
    return name === BASE_OBJECT ? null : (this.#modules.get(name)?.phase ?? null);
  }

  /** Whether a thread that declares functions of this module makes it come. */
  isNew(name: string): boolean {
    return name !== BASE_OBJECT && !this.#modules.has(name) && !this.#gone.has(name) && !this.#refused.has(name);
  }

  come(name: string): void {
    const wasGone = this.#gone.delete(name);
    this.#refused.delete(name);
    this.#modules.set(name, { name, phase: 'coming', alive: true, wasGone, applied: false });
    this.#announce('module', { name, phase: 'coming' });
  }

  /** All patches have been applied to it; its own initialisation follows. */
  applied(name: string): void {
    this.#modules.get(name)!.applied = true;
  }

  /** Modules on their way, and how far they are. */
  get underWay(): { readonly name: string; readonly phase: ModulePhase; readonly applied: boolean }[] {
    return [...this.#modules.values()]
      .filter(({ phase }) => phase !== 'live')
      .map(({ name, phase, applied }) => ({ name, phase, applied }));
  }

  live(name: string): void {
    this.#modules.get(name)!.phase = 'live';
    this.#announce('module', { name, phase: 'live' });
  }

  go(name: string): void {
    this.#modules.get(name)!.phase = 'going';
    this.#announce('module', { name, phase: 'going' });
  }

  /** Its exit has run: nobody uses it any more. */
  die(name: string): void {
    this.#modules.get(name)!.alive = false;
  }

  leave(name: string): void {
    this.#modules.delete(name);
    this.#gone.add(name);
    this.#announce('module', { name, phase: 'gone' });
  }

  /** `why`: for the tasks of workers that need it; null if only the application asked for it, and was told: what was gone stays so. */
  refuse(name: string, why: string | null): void {
    const { wasGone } = this.#modules.get(name)!;
    this.#modules.delete(name);
    if (why !== null) this.#refused.set(name, why);
    else if (wasGone) this.#gone.add(name);
    this.#announce('module', { name, phase: 'refused' });
  }

  /** For the record. */
  get record(): Pick<CoordinatorRecord, 'modules' | 'gone' | 'refused'> {
    return { modules: [...this.#modules.values()].map((module) => ({ ...module })), gone: [...this.#gone], refused: [...this.#refused] };
  }

  /** As it was when the record was written. */
  resume({ modules, gone, refused }: CoordinatorRecord): void {
    for (const { name, phase, alive, wasGone, applied } of modules) this.#modules.set(name, { name, phase, alive, wasGone, applied });
    for (const name of gone) this.#gone.add(name);
    for (const [name, why] of refused) this.#refused.set(name, why);
  }

  /** Lets workers ask for it again. */
  forgive(name: string): void {
    this.#refused.delete(name);
  }
}
