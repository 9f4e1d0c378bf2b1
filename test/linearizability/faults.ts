/**
 * Owns faults that are planted on purpose: threads that use the store wrongly in ways that look right, so that the checker has something to find. Imports
 * performer.
 */
import { ShadowError } from '../../src/errors.js';
import { Kind } from './operations.js';
import { Performer, type PayloadView, type Seen } from './performer.js';

/** Spins between two steps that ought to be one: about the length of another thread's operation. */
const MOST_SPINS = 400;

/** Keeps the view of each key for as long as it is good, and reads through it without looking the variable up: also one that was freed meanwhile. */
class Resurrecting extends Performer {
  readonly #views = new Map<number, PayloadView>();

  override get(key: number): void {
    const kept = this.#views.get(key);
    if (kept === undefined) {
      super.get(key);
      const view = this.store.get(this.parents[key]!, this.typeOf[key]!);
      if (view !== undefined) this.#views.set(key, view);
      return;
    }
    this.called(Kind.GET, key);
    this.tellFound(key, kept);
  }

  override safepoint(): void {
    this.#views.clear();
    super.safepoint();
  }
}

/** Remembers what it has read, and now and then gives that for an answer. */
class StaleReading extends Performer {
  readonly #copies = new Map<number, Seen>();

  override get(key: number): void {
    const copy = this.#copies.get(key);
    if (copy !== undefined && this.random.oneIn(4)) {
      this.called(Kind.GET, key);
      this.tellFound(key, copy);
      this.#copies.delete(key);
      return;
    }
    super.get(key);
    const view = this.store.get(this.parents[key]!, this.typeOf[key]!);
    if (view !== undefined && view.key === key) this.#copies.set(key, copyOf(view));
  }
}

/** What a view shows at this moment. */
function copyOf(view: PayloadView): Seen {
  const values = view.read();
  return { ...values, read: () => values };
}

/** Changes a value in two steps: reads, then writes. */
class UpdateLosing extends Performer {
  protected override linger(): void {
    this.random.linger(MOST_SPINS);
  }

  protected override changeAtomically(kind: Kind.ADD | Kind.EXCHANGE, key: number): void {
    const number = this.called(kind, key);
    const view = this.store.get(this.parents[key]!, this.typeOf[key]!);
    if (view !== undefined) {
      const copy = copyOf(view);
      this.linger();
      view.value = kind === Kind.ADD ? (copy.value + number) | 0 : number;
      this.tellFound(key, copy);
    } else {
      this.tellFound(key, view);
    }
  }

  protected override changeLocked(kind: Kind.UPDATE | Kind.WITH_LOCK, key: number): void {
    const number = this.called(kind, key);
    const view = this.store.get(this.parents[key]!, this.typeOf[key]!);
    const copy = view === undefined ? undefined : copyOf(view);
    if (view !== undefined) {
      this.linger();
      view.update((draft) => Object.assign(draft, { value: number, twin: ~number }));
    }
    this.tellFound(key, copy);
  }
}

/** A getOrAlloc of its own: look, create, and if somebody else was faster construct what is there. */
class ConstructingTwice extends Performer {
  protected override linger(): void {
    this.random.linger(MOST_SPINS);
  }

  override getOrAlloc(key: number): void {
    const [parent, type] = [this.parents[key]!, this.typeOf[key]!];
    const number = this.called(Kind.GET_OR_ALLOC, key);
    const conception = { number, key, refuses: false };
    try {
      let view = this.store.get(parent, type);
      if (view === undefined) {
        this.linger();
        try {
          view = this.store.alloc(parent, type, conception);
        } catch (error) {
          if (!(error instanceof ShadowError) || error.code !== 'ERR_SHADOW_EXISTS') throw error;
          view = this.store.getOrAlloc(parent, type, conception);
          if (this.constructed === 0) this.store.withLock(view, (mine) => this.construct(mine, conception));
        }
      }
      this.tellCreated(key, view, number);
    } catch (error) {
      this.tellRefused(error);
    }
  }
}

const FAULTS = {
  'stale read': StaleReading,
  'lost update': UpdateLosing,
  'double constructor': ConstructingTwice,
  'resurrected variable': Resurrecting,
} as const;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

/** The class of performers with a fault, or without. */
export function performerWith(fault: FaultName | undefined): typeof Performer {
  return fault === undefined ? Performer : FAULTS[fault];
}
