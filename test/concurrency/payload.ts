/**
 * Self-identifying variables: each holds whose it is and the serial number of its own life, and a ledger in shared memory says of every life
 * whether it began and whether it ended. Whoever reads a variable can tell foreign, torn, unconstructed and resurrected data from good.
 */
import { bytes } from '../../src/shadow/fields.js';
import type { Parent } from '../../src/shadow/objects.js';
import { defineShadowType, type ShadowType } from '../../src/shadow/type.js';
import type { ViewOf } from '../../src/shadow/view-classes.js';

/** Ids of the three types of `payloadTypes` begin here. */
export const FIRST_ID = 0x51;
/** An id for types that come and go. */
export const DYING_ID = 0x60;

/** What became of a life. */
const UNBORN = 0;
const ALIVE = 1; // its constructor finished
const DEAD = 2; // its destructor ran
const REFUSED = 3; // its constructor threw

/** Every life there was. Each number is given out once; each step of a life happens once, or the ledger throws. */
export class Ledger {
  readonly buffer: SharedArrayBuffer;
  readonly #next: Int32Array;
  readonly #fates: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#next = new Int32Array(buffer, 0, 1);
    this.#fates = new Uint8Array(buffer, 4);
  }

  static ofCapacity(lives: number): Ledger {
    return new Ledger(new SharedArrayBuffer(4 + lives));
  }

  /** The number of the next life: all numbers below it have begun. */
  get next(): number {
    return Atomics.load(this.#next, 0);
  }

  conceive(): number {
    const serial = Atomics.add(this.#next, 0, 1);
    if (serial >= this.#fates.length) throw new Error('the ledger is full; the test needs a larger one');
    return serial;
  }

  born(serial: number): void {
    this.#step(serial, UNBORN, ALIVE);
  }

  refused(serial: number): void {
    this.#step(serial, UNBORN, REFUSED);
  }

  died(serial: number): void {
    this.#step(serial, ALIVE, DEAD);
  }

  /** For a reader: this life must have begun. */
  requireBorn(serial: number): void {
    const fate = Atomics.load(this.#fates, serial);
    if (fate !== ALIVE && fate !== DEAD) throw new Error(`life ${serial} is seen, but its fate is ${fate}`);
  }

  isDead(serial: number): boolean {
    return Atomics.load(this.#fates, serial) === DEAD;
  }

  count(): { begun: number; alive: number; dead: number; refused: number; unborn: number } {
    const begun = this.next;
    const counts = [0, 0, 0, 0];
    for (const fate of this.#fates.subarray(0, begun)) counts[fate]!++;
    return { begun, unborn: counts[UNBORN]!, alive: counts[ALIVE]!, dead: counts[DEAD]!, refused: counts[REFUSED]! };
  }

  #step(serial: number, from: number, to: number): void {
    const found = Atomics.compareExchange(this.#fates, serial, from, to);
    if (found !== from) throw new Error(`life ${serial} goes from ${from} to ${to}, but its fate is ${found}`);
  }
}

/** What a constructor may be told. */
export interface Conception {
  /** The constructor throws half-way. */
  readonly refuse?: boolean;
}

export class Refusal extends Error {}

const FILL_SMALL = 20;
const FILL_LARGE = 1500;

function payloadFields(fill: number) {
  return { serial: 'u32', whose: 'f64', proof: 'u32', touched: 'u32', fill: bytes(fill), last: 'u32' } as const;
}
type PayloadFields = ReturnType<typeof payloadFields>;
export type PayloadView = ViewOf<PayloadFields>;
export type PayloadType = ShadowType<PayloadFields, Conception>;

/** Types of three sizes whose variables prove themselves. `linger` is called between the writes of a constructor. */
export function payloadTypes(ledger: Ledger, linger: () => void): readonly PayloadType[] {
  return [1, FILL_SMALL, FILL_LARGE].map((fill, index) => payloadType(ledger, FIRST_ID + index, fill, linger));
}

export function payloadType(ledger: Ledger, id: number, fill: number, linger: () => void): PayloadType {
  return defineShadowType<PayloadFields, Conception>({
    id,
    fields: payloadFields(fill),
    ctor(parent, view, conception: Conception | undefined) {
      const serial = ledger.conceive();
      view.serial = serial;
      linger();
      view.whose = whose(parent);
      if (conception?.refuse === true) {
        ledger.refused(serial);
        throw new Refusal();
      }
      view.fill = new Uint8Array(fill).fill(serial & 0xff);
      linger();
      view.proof = proofOf(whose(parent), serial, id);
      view.last = serial;
      ledger.born(serial);
    },
    dtor(parent, view) {
      verify(ledger, id, parent, view);
      ledger.died(view.serial);
    },
  });
}

/** Throws unless the view shows a whole variable of this parent and type. Returns the serial number of its life. */
export function verify(ledger: Ledger, id: number, parent: Parent, view: PayloadView): number {
  const { serial, whose: found, proof, last } = view;
  const expected = whose(parent);
  if (found !== expected || proof !== proofOf(expected, serial, id) || last !== serial) {
    throw new Error(
      `type ${id} of ${nameOf(parent)} (${expected}) shows serial ${serial}/${last}, belongs to ${found}, proof ${proof}; ` +
        'it is foreign, torn or unconstructed',
    );
  }
  const fill = view.fill;
  if (fill.some((byte) => byte !== (serial & 0xff)))
    throw new Error(`type ${id} of ${nameOf(parent)}: the bytes of serial ${serial} are torn`);
  ledger.requireBorn(serial);
  return serial;
}

/** A parent in a message. */
export function nameOf(parent: Parent): string {
  return typeof parent === 'object' && parent !== null ? 'an object' : String(parent);
}

/** A parent as a number of its own. */
export function whose(parent: Parent): number {
  if (typeof parent === 'number') return parent;
  if (typeof parent === 'string') {
    let hash = 17;
    for (let i = 0; i < parent.length; i++) hash = (Math.imul(hash, 31) + parent.charCodeAt(i)) | 0;
    return hash - 2 ** 40;
  }
  return -1;
}

function proofOf(whoseNumber: number, serial: number, id: number): number {
  return (Math.imul(whoseNumber | 0, 0x9e3779b1) ^ Math.imul(serial, 0x85ebca6b) ^ Math.imul(id, 0xc2b2ae35)) >>> 0;
}

/** A mixture of parents of every kind that threads can share. */
export function parents(count: number): readonly Parent[] {
  return Array.from({ length: count }, (_, i): Parent => {
    if (i === 0) return null;
    if (i % 8 === 1) return 2 ** 40 + i;
    if (i % 8 === 2) return `name ${i}`;
    return i;
  });
}
