/**
 * Owns the states of enabled patches: which patches hold which state, by count and not by looking for another patch in a list (H10), and what
 * follows when the first one takes it and the last one lets go. Whether a new patch is compatible is decided here too. Touches shared memory
 * only through the registrar. Imports errors, callbacks, entry, registrar and patch.
 */
import { describe, ShadowError } from '../errors.js';
import { type CallbackRunner, ofState } from './callbacks.js';
import type { EntryOf, PatchEntry, StateRecord } from './entry.js';
import { type DeclaredState, hasCallbacks, type Patch } from './patch.js';
import { type CoordinatorRecord, type StateReference, unusable } from './record.js';
import type { Registrar } from './registrar.js';

/** A state of a patch that is coming or going. */
export interface HeldState {
  readonly entry: PatchEntry;
  readonly record: StateRecord;
}

/**
 * Whether `patch` can cope with what the enabled patches have made of the system: it must support each of their states in the same or a
 * higher version, and may leave one out only if the patch that brought it stays, or knows how to undo it itself: a state with callbacks or
 * a shadow type of its own, which does not block disabling.
 * @throws ERR_PATCH_STATE
 */
export function checkStates(enabled: readonly Patch[], patch: Patch): void {
  for (const older of enabled) {
    for (const state of older.states) {
      const { id, version } = state;
      const supported = patch.states.find((candidate) => candidate.id === id);
      if (supported === undefined ? !patch.replace || undoesItself(state) : supported.version >= version) continue;
      const offer = supported === undefined ? 'does not know it' : `supports version ${supported.version}`;
      throw new ShadowError(
        'ERR_PATCH_STATE',
        `enabled patch ${describe(older.name)} holds state ${id} in version ${version}, patch ${describe(patch.name)} ${offer}; ` +
          (state.blockDisable
            ? `enable a patch that supports version ${version}, for the state blocks disabling`
            : `disable ${describe(older.name)} first or enable a patch that supports version ${version}`),
      );
    }
  }
}

function undoesItself({ callbacks, shadowType, blockDisable }: DeclaredState): boolean {
  return !blockDisable && (hasCallbacks(callbacks) || shadowType !== undefined);
}

export class StateTable {
  readonly #callbacks: CallbackRunner;
  readonly #registrar: Registrar;
  /** In the order in which they took it. */
  readonly #holders = new Map<number, PatchEntry[]>();
  /** Registrations of states that their patch gave up while others, which have none, still hold the state. */
  readonly #inherited = new Map<number, HeldState[]>();

  constructor(callbacks: CallbackRunner, registrar: Registrar) {
    this.#callbacks = callbacks;
    this.#registrar = registrar;
  }

  /**
   * The patch takes its states; for those that nobody held the types are registered and prePatch is asked. @returns these.
   * A refusal leaves to `release()` what has been done until then.
   * @throws ERR_PATCH_PRE_PATCH, ERR_SHADOW_…
   */
  async take(entry: PatchEntry): Promise<void> {
    for (const record of entry.states) {
      const holders = this.#holders.get(record.declared.id) ?? [];
      this.#holders.set(record.declared.id, holders);
      if (record.declared.shadowType !== undefined) this.#registrar.registerState(entry, record);
      holders.push(entry);
      if (holders.length > 1) continue;
      await this.#callbacks.askPrePatch(ofState(entry, record));
      record.prePatched = true;
    }
  }

  /** The patch took effect: postPatch of what it introduced. What it took over is undone by it as well, later. */
  async settle(entry: PatchEntry): Promise<void> {
    for (const record of entry.states) {
      if (record.prePatched && !record.postPatched) await this.#callbacks.tell('postPatch', ofState(entry, record));
      record.prePatched = true;
      record.postPatched = true;
    }
  }

  /** The states that nobody will hold any more once these patches are gone, each with the newest of them that holds it. */
  leaving(entries: readonly PatchEntry[]): HeldState[] {
    const leaving: HeldState[] = [];
    for (const [id, holders] of this.#holders) {
      const last = holders.at(-1);
      if (last !== undefined && holders.every((holder) => entries.includes(holder))) leaving.push({ entry: last, record: last.state(id)! });
    }
    return leaving;
  }

  /** preUnpatch of states that are about to be released. */
  async prepareRelease(leaving: readonly HeldState[]): Promise<void> {
    for (const { entry, record } of leaving) {
      if (!record.postPatched) continue;
      await this.#callbacks.tell('preUnpatch', ofState(entry, record));
      record.postPatched = false;
    }
  }

  /** They stay after all: what preUnpatch undid is done again. */
  async keep(leaving: readonly HeldState[]): Promise<void> {
    for (const { entry, record } of leaving) {
      if (record.postPatched || !record.prePatched) continue;
      await this.#callbacks.tell('postPatch', ofState(entry, record));
      record.postPatched = true;
    }
  }

  /**
   * The patch gives up its states; those that nobody holds any more get postUnpatch, and then their variables are freed. `tookEffect`: false if
   * the patch was refused or reversed, and leaves nothing to those that go on holding a state.
   */
  async release(entry: PatchEntry, tookEffect: boolean): Promise<void> {
    for (const record of entry.states) {
      const { id } = record.declared;
      const holders = this.#holders.get(id) ?? [];
      const index = holders.indexOf(entry);
      if (index >= 0) holders.splice(index, 1);
      if (holders.length > 0) {
        if (record.registered && tookEffect) this.#passOn(id, holders, { entry, record });
        else if (record.registered) this.#registrar.unregisterState(entry, record);
        continue;
      }
      this.#holders.delete(id);
      if (record.prePatched) {
        await this.#callbacks.tell('postUnpatch', ofState(entry, record));
        record.prePatched = false;
      }
      if (record.registered) this.#registrar.unregisterState(entry, record);
      for (const inherited of this.#inherited.get(id) ?? []) this.#registrar.unregisterState(inherited.entry, inherited.record, entry);
      this.#inherited.delete(id);
    }
  }

  /** For the record. */
  get record(): Pick<CoordinatorRecord, 'holders' | 'inherited'> {
    const serial = ({ reference }: PatchEntry): number => reference.serial;
    return {
      holders: [...this.#holders].map(([id, holders]) => [id, holders.map(serial)]),
      inherited: [...this.#inherited].map(([id, held]) => [id, held.map(({ entry }) => [serial(entry), id])]),
    };
  }

  /** Patches that it would need even if they were on no list. */
  get entries(): PatchEntry[] {
    return [...this.#inherited.values()].flatMap((held) => held.map(({ entry }) => entry));
  }

  /** As it was when the record was written. */
  resume({ holders, inherited }: CoordinatorRecord, entryOf: EntryOf): void {
    for (const [id, serials] of holders) this.#holders.set(id, serials.map(entryOf));
    for (const [id, held] of inherited)
      this.#inherited.set(
        id,
        held.map((reference) => heldState(reference, entryOf)),
      );
  }

  #passOn(id: number, holders: readonly PatchEntry[], held: HeldState): void {
    const type = held.record.declared.shadowType!.id;
    const registeredElsewhere = holders.some((holder) => holder.state(id)!.declared.shadowType?.id === type);
    if (registeredElsewhere) this.#registrar.unregisterState(held.entry, held.record);
    else this.#inherited.set(id, [...(this.#inherited.get(id) ?? []), held]); // twice does no harm: it is unregistered once
  }
}

export function heldState([serial, state]: StateReference, entryOf: EntryOf): HeldState {
  const entry = entryOf(serial);
  const record = entry.state(state);
  if (record === undefined) throw unusable(`patch ${describe(entry.name)} has no state ${state}`);
  return { entry, record };
}
