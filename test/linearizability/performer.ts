/**
 * Owns how one thread performs operations on a store and tells its log what came of each. Imports the store, log, operations, plan.
 *
 * Each operation finds its variable by itself and uses the view within the call: a view kept for longer may be of a variable that is gone. A variable names its
 * key, and where values are changed under the variable's lock the value is there twice: what is another's, torn or unconstructed is FOREIGN.
 */
import { ShadowError } from '../../src/errors.js';
import { bytes } from '../../src/shadow/fields.js';
import type { Parent } from '../../src/shadow/objects.js';
import type { ShadowStore } from '../../src/shadow/store.js';
import { type AnyShadowType, defineShadowType, type ShadowType } from '../../src/shadow/type.js';
import type { ViewOf } from '../../src/shadow/view-classes.js';
import { Random } from '../concurrency/random.js';
import type { Log } from './log.js';
import { Kind, Outcome } from './operations.js';
import { type Discipline, type GroupPlan, parentsOf, type RoundPlan } from './plan.js';

const FIELDS = { instance: 'i32', key: 'u32', value: 'i32', twin: 'i32' } as const;
type PayloadFields = typeof FIELDS;
/** The same in a variable that is so many bytes larger; nobody but the copies of read() and update() comes by them. */
const fieldsOf = (fill: number): PayloadFields => (fill === 0 ? FIELDS : Object.assign({ fill: bytes(fill) }, FIELDS));
export type PayloadView = ViewOf<PayloadFields>;
export type PayloadType = ShadowType<PayloadFields, Conception>;

/** As much of a view as telling what it shows takes. */
export interface Seen {
  readonly key: number;
  readonly instance: number;
  readonly value: number;
  read(): { readonly key: number; readonly instance: number; readonly value: number; readonly twin: number };
}

/** What a constructor is told: the number of the operation that creates, and the key; and whether to throw. */
export interface Conception {
  readonly number: number;
  readonly key: number;
  readonly refuses: boolean;
}

class Refusal extends Error {}

/** The id of variables that are there to make the table grow. */
const BALLAST_ID = 0x70;
/** One in so many constructors that alloc runs throws. */
const REFUSES = 12;
/** Between the writes of a constructor or of a change: long enough that others come by, now and then. */
const MOST_SPINS = 40;
/** Once in a while much longer: a thread that loses its processor there lets all others see what is half done, if anything lets them. */
const LONG_SPINS = 4000;
const LONG_ONE_IN = 64;

export class Performer {
  readonly types: readonly PayloadType[];
  readonly store: ShadowStore;
  protected readonly log: Log;
  protected readonly random: Random;
  /** By key. */
  protected readonly parents: readonly Parent[];
  protected readonly typeOf: readonly PayloadType[];
  protected readonly disciplineOf: readonly Discipline[];
  readonly #deaths: boolean;
  /** Constructor runs since the present call began. */
  protected constructed = 0;
  /** The instance whose destructor ran last. */
  #destroyed = 0;
  readonly #ballast = defineShadowType({ id: BALLAST_ID, size: 4 });

