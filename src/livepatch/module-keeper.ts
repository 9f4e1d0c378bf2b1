/**
 * Owns the coming and going of modules (livepatch-semantics 2.8 and 2.9): every enabled patch is applied to a module before its own
 * initialisation runs, and reverted after its exit has run; a patch that fails refuses the module, and all that was done for it is undone
 * (H6). Its caller holds the coordinator's mutex where a method says so. Touches shared memory only through objects.ts. Imports errors,
 * entry, objects and modules.
 */
import { describe, messageOf, ShadowError } from '../errors.js';
import type { ObjectRecord, PatchEntry } from './entry.js';
import type { Announce } from './events.js';
import type { Journal } from './journal.js';
import type { ModuleTable } from './modules.js';
import type { ObjectKeeper } from './objects.js';
import { BASE_OBJECT } from './patch.js';
import { callKey } from './record.js';

/** What the keeper needs of the coordinator. */
export interface ModuleHost {
  /** Enabled patches and the one in transition, oldest first. */
  list(): readonly PatchEntry[];
  /** Whether the patch is the one in transition: its post_patch and pre_unpatch wait for the end, or do not run. */
  inTransition(entry: PatchEntry): boolean;
  /** Tells the threads. */
  retell(): void;
}

export class ModuleKeeper {
  readonly #table: ModuleTable;
  readonly #objects: ObjectKeeper;
  readonly #host: ModuleHost;
  readonly #journal: Journal;
  readonly #announce: Announce;
  readonly #warn: (error: ShadowError) => void;
  /** Modules that threads have declared functions of, and nobody has dealt with yet. */
  readonly #declared = new Set<string>();

  constructor(
    table: ModuleTable,
    objects: ObjectKeeper,
    host: ModuleHost,
    journal: Journal,
    announce: Announce,
    warn: (error: ShadowError) => void,
  ) {
    this.#table = table;
    this.#objects = objects;
    this.#host = host;
    this.#journal = journal;
    this.#announce = announce;
    this.#warn = warn;
  }

  /** The application says that a module comes. Under the mutex. @throws ERR_PATCH_MODULE */
  async come(name: string): Promise<void> {
    this.#checkName(name);
    const { phase } = this.#table.infos.find((info) => info.name === name) ?? {};
    if (phase !== undefined) throw refusal(name, `is ${phase} already; unload it first`);
    await this.#apply(name, false);
  }

  /** Under the mutex. @throws ERR_PATCH_MODULE */
  beginToGo(name: string): void {
    this.#checkName(name);
    const { phase } = this.#table.infos.find((info) => info.name === name) ?? {};
    if (phase !== 'live') throw refusal(name, phase === undefined ? 'is not loaded' : `is ${phase}; only a live one can be unloaded`);
    this.#table.go(name);
    this.#journal.save();
  }

  /** Its initialisation has run. */
  live(name: string): void {
    this.#table.live(name);
    this.#journal.save();
  }

