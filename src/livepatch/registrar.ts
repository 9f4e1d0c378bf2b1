/**
 * Owns the registrations of patches with the store: those of objects and those of states, with their events, and what follows when the last
 * one of an id goes. A forced transition leaves code behind that may still use the variables: its registrations are kept instead, as
 * *pinned*, until the operator gives them up (H9). Touches shared memory only through the type registry and the collector. Imports errors,
 * entry, collector and the type of the store.
 */
import { describe, ShadowError } from '../errors.js';
import type { ShadowStore } from '../shadow/store.js';
import { countRegistrations, succeed } from '../shadow/succession.js';
import type { Collection } from '../shadow/sweep.js';
import type { AnyShadowType } from '../shadow/type.js';
import type { Collector } from './collector.js';
import type { EntryOf, ObjectRecord, PatchEntry, StateRecord } from './entry.js';
import type { Announce } from './events.js';
import type { Journal } from './journal.js';
import { type CoordinatorRecord, type PinRecord, type RegisteredReference, unusable } from './record.js';

/** One call of `register`, to be undone by one call of `unregister`. */
interface Registered {
  readonly entry: PatchEntry;
  readonly owner: string;
  readonly object: string | null;
  readonly state: number | null;
  readonly types: readonly AnyShadowType[];
}

/** What a forced transition left behind: registrations of a patch that is not enabled any more, but whose code may still run somewhere. */
export interface PinnedPatch {
  readonly patch: string;
  /** What the operator gave as the reason for forcing. */
  readonly reason: string;
  /** ISO 8601 */
  readonly since: string;
  /** Ids that are kept alive. */
  readonly types: readonly number[];
}

interface Pin extends Omit<PinnedPatch, 'types'> {
  readonly entry: PatchEntry;
  readonly registered: Registered[];
}

/** An id that a new coordinator has to sweep. */
export interface Succession {
  readonly collection: Collection;
  /** Whose destructor runs; null if nobody knows. */
  readonly entry: PatchEntry | null;
  readonly state: number | null;
}

export class Registrar {
  readonly #store: ShadowStore;
  readonly #journal: Journal;
  readonly #collector: Collector;
  readonly #announce: Announce;
  readonly #inForce: (id: number) => AnyShadowType | undefined;
  /** Of patches that are still on their way out. */
  readonly #pinning = new Map<PatchEntry, Pin>();
  #pins: Pin[] = [];

  /** `inForce`: the declaration by which an id begins that nobody has registered. An older patch may come first, when a module comes. */
  constructor(
    store: ShadowStore,
    journal: Journal,
    collector: Collector,
    announce: Announce,
    inForce: (id: number) => AnyShadowType | undefined,
  ) {
    this.#store = store;
    this.#journal = journal;
    this.#collector = collector;
    this.#announce = announce;
    this.#inForce = inForce;
  }

  /** Patches whose registrations outlive them, because a transition away from them was forced. */
  get pinned(): PinnedPatch[] {
    return this.#pins.map(shown);
  }

  /** All types of the object, or none. @throws ERR_SHADOW_… */
  registerObject(entry: PatchEntry, record: ObjectRecord): void {
    this.#register(ofObject(entry, record), record);
  }

  /** Harmless for an object that is not registered (H4). */
  unregisterObject(entry: PatchEntry, record: ObjectRecord): void {
    if (!record.registered) return;
    record.registered = false;
    this.#unregister(ofObject(entry, record), entry);
  }

  /** @throws ERR_SHADOW_… */
  registerState(entry: PatchEntry, record: StateRecord): void {
    this.#register(ofState(entry, record), record);
  }

  /** `by`: whose going ends it, if that is another patch than the one that registered it. */
  unregisterState(entry: PatchEntry, record: StateRecord, by: PatchEntry = entry): void {
    if (!record.registered) return; // by the coordinator before this one
    record.registered = false;
    this.#unregister(ofState(entry, record), by);
  }

  /** From now on what this entry registered is kept instead of being unregistered. */
  pin(entry: PatchEntry, reason: string): void {
    this.#pinning.set(entry, { entry, patch: entry.name, reason, since: new Date().toISOString(), registered: [] });
  }

  /** The entry is gone: tells what of it stays. */
  settlePin(entry: PatchEntry): void {
    const pin = this.#pinning.get(entry);
    this.#pinning.delete(entry);
    if (pin === undefined || pin.registered.length === 0) return;
    this.#pins.push(pin);
    this.#journal.save();
    this.#announce('pinned', shown(pin));
  }

  /** Gives up all that is pinned of patches of this name. @throws ERR_PATCH_PINNED */
  unpin(name: string): void {
    const found = this.#pins.filter(({ patch }) => patch === name);
    if (found.length === 0) {
      const names = this.#pins.map(({ patch }) => describe(patch)).join(', ') || 'none';
      throw new ShadowError('ERR_PATCH_PINNED', `nothing of a patch named ${describe(name)} is pinned; pinned are: ${names}`);
    }
    this.#pins = this.#pins.filter((pin) => !found.includes(pin));
    for (const pin of found) {
      for (const registration of pin.registered) this.#withdraw(registration);
      this.#journal.save();
      this.#announce('unpinned', shown(pin));
    }
  }