  constructor(plan: RoundPlan, log: Log, seed: number, open: (types: readonly AnyShadowType[]) => ShadowStore) {
    this.log = log;
    this.#deaths = plan.deaths;
    this.random = new Random(seed);
    this.parents = parentsOf(plan);
    this.types = plan.groups.map((group) => this.#declare(group));
    this.typeOf = plan.groups.flatMap(({ keys }, i) => new Array<PayloadType>(keys).fill(this.types[i]!));
    this.disciplineOf = plan.groups.flatMap(({ keys, discipline }) => new Array<Discipline>(keys).fill(discipline));
    this.store = open([...this.types, this.#ballast]);
  }

  get(key: number): void {
    this.called(Kind.GET, key);
    this.tellFound(key, this.store.get(this.parents[key]!, this.typeOf[key]!));
  }

  alloc(key: number): void {
    const number = this.called(Kind.ALLOC, key);
    try {
      const view = this.store.alloc(this.parents[key]!, this.typeOf[key]!, { number, key, refuses: this.random.oneIn(REFUSES) });
      this.tellCreated(key, view, number);
    } catch (error) {
      this.tellRefused(error);
    }
  }

  getOrAlloc(key: number): void {
    const number = this.called(Kind.GET_OR_ALLOC, key);
    try {
      this.tellCreated(key, this.store.getOrAlloc(this.parents[key]!, this.typeOf[key]!, { number, key, refuses: false }), number);
    } catch (error) {
      this.tellRefused(error);
    }
  }

  /**
   * ADD or EXCHANGE; UPDATE or WITH_LOCK instead where values are changed under the lock. Where threads are killed it is always UPDATE: what a body of withLock()
   * has written when its thread dies stays, half of it or all, while half an update() is undone.
   */
  change(kind: Kind.ADD | Kind.EXCHANGE, key: number): void {
    if (this.disciplineOf[key] === 'atomic') this.changeAtomically(kind, key);
    else this.changeLocked(kind === Kind.ADD || this.#deaths ? Kind.UPDATE : Kind.WITH_LOCK, key);
  }

  free(key: number): void {
    this.called(Kind.FREE, key);
    this.#destroyed = 0;
    if (this.store.free(this.parents[key]!, this.typeOf[key]!)) this.log.returned(Outcome.REMOVED, this.#destroyed);
    else this.log.returned(Outcome.ABSENT);
  }

  freeAll(group: number): void {
    this.called(Kind.FREE_ALL, group);
    this.store.freeAll(this.types[group]!);
    this.log.returned(Outcome.DONE);
  }

  /** Creates a variable that nobody asks for again, so that the table grows. */
  load(parent: number): void {
    this.store.getOrAlloc(parent, this.#ballast);
  }

  safepoint(): void {
    this.store.safepoint();
  }

  protected changeAtomically(kind: Kind.ADD | Kind.EXCHANGE, key: number): void {
    const number = this.called(kind, key);
    const view = this.store.get(this.parents[key]!, this.typeOf[key]!);
    if (view === undefined) {
      this.log.returned(Outcome.ABSENT);
      return;
    }
    const value = kind === Kind.ADD ? view.add('value', number) : view.exchange('value', number);
    this.#tell(view.key === key, view.instance, value);
  }

  protected changeLocked(kind: Kind.UPDATE | Kind.WITH_LOCK, key: number): void {
    const number = this.called(kind, key);
    const view = this.store.get(this.parents[key]!, this.typeOf[key]!);
    if (view === undefined) {
      this.log.returned(Outcome.ABSENT);
      return;
    }
    let value = 0;
    let whole = false;
    const body = (target: Pick<PayloadView, 'value' | 'twin' | 'key'>): void => {
      ({ value } = target);
      whole = target.key === key && target.twin === ~value;
      target.value = number;
      this.linger();
      target.twin = ~number;
    };
    try {
      if (kind === Kind.UPDATE) view.update(body);
      else this.store.withLock(view, body);
      this.#tell(whole, view.instance, value);
    } catch (error) {
      this.tellRefused(error); // update() found no memory to note down what it overwrites
    }
  }

  protected called(kind: Kind, key: number): number {
    this.constructed = 0;
    return this.log.called(kind, key);
  }

  protected tellFound(key: number, seen: Seen | undefined): void {
    if (seen === undefined) {
      this.log.returned(Outcome.ABSENT, 0, 0, this.constructed);
    } else if (this.disciplineOf[key] === 'atomic') {
      this.#tell(seen.key === key, seen.instance, seen.value);
    } else {
      const { key: named, instance, value, twin } = seen.read();
      this.#tell(named === key && twin === ~value, instance, value);
    }
  }

  /** What an operation that may create has returned. What others have done to the variable since is theirs to tell. */
  protected tellCreated(key: number, view: PayloadView, number: number): void {
    if (view.instance === number) this.log.returned(view.key === key ? Outcome.CREATED : Outcome.FOREIGN, number, 0, this.constructed);
    else this.tellFound(key, view);
  }

  protected linger(): void {
    this.random.linger(this.random.oneIn(LONG_ONE_IN) ? LONG_SPINS : MOST_SPINS);
  }

  /** Constructs a variable. */
  protected construct(view: PayloadView, { number, key, refuses }: Conception): void {
    this.constructed++;
    view.key = key;
    view.value = number;
    this.linger();
    if (refuses) throw new Refusal();
    view.twin = ~number;
    view.instance = number;
  }

  #tell(whole: boolean, instance: number, value: number): void {
    this.log.returned(whole ? Outcome.FOUND : Outcome.FOREIGN, instance, value, this.constructed);
  }

  protected tellRefused(error: unknown): void {
    this.log.returned(refusalOf(error), 0, 0, this.constructed);
  }

  #declare({ id, fill, first, keys: count }: GroupPlan): PayloadType {
    const keys = new Map(this.parents.slice(first, first + count).map((parent, i) => [parent, first + i]));
    return defineShadowType<PayloadFields, Conception>({
      id,
      fields: fieldsOf(fill),
      ctor: (_parent, view, conception) => {
        this.construct(view, conception);
      },
      dtor: (parent, view) => {
        // Of a key that is not the parent's: no variable at all, and no instance that could be freed.
        const key = keys.get(parent) ?? 0;
        this.#destroyed = view.key === key ? view.instance : 0;
        this.log.freed(key, this.#destroyed);
      },
    });
  }
}

/** The outcome of a call that threw. Throws what no operation may throw. */
function refusalOf(error: unknown): Outcome {
  if (error instanceof Refusal) return Outcome.REFUSED;
  const code = error instanceof ShadowError ? error.code : undefined;
  if (code === 'ERR_SHADOW_EXISTS') return Outcome.EXISTS;
  if (code === 'ERR_SHADOW_UNREGISTERED') return Outcome.UNREGISTERED;
  if (code === 'ERR_SHADOW_EXHAUSTED') return Outcome.EXHAUSTED;
  throw error;
}
