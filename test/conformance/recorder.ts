/**
 * Owns the translation of the coordinator's events to those of the catalogue. Imports the public face and the ledger.
 */
import type { MilestoneEvent, PatchCoordinator } from '../../src/index.js';
import { errnoName } from './errnos.js';
import type { Entry } from './events.js';
import type { Ledger } from './fixtures/ledger.js';

interface Collection {
  readonly id: number;
  readonly patch: string;
  readonly entry: Entry;
}

export class Recorder {
  /** What stopped nothing and yet must not happen. */
  readonly warnings: string[] = [];
  readonly #ledger: Ledger;
  readonly #collections: Collection[] = [];
  /** Variables that were swept, by "id patch". */
  readonly #swept = new Map<string, number>();

  constructor(coordinator: PatchCoordinator, ledger: Ledger) {
    this.#ledger = ledger;
    coordinator.on('milestone', (event) => ledger.add(['core', event.milestone, ...milestoneDetails(event)]));
    // The types of states have no objects, and the catalogue does not tell of their registration.
    coordinator.on('registered', ({ patch, object, id, references }) => {
      if (object !== null) ledger.add(['shadow', 'register', patch, object, id, references]);
    });
    coordinator.on('unregistered', ({ patch, object, id, references }) => {
      if (object !== null) ledger.add(['shadow', 'unregister', patch, object, id, references]);
    });
    // The place of a collection is where the id died; how many variables there were is known when they are swept.
    coordinator.on('collecting', ({ id, patch, state }) => {
      const entry = ledger.add(['shadow', state === null ? 'collect' : 'destroy', id, patch, null]);
      this.#collections.push({ id, patch, entry });
    });
    coordinator.on('collected', ({ id, patch, variables }) => {
      const index = this.#collections.findIndex((collection) => collection.id === id && collection.patch === patch);
      const [collection] = index < 0 ? [] : this.#collections.splice(index, 1);
      if (collection === undefined) this.warnings.push(`type ${id} was collected by ${patch} without having died`);
      else collection.entry.event = [...collection.entry.event.slice(0, -1), variables];
      const key = `${id} ${patch}`;
      this.#swept.set(key, (this.#swept.get(key) ?? 0) + variables);
    });
    coordinator.on('warning', (error) => this.warnings.push(String(error)));
  }

  /** Whether all ids that died have been swept. */
  get swept(): boolean {
    return this.#collections.length === 0;
  }

  /** What the destructors of the patches say about the collections, if they disagree. */
  complaints(): string[] {
    const keys = new Set([...this.#swept.keys(), ...this.#ledger.destroyed.keys()]);
    const wrong = [...keys].filter((key) => (this.#swept.get(key) ?? 0) !== (this.#ledger.destroyed.get(key) ?? 0));
    return wrong.map((key) => {
      const [id, patch] = key.split(' ');
      const ran = this.#ledger.destroyed.get(key) ?? 0;
      return `${this.#swept.get(key) ?? 0} variables of type ${id} were collected for ${patch}, but its destructor ran ${ran} times`;
    });
  }
}

/** What follows the name of a milestone, in the catalogue's order. */
function milestoneDetails(event: MilestoneEvent): unknown[] {
  switch (event.milestone) {
    case 'transition-init':
    case 'transition-start':
    case 'transition-completing':
    case 'transition-done':
      return [event.patch, event.direction];
    case 'transition-reverse':
      return [event.patch, `${event.from}-to-${event.to}`];
    case 'pre-patch-failed':
    case 'patch-object-failed':
      return [event.object];
    case 'redirect-failed':
      return [event.function, errnoName(event.code)];
    case 'apply-to-module':
    case 'revert-from-module':
    case 'module-refused':
      return [event.patch, event.module];
    default:
      return [event.patch];
  }
}