  /** For the record. */
  get record(): Pick<CoordinatorRecord, 'pinning' | 'pins'> {
    return { pinning: [...this.#pinning.values()].map(recorded), pins: this.#pins.map(recorded) };
  }

  /** Patches that it would need even if they were on no list. */
  get entries(): PatchEntry[] {
    return [...this.#pinning.values(), ...this.#pins].flatMap(({ entry, registered }) => [entry, ...registered.map((one) => one.entry)]);
  }

  /**
   * Takes over what a dead coordinator had registered, by the flags of these patches and what the record says is pinned; @returns what was being collected,
   * or is no more wanted, with the patch that is to destroy it.
   */
  resume(record: CoordinatorRecord, entries: readonly PatchEntry[], entryOf: EntryOf): Succession[] {
    for (const pin of record.pinning) this.#pinning.set(entryOf(pin.serial), restored(pin, entryOf));
    this.#pins = record.pins.map((pin) => restored(pin, entryOf));
    const registered = [
      ...entries.flatMap((entry) => entry.objects.filter((one) => one.registered).map((one) => ofObject(entry, one))),
      ...entries.flatMap((entry) => entry.states.filter((one) => one.registered).map((one) => ofState(entry, one))),
      ...[...this.#pinning.values(), ...this.#pins].flatMap((pin) => pin.registered),
    ];
    const { memory, registry, variables, bindings } = this.#store.internals;
    const wanted = new Map(record.application);
    for (const { types } of registered) for (const { id } of types) wanted.set(id, (wanted.get(id) ?? 0) + 1);
    const lastUser = (id: number, slot: number): Omit<Succession, 'collection'> => {
      const known = record.collecting.findLast((one) => one.id === id && one.slot === slot);
      if (known !== undefined) return { entry: known.serial === null ? null : entryOf(known.serial), state: known.state };
      const user = registered.findLast(({ types }) => types.some((type) => type.id === id)); // who was just being unregistered
      return { entry: user?.entry ?? null, state: user?.state ?? null };
    };
    const inherited = succeed(variables, bindings, wanted, (id, slot) =>
      lastUser(id, slot).entry?.patch.shadowTypes.find((type) => type.id === id),
    );
    const alive = countRegistrations(memory);
    // What was just being given up is not pinned any more.
    const left = (pin: Pin): Pin => ({
      ...pin,
      registered: pin.registered
        .map((one) => ({ ...one, types: one.types.filter(({ id }) => alive.has(id)) }))
        .filter(({ types }) => types.length > 0),
    });
    for (const [entry, pin] of this.#pinning) this.#pinning.set(entry, left(pin));
    this.#pins = this.#pins.map(left).filter((pin) => pin.registered.length > 0);
    for (const { owner, object, types } of registered)
      registry.adopt(
        owner,
        object ?? '',
        types.filter(({ id }) => alive.has(id)),
      );
    return inherited.map(({ id, slot, collection }) => ({ collection, ...lastUser(id, slot) }));
  }

  #register(registered: Registered, record: ObjectRecord | StateRecord): void {
    const { owner, object, types } = registered;
    this.#store.internals.registry.register(owner, object ?? '', types, this.#inForce);
    record.registered = true;
    this.#journal.save();
    for (const { id } of types) this.#tell('registered', registered, id, this.#references(id));
  }

  #unregister(registered: Registered, by: PatchEntry): void {
    const pin = this.#pinning.get(by);
    if (pin === undefined) this.#withdraw(registered);
    else if (registered.types.length > 0) pin.registered.push(registered);
    this.#journal.save();
  }

  #withdraw(registered: Registered): void {
    const { entry, owner, object, state, types } = registered;
    const collections = this.#store.internals.registry.unregister(owner, object ?? '');
    for (const { id } of types) {
      this.#tell('unregistered', registered, id, this.#references(id));
      const collection = collections.find((candidate) => candidate.id === id);
      if (collection !== undefined) this.#collector.sweep(collection, entry, state);
    }
  }

  #tell(event: 'registered' | 'unregistered', { entry, object, state }: Registered, id: number, references: number): void {
    this.#announce(event, { patch: entry.name, object, state, id, references });
  }

  #references(id: number): number {
    return this.#store.internals.registry.owners().filter((owner) => owner.id === id).length;
  }
}

function recorded({ entry, reason, since, registered }: Pin): PinRecord {
  const serial = entry.reference.serial;
  return {
    serial,
    reason,
    since,
    registered: registered.map((one) => ({ serial: one.entry.reference.serial, object: one.object, state: one.state })),
  };
}

function restored({ serial, reason, since, registered }: PinRecord, entryOf: EntryOf): Pin {
  const entry = entryOf(serial);
  return { entry, patch: entry.name, reason, since, registered: registered.map((reference) => registeredBy(reference, entryOf)) };
}

/** @throws ERR_PATCH_TAKEOVER */
function registeredBy({ serial, object, state }: RegisteredReference, entryOf: EntryOf): Registered {
  const entry = entryOf(serial);
  const ofItsObjects = object === null ? undefined : entry.object(object);
  const ofItsStates = state === null ? undefined : entry.state(state);
  if (ofItsObjects !== undefined) return ofObject(entry, ofItsObjects);
  if (ofItsStates !== undefined) return ofState(entry, ofItsStates);
  throw unusable(`patch ${describe(entry.name)} has no ${object === null ? `state ${state}` : `object ${describe(object)}`}`);
}

function shown({ patch, reason, since, registered }: Pin): PinnedPatch {
  return { patch, reason, since, types: registered.flatMap(({ types }) => types.map(({ id }) => id)) };
}

function ofObject(entry: PatchEntry, { object }: ObjectRecord): Registered {
  return { entry, owner: entry.owner, object: object.name, state: null, types: object.shadowTypes };
}

function ofState(entry: PatchEntry, { declared }: StateRecord): Registered {
  const types = declared.shadowType === undefined ? [] : [declared.shadowType];
  return { entry, owner: `${entry.owner}, state ${declared.id}`, object: null, state: declared.id, types };
}
