/**
 * Owns the registrations of patches with the store: those of objects and those of states, with their events, and what follows when the last
 * one of an id goes. A forced transition leaves code behind that may still use the variables: its registrations are kept instead, as
 * *pinned*, until the operator gives them up (H9). Touches shared memory only through the type registry and the collector. Imports errors,
 * entry, collector and the type of the store.
 */
import { describe, ShadowError } from '../errors.js';
import type { ShadowStore } from '../shadow/store.js';
import type { AnyShadowType } from '../shadow/type.js';
import type { Collector } from './collector.js';
import type { ObjectRecord, PatchEntry, StateRecord } from './entry.js';
import type { Announce } from './events.js';

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
  readonly registered: Registered[];
}

export class Registrar {
  readonly #store: ShadowStore;
  readonly #collector: Collector;
  readonly #announce: Announce;
  readonly #inForce: (id: number) => AnyShadowType | undefined;
  /** Of patches that are still on their way out. */
  readonly #pinning = new Map<PatchEntry, Pin>();
  #pins: Pin[] = [];

  /** `inForce`: the declaration by which an id begins that nobody has registered. An older patch may come first, when a module comes. */
  constructor(store: ShadowStore, collector: Collector, announce: Announce, inForce: (id: number) => AnyShadowType | undefined) {
    this.#store = store;
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
    this.#register(ofObject(entry, record));
    record.registered = true;
  }

  /** Harmless for an object that is not registered (H4). */
  unregisterObject(entry: PatchEntry, record: ObjectRecord): void {
    if (!record.registered) return;
    record.registered = false;
    this.#unregister(ofObject(entry, record), entry);
  }

  /** @throws ERR_SHADOW_… */
  registerState(entry: PatchEntry, record: StateRecord): void {
    this.#register(ofState(entry, record));
  }

  /** `by`: whose going ends it, if that is another patch than the one that registered it. */
  unregisterState(entry: PatchEntry, record: StateRecord, by: PatchEntry = entry): void {
    this.#unregister(ofState(entry, record), by);
  }

  /** From now on what this entry registered is kept instead of being unregistered. */
  pin(entry: PatchEntry, reason: string): void {
    this.#pinning.set(entry, { patch: entry.name, reason, since: new Date().toISOString(), registered: [] });
  }

  /** The entry is gone: tells what of it stays. */
  settlePin(entry: PatchEntry): void {
    const pin = this.#pinning.get(entry);
    this.#pinning.delete(entry);
    if (pin === undefined || pin.registered.length === 0) return;
    this.#pins.push(pin);
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
      this.#announce('unpinned', shown(pin));
    }
  }

  #register(registered: Registered): void {
    const { owner, object, types } = registered;
    this.#store.internals.registry.register(owner, object ?? '', types, this.#inForce);
    for (const { id } of types) this.#tell('registered', registered, id, this.#references(id));
  }

  #unregister(registered: Registered, by: PatchEntry): void {
    const pin = this.#pinning.get(by);
    if (pin === undefined) this.#withdraw(registered);
    else if (registered.types.length > 0) pin.registered.push(registered);
  }

  #withdraw(registered: Registered): void {
    const { entry, owner, object, state, types } = registered;
    const collections = this.#store.internals.registry.unregister(owner, object ?? '');
    for (const { id } of types) {
      this.#tell('unregistered', registered, id, this.#references(id));
      const collection = collections.find((candidate) => candidate.id === id);
      if (collection !== undefined) this.#collector.sweep(collection, entry.name, state);
    }
  }

  #tell(event: 'registered' | 'unregistered', { entry, object, state }: Registered, id: number, references: number): void {
    this.#announce(event, { patch: entry.name, object, state, id, references });
  }

  #references(id: number): number {
    return this.#store.internals.registry.owners().filter((owner) => owner.id === id).length;
  }
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