  /** Its exit has run, or its initialisation has failed. Under the mutex. */
  async leave(name: string): Promise<void> {
    this.#table.die(name);
    this.#journal.enter(stageOf(name));
    for (const { entry, record } of this.#parts(name)) await this.#revert(entry, record);
    this.#table.leave(name);
    this.#journal.leave();
    this.#host.retell();
  }

  /**
   * Ends what a dead coordinator was in the middle of: a module that was going is gone, one that was coming is not there, for whoever initialised it is gone as
   * well. Threads that declare it make it come again. Under the mutex.
   */
  async resume(): Promise<void> {
    for (const { name, phase, applied } of this.#table.underWay) {
      if (phase === 'going') await this.leave(name);
      else await this.#rollBack(name, applied);
    }
  }

  /** Threads declare functions of these modules. @returns whether `admit()` has something to do */
  declare(names: readonly string[]): boolean {
    for (const name of names) if (this.#table.isNew(name)) this.#declared.add(name);
    return this.#declared.size > 0;
  }

  /** Lets modules come that threads have loaded: they are initialised already, but no task of these threads runs before. Under the mutex. */
  async admit(): Promise<void> {
    for (const name of [...this.#declared]) {
      this.#declared.delete(name);
      if (!this.#table.isNew(name)) continue;
      try {
        await this.#apply(name, true);
        this.live(name);
      } catch (error) {
        this.#warn(error as ShadowError);
      }
    }
  }

  /** The patches have changed: modules that were refused to threads may come now. Under the mutex. */
  async reconsider(): Promise<void> {
    for (const name of this.#table.refused) {
      this.#table.forgive(name);
      this.#declared.add(name);
    }
    await this.admit();
  }

  async #apply(name: string, forThreads: boolean): Promise<void> {
    this.#table.come(name);
    this.#journal.enter(stageOf(name));
    const applied: { entry: PatchEntry; record: ObjectRecord }[] = [];
    for (const part of this.#parts(name)) {
      const { entry, record } = part;
      this.#announce('milestone', { milestone: 'apply-to-module', patch: entry.name, module: name });
      try {
        await this.#objects.apply(entry, record);
      } catch (cause) {
        await this.#objects.postUnpatch(entry, record);
        this.#announce('milestone', { milestone: 'module-refused', patch: entry.name, module: name });
        await this.#objects.leave(entry, record);
        for (const earlier of applied) await this.#revert(earlier.entry, earlier.record);
        const why = messageOf(cause);
        const error = refusal(name, `was refused by patch ${describe(entry.name)}: ${why}`, cause);
        this.#table.refuse(name, forThreads ? error.message : null);
        this.#journal.leave();
        this.#host.retell();
        throw error;
      }
      if (!this.#host.inTransition(entry)) await this.#objects.postPatch(entry, record);
      applied.push(part);
    }
    this.#table.applied(name);
    this.#journal.leave();
    this.#host.retell();
  }

  /** Undoes what was done for a module that was coming, as far as it was done; a pre_patch that was cut short is answered as well. */
  async #rollBack(name: string, applied: boolean): Promise<void> {
    const may = (callback: string, { reference }: PatchEntry): boolean =>
      this.#journal.mayHaveRun(callKey(callback, reference.serial, name, null));
    for (const { entry, record } of this.#parts(name)) if (!applied && may('prePatch', entry)) record.prePatched = true;
    this.#journal.enter(stageOf(name));
    for (const { entry, record } of this.#parts(name)) {
      if ((applied || may('postPatch', entry)) && !this.#host.inTransition(entry)) await this.#objects.preUnpatch(entry, record);
      this.#announce('milestone', { milestone: 'revert-from-module', patch: entry.name, module: name });
      await this.#objects.leave(entry, record);
    }
    this.#table.refuse(name, null);
    this.#journal.leave();
    this.#host.retell();
  }

  async #revert(entry: PatchEntry, record: ObjectRecord): Promise<void> {
    if (!this.#host.inTransition(entry)) await this.#objects.preUnpatch(entry, record);
    this.#announce('milestone', { milestone: 'revert-from-module', patch: entry.name, module: record.object.name });
    await this.#objects.leave(entry, record);
  }

  #parts(name: string): { entry: PatchEntry; record: ObjectRecord }[] {
    return this.#host.list().flatMap((entry) => {
      const record = entry.object(name);
      return record === undefined ? [] : [{ entry, record }];
    });
  }

  #checkName(name: unknown): asserts name is string {
    if (typeof name !== 'string' || name.length === 0 || name.length > 64)
      throw new ShadowError('ERR_PATCH_MODULE', `the name of a module is a string of 1 to 64 characters, not ${describe(name)}`);
    if (name === BASE_OBJECT) throw refusal(name, 'is the object that is always there; give the module another name');
  }
}

function stageOf(module: string): string {
  return `module ${module}`;
}

function refusal(name: string, why: string, cause?: unknown): ShadowError {
  return new ShadowError('ERR_PATCH_MODULE', `module ${describe(name)} ${why}`, { cause });
}
