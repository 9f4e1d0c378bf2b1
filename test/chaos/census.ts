/**
 * Owns the judgement over a whole round: what the actors recorded since the last census, against what is in the store now. Everybody is at rest or dead
 * meanwhile. Reads the store; imports audit, oracle and subjects.
 */
import type { ShadowStore } from '../../src/shadow/store.js';
import { brokenInvariants, heldLocks, takenSlots } from './audit.js';
import { Deed, type Entry, tell } from './deeds.js';
import { boundsOf, isExplained } from './oracle.js';
import { ballast, KEYS, MOURNED, nameOfKey, owned, PARENTS, SUBJECT_TYPES, type SubjectView, typeOf, wrongIn } from './subjects.js';

/** What stands under a key. */
interface Found {
  readonly serial: number;
  readonly n: number;
  readonly u: number;
}

const NOTHING: Found = { serial: 0, n: 0, u: 0 };

export class Census {
  readonly #store: ShadowStore;
  readonly #destroyed: Uint8Array;
  /** What stood under each key at the last census. */
  #before: Found[] = Array.from({ length: KEYS }, () => NOTHING);
  /** Variables of objects, with the actor whose object it is. */
  readonly #own = new Map<number, number>();
  readonly #ballast: number[] = [];
  #passing: number[] = [];
  /** Destructors that ran more than once. */
  repeated = 0;
  entries = 0;

  constructor(store: ShadowStore, destroyed: Uint8Array) {
    this.#store = store;
    this.#destroyed = destroyed;
  }

