/**
 * Owns what must hold when everything is disabled: nothing is registered but by the application, patches have left no variables behind, and the
 * application's types hold what the unpatched workload leaves. Reads the store. Imports the types of store and findings.
 */
import { Layout } from '../memory/layout.js';
import type { ShadowStore } from '../shadow/store.js';
import type { AnyShadowType } from '../shadow/type.js';
import type { FindingList } from './findings.js';

/** Names of parents that a finding gives as examples. */
const EXAMPLES = 3;

/** Variables of one of the application's types. Plain JSON. */
export interface TypeReport {
  readonly id: number;
  /** After rounds of the unpatched workload. */
  readonly before: number;
  /** After the last path that returned to nothing. */
  readonly after: number;
  /** Whether the unpatched workload leaves the same variables after each round, so that others are a finding. */
  readonly settled: boolean;
}

type Parents = ReadonlySet<string>;

/** What the unpatched application leaves, and what is there beyond it. */
export class Leftovers {
  readonly #store: ShadowStore;
  readonly #types: readonly AnyShadowType[];
  readonly #owners: ReadonlySet<string>;
  /** By id; undefined where rounds of the workload leave different variables. */
  readonly #settled = new Map<number, Parents | undefined>();
  readonly #reports = new Map<number, TypeReport>();

  /** Before the first patch. */
  constructor(store: ShadowStore, types: readonly AnyShadowType[]) {
    this.#store = store;
    this.#types = types;
    this.#owners = new Set(this.#registrations().map(({ key }) => key));
  }

  get reports(): TypeReport[] {
    return [...this.#reports.values()];
  }

  /** After a round of the unpatched workload, twice: types with the same variables both times are settled. */
  learn(): void {
    for (const type of this.#types) {
      const parents = this.#parents(type);
      const known = this.#settled.has(type.id) ? this.#settled.get(type.id) : parents;
      const settled = known !== undefined && sameParents(known, parents) ? parents : undefined;
      this.#settled.set(type.id, settled);
      this.#reports.set(type.id, { id: type.id, before: parents.size, after: parents.size, settled: settled !== undefined });
    }
  }

  /** When nothing is enabled, no task is in flight and everything is collected. `owner`: the patch that brought an id. */
  check(findings: FindingList, owner: (id: number) => string | null): void {
    for (const { key, id, patch } of this.#registrations()) {
      if (!this.#owners.has(key)) findings.add('left-over-registration', patch ?? owner(id), `type ${id} is still registered by ${key}`);
    }
    const application = new Set(this.#types.map(({ id }) => id));
    for (const { id, live, state } of this.#store.stats().types) {
      if (application.has(id)) continue;
      if (live > 0) findings.add('left-over-variables', owner(id), `variables of type ${id} are left`);
      if (state === 'collecting') findings.add('left-over-variables', owner(id), `type ${id} is still being collected`);
    }
  }

  /** After one more round of the unpatched workload. `suspects`: the patches of the path. */
  compare(findings: FindingList, suspects: readonly string[]): void {
    const patch = suspects.length === 1 ? suspects[0]! : null;
    const without = `without ${suspects.join(', ')}`;
    for (const type of this.#types) {
      const { id } = type;
      let parents: Parents;
      try {
        parents = this.#parents(type);
      } catch (error) {
        findings.add('left-over-variables', patch, `type ${id} of the application cannot be read any more: ${String(error)}`);
        continue;
      }
      this.#reports.set(id, { ...this.#reports.get(id)!, after: parents.size });
      const expected = this.#settled.get(id);
      if (expected === undefined) continue;
      const [extra, missing] = [difference(parents, expected), difference(expected, parents)];
      if (extra !== '')
        findings.add('left-over-variables', patch, `type ${id} of the application has variables that it would not have ${without}`, extra);
      if (missing !== '')
        findings.add('left-over-variables', patch, `type ${id} of the application lacks variables that it would have ${without}`, missing);
    }
  }

  /** JS objects are left out: when their variables go is up to the garbage collector. */
  #parents(type: AnyShadowType): Parents {
    const parents = new Set<string>();
    for (const [parent] of this.#store.entries(type)) {
      if (typeof parent !== 'object' && !(typeof parent === 'number' && parent >= Layout.FIRST_OBJECT_HANDLE))
        parents.add(JSON.stringify(parent));
      else if (parent === null) parents.add('null');
    }
    return parents;
  }

  #registrations(): { key: string; id: number; patch: string | null }[] {
    return this.#store.internals.registry.owners().map(({ owner, object, id }) => {
      const who = owner.replace(/ #\d+/, '');
      const patch = /^patch (.*?)(, state \d+)?$/.exec(who)?.[1] ?? null;
      return { key: object === '' ? who : `${who}, object ${object}`, id, patch };
    });
  }
}

function sameParents(one: Parents, other: Parents): boolean {
  return one.size === other.size && [...one].every((parent) => other.has(parent));
}

/** Those of the first that the second does not have: some of them, in words. */
function difference(these: Parents, those: Parents): string {
  const extra = [...these].filter((parent) => !those.has(parent));
  if (extra.length === 0) return '';
  const more = extra.length > EXAMPLES ? ` and ${extra.length - EXAMPLES} more` : '';
  return `: of ${extra.slice(0, EXAMPLES).join(', ')}${more}`;
}