  /** What is wrong. `alive`: the threads that are at rest; all others are dead and recovered. `versions`: which declaration of each type is in force. */
  take(entries: readonly Entry[], alive: ReadonlySet<number>, versions: readonly number[]): string[] {
    this.entries += entries.length;
    const wrongs = [...heldLocks(this.#store), ...brokenInvariants(this.#store)];
    const taken = takenSlots(this.#store);
    for (const thread of alive) {
      const count = taken.filter((one) => one.thread === thread).length;
      if (count !== 1) wrongs.push(`thread ${thread} is alive and has ${count} slots`);
    }
    for (const { slot, thread } of taken) {
      if (!alive.has(thread)) wrongs.push(`slot ${slot} is still that of thread ${thread}, which is dead`);
    }
    const { found, own } = this.#look(versions, wrongs);
    const byKey = new Map<number, Entry[]>();
    for (const entry of entries) for (const key of keysOf(entry)) push(byKey, key, entry);
    for (let key = 0; key < KEYS; key++) this.#judge(key, found[key]!, byKey.get(key) ?? [], wrongs);
    this.#judgeOwn(entries, own, alive, wrongs);
    this.#judgeBallast(entries, wrongs);
    for (const { kind, serial, result } of entries) if (kind === Deed.PASSING && result === serial) this.#passing.push(serial);
    this.#before = found;
    return wrongs;
  }

  /** To be called when the passing type was collected: what is wrong with what is left of it. */
  collected(): string[] {
    const left = this.#passing.filter((serial) => this.#destroyed[serial] === 0);
    this.#passing = [];
    return left.map((serial) => `the passing variable ${serial} is collected, but its destructor did not run`);
  }

  /** Forgets the ballast, which somebody has freed. */
  unloaded(): void {
    this.#ballast.length = 0;
  }

  /** Everything that is in the store, by key; and the serial numbers of variables of objects. */
  #look(versions: readonly number[], wrongs: string[]): { found: Found[]; own: Set<number> } {
    const found = Array.from({ length: KEYS }, () => NOTHING);
    const own = new Set<number>();
    SUBJECT_TYPES.forEach((declarations, type) => {
      for (const [parent, view] of this.#store.entries(declarations[versions[type]!]!) as Iterable<[unknown, SubjectView]>) {
        const values = view.read();
        const place = (PARENTS as readonly unknown[]).indexOf(parent);
        const key = place * SUBJECT_TYPES.length + type;
        const wrong = place < 0 ? `a variable of the unknown parent ${JSON.stringify(parent)}` : wrongIn(values, key);
        if (wrong !== undefined) wrongs.push(`there is ${wrong}`);
        else if (found[key] !== NOTHING) wrongs.push(`${nameOfKey(key)} stands there twice`);
        else found[key] = { serial: values.serial, n: values.n, u: values.u };
      }
    });
    for (const [, view] of this.#store.entries(owned) as Iterable<[unknown, SubjectView]>) own.add(view.read().serial);
    return { found, own };
  }

  #judge(key: number, after: Found, entries: readonly Entry[], wrongs: string[]): void {
    const before = this.#before[key]!;
    const complain = (what: string): void => {
      const history = [...entries].sort((a, b) => a.called - b.called).map((entry) => `    ${tell(entry)}`);
      wrongs.push(
        [`${nameOfKey(key)}: ${what}; before: ${JSON.stringify(before)}, after: ${JSON.stringify(after)}`, ...history].join('\n'),
      );
    };
    if (!isExplained(before.serial, after.serial, entries)) complain('no order of the operations explains this');
    const same = before.serial === after.serial ? before : NOTHING;
    for (const [name, kind] of [
      ['n', Deed.ADD],
      ['u', Deed.UPDATE],
    ] as const) {
      const [least, most] = after.serial === 0 ? [0, 0] : boundsOf(kind, after.serial, same[name], entries);
      if (after[name] < least || after[name] > most) complain(`${name} is ${after[name]}, not ${least} to ${most}`);
    }
    if (typeOf(key) !== MOURNED) return;
    for (const serial of livesOf(before, entries)) {
      const times = this.#destroyed[serial]!;
      if (times > 1) this.repeated++;
      if (serial === after.serial ? times !== 0 : times === 0)
        complain(
          serial === after.serial
            ? `the destructor of ${serial} ran, but it is there`
            : `${serial} is gone, but its destructor did not run`,
        );
    }
  }

  #judgeOwn(entries: readonly Entry[], found: ReadonlySet<number>, alive: ReadonlySet<number>, wrongs: string[]): void {
    for (const { kind, serial, actor, result, returned } of entries) {
      if (kind === Deed.CREATE_OWN && returned !== Infinity && result === serial) this.#own.set(serial, actor);
      if (kind !== Deed.FREE_OWN || returned === Infinity) continue;
      this.#own.delete(serial);
      if (result !== 1) wrongs.push(`thread ${actor} could not free variable ${serial} of its own object`);
      if (this.#destroyed[serial] === 0)
        wrongs.push(`variable ${serial} of an object of thread ${actor} is freed, but its destructor did not run`);
    }
    for (const [serial, actor] of this.#own) {
      if (alive.has(actor)) {
        if (!found.has(serial)) wrongs.push(`variable ${serial} of an object of thread ${actor} is missing`);
        continue;
      }
      this.#own.delete(serial);
      if (this.#destroyed[serial] === 0)
        wrongs.push(`variable ${serial} of an object of thread ${actor}, which is dead, was not destroyed`);
    }
    for (const serial of found)
      if (!this.#own.has(serial)) wrongs.push(`variable ${serial} of an object is left although its thread is dead`);
  }

  #judgeBallast(entries: readonly Entry[], wrongs: string[]): void {
    for (const { kind, serial, returned, result } of entries) {
      if (kind !== Deed.BALLAST || returned === Infinity || result !== serial) continue;
      this.#ballast.push(serial);
      if (this.#store.get(serial, ballast)?.whose !== serial) wrongs.push(`ballast ${serial} is missing`);
    }
  }

  /** All ballast there ever was. */
  judgeAllBallast(): string[] {
    return this.#ballast
      .filter((number) => this.#store.get(number, ballast)?.whose !== number)
      .map((number) => `ballast ${number} is lost`);
  }
}

/** The keys that an operation is about. */
function keysOf({ kind, key }: Entry): number[] {
  if (kind === Deed.FREE_ALL) return PARENTS.map((_, parent) => parent * SUBJECT_TYPES.length + key);
  if (kind === Deed.FREE_OBJECT) return SUBJECT_TYPES.map((_, type) => key + type);
  return key < KEYS ? [key] : [];
}

/** Lives that certainly began. */
function livesOf(before: Found, entries: readonly Entry[]): Set<number> {
  const lives = new Set<number>();
  if (before.serial !== 0) lives.add(before.serial);
  for (const { kind, result, returned } of entries) {
    const tells = kind === Deed.GET || kind === Deed.ALLOC || kind === Deed.GET_OR_ALLOC;
    if (tells && returned !== Infinity && result > 0) lives.add(result);
  }
  return lives;
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
