/**
 * Owns what rewritten code calls `$S`: one simulated thread's way to the memory. Every method that stands for a step either performs it and returns false,
 * leaving the result in `v`, or puts it off and returns true: then the code yields, and the machine performs the step when the thread's turn comes.
 * Imports machine.
 */
import { type Machine, MOST_STEPS, Pause, SPIN_STEPS, ThreadState } from './machine.js';

type Words = Int32Array | Uint32Array | Int16Array | Uint16Array | Float32Array | Float64Array | BigInt64Array | BigUint64Array;
type Steps = Generator<unknown, unknown, unknown>;
type Callback = (...given: unknown[]) => unknown;

/** What every generator object inherits from. */

const GENERATOR = Object.getPrototypeOf(Object.getPrototypeOf((function* () {})())) as object;

const enum Step {
  NONE = 0,
  READ = 1,
  WRITE = 2,
  ATOMIC = 3,
  EVENT = 4,
}

/** What an iterator of the code gave, as opposed to a step on its way. */
class Item {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

class StepIterable {
  readonly steps: Steps;

  constructor(steps: Steps) {
    this.steps = steps;
  }
}

const atomics = Atomics as unknown as Record<string, (array: Words, index: number, x?: unknown, y?: unknown) => unknown>;

export class Port {
  readonly id: number;
  readonly bit: number;
  readonly machine: Machine;
  /** The arrays that the thread's code uses most; set when it has attached. */
  words: Int32Array;
  uwords: Uint32Array;
  state: ThreadState = ThreadState.READY;
  /** Steps of this thread. */
  steps = 0;
  /** Of its waits, since a word changed last. */
  timeouts = 0;
  /** Sites whose plain loads may be stale; null unless the memory is weak. */
  stale: Uint8Array | null = null;
  /** How many of them still may be, in this execution. */
  staleBudget = 0;
  /** Sites whose plain loads are followed as pointers: every processor shows what the pointer leads to as it was when the pointer was stored. */
  readonly #follows: Uint8Array;
  /** The result of the last step, and a value on its way between two operands. */
  v: unknown = undefined;
  t: unknown = undefined;
  readonly G: abstract new () => object;
  #program: Steps | undefined;
  #step: Step = Step.NONE;
  #array: Words;
  #index = 0;
  #x: unknown = undefined;
  #y: unknown = undefined;
  #operation = '';
  #word = -1;
  #site = 0;
  #woken: string | undefined;
  #microtasks: (() => unknown)[] = [];

  constructor(machine: Machine, id: number, follows: Uint8Array) {
    this.#follows = follows;
    this.machine = machine;
    this.id = id;
    this.bit = 1 << id;
    this.words = machine.words;
    this.uwords = new Uint32Array(machine.buffer);
    this.#array = this.words;
    const generator = function (): void {
      throw new Error('only for instanceof');
    };
    generator.prototype = GENERATOR;
    this.G = generator as unknown as abstract new () => object;
  }

  /** Makes the thread ready to run a program. */
  start(program: Steps): void {
    this.#program = program;
    this.#step = Step.NONE;
    this.#woken = undefined;
    this.state = ThreadState.READY;
    this.steps = 0;
  }

  forget(): void {
    this.#microtasks = [];
    this.#program = undefined;
  }

  resume(): { readonly done: boolean } {
    let result: unknown;
    if (this.#woken !== undefined) {
      result = this.#woken;
      this.#woken = undefined;
    } else if (this.#step !== Step.NONE) {
      result = this.#perform();
      if (this.machine.pause === Pause.WAIT) return NOT_DONE;
    }
    return { done: this.#program!.next(result).done === true };
  }

  wake(how: 'ok' | 'timed-out'): void {
    const { waiters } = this.machine;
    const at = waiters.findIndex(({ thread }) => thread === this);
    if (at >= 0) waiters.splice(at, 1);
    this.state = ThreadState.READY;
    this.#woken = how;
  }

  queueMicrotask(task: () => unknown): void {
    this.#microtasks.push(task);
  }

  /** The end of a turn of the event loop. */
  *endTurn(): Steps {
    for (let task = this.#microtasks.shift(); task !== undefined; task = this.#microtasks.shift()) yield* this.result(task());
    return undefined;
  }

  // --- Steps ------------------------------------------------------------------------------------------------------------------------

  r(array: Words, index: number, site: number): boolean {
    const word = array === this.words || array === this.uwords ? index : this.#locate(array, index);
    const { machine } = this;
    if (!machine.scheduled || !this.#isCommon(array, word)) {
      this.v = array[index];
      return false;
    }
    machine.step++;
    machine.idle++;
    this.steps++;
    const isContended = machine.contended[word] !== 0;
    if (isContended || machine.step === machine.planned || machine.idle > SPIN_STEPS || machine.step > MOST_STEPS) {
      if (machine.mustPause(this, isContended, false)) return this.#putOff(Step.READ, array, index, undefined, undefined, '', word, site);
      this.v = this.#read(array, index, word, site);
      return false;
    }
    if (!machine.isNoted(word, this.bit, false)) machine.noteAccess(word, this, false);
    this.v = array[index];
    if (machine.trace !== null) this.#trace('reads', word, this.v, site);
    return false;
  }

  w(array: Words, index: number, value: unknown, site: number): boolean {
    const word = array === this.words || array === this.uwords ? index : this.#locate(array, index);
    const { machine } = this;
    if (!this.#isCommon(array, word)) {
      array[index] = value as number;
      this.v = value;
      return false;
    }
    if (!machine.scheduled) {
      machine.noteWritten(word);
      array[index] = value as number;
      this.v = value;
      return false;
    }
    machine.step++;
    this.steps++;
    const isContended = machine.contended[word] !== 0;
    if (machine.mustPause(this, isContended, true)) return this.#putOff(Step.WRITE, array, index, value, undefined, '', word, site);
    this.v = this.#write(array, index, value, word, site);
    return false;
  }

  a(operation: string, array: Words, index: number, x: unknown, y: unknown, site: number): boolean {
    const word = array === this.words || array === this.uwords ? index : this.#locate(array, index);
    const { machine } = this;
    if (!this.#isCommon(array, word)) {
      this.v = this.#local(operation, array, index, x, y);
      return false;
    }
    if (!machine.scheduled) {
      machine.noteWritten(word);
      this.v = operation === 'notify' ? 0 : operate(operation, array, index, x, y);
      return false;
    }
    machine.step++;
    machine.idle++;
    this.steps++;
    const isContended = machine.contended[word] !== 0;
    if (machine.mustPause(this, isContended, operation !== 'load'))
      return this.#putOff(Step.ATOMIC, array, index, x, y, operation, word, site);
    this.v = this.#atomic(operation, array, index, x, y, word, site);
    return false;
  }

  /** Atomics.wait, and what follows when it ends. */
  *wait(site: number, array: Words, index: number, value: unknown, _timeout?: unknown): Steps {
    if (!this.machine.scheduled || this.machine.indivisible > 0) throw new Error('a wait while nobody else runs would be for ever');
    const isPutOff = this.a('wait', array, index, value, undefined, site);
    if (isPutOff || this.machine.pause === Pause.WAIT) return yield;
    return this.v;
  }

  *fill(site: number, array: Words, value: unknown, start = 0, end = array.length): Steps {
    for (let i = start; i < end; i++) if (this.w(array, i, value, site)) yield;
    return array;
  }

  *copyWithin(site: number, array: Words, target: number, start: number, end = array.length): Steps {
    // Upwards or downwards, so that no word is read after it was overwritten.
    const count = Math.min(end - start, array.length - target);
    for (let n = 0; n < count; n++) {
      const i = target < start ? n : count - 1 - n;
      const value: unknown = this.r(array, start + i, site) ? yield : this.v;
      if (this.w(array, target + i, value, site)) yield;
    }
    return array;
  }

  /** `array.set(from)` */
  *setAll(site: number, array: Words, from: ArrayLike<unknown>, offset = 0): Steps {
    for (let i = 0; i < from.length; i++) if (this.w(array, offset + i, from[i], site)) yield;
    return undefined;
  }

  /** A copy of what would be a window on the memory. */
  *subarray(site: number, array: Words, start: number, end: number): Steps {
    const values: unknown[] = [];
    for (let i = start; i < end; i++) values.push(this.r(array, i, site) ? yield : this.v);
    return values;
  }

  /** A call or return of an operation. The thread may be stopped before a call, and may die there. */
  event(isCall: boolean): boolean {
    const { machine } = this;
    machine.step++;
    this.steps++;
    const operation = isCall ? 'call' : 'return';
    if (isCall && machine.mustPause(this, true, true))
      return this.#putOff(Step.EVENT, this.words, 0, undefined, undefined, operation, -1, 0);
    this.#event(operation);
    return false;
  }

  // --- Where no generator can be ----------------------------------------------------------------------------------------------------

  rNow(array: Words, index: number, site: number): unknown {
    return this.#indivisibly(() => {
      this.r(array, index, site);
      return this.v;
    });
  }

  wNow(array: Words, index: number, value: unknown, site: number): unknown {
    return this.#indivisibly(() => {
      this.w(array, index, value, site);
      return value;
    });
  }

  aNow(operation: string, array: Words, index: number, x: unknown, y: unknown, site: number): unknown {
    return this.#indivisibly(() => {
      this.a(operation, array, index, x, y, site);
      return this.v;
    });
  }

  /** Runs what may be steps to the end. */
  drive(value: unknown): unknown {
    if (!(value instanceof this.G)) return value;
    return this.#indivisibly(() => {
      for (;;) {
        const result = (value as Steps).next();
        if (result.done === true) return result.value;
        throw new Error('a step yielded although nothing is scheduled');
      }
    });
  }

  /** In one go: where threads are being explored, that is for words only that no two of them contend for. */
  #indivisibly(run: () => unknown): unknown {
    const { machine } = this;
    machine.indivisible++;
    try {
      return run();
    } finally {
      machine.indivisible--;
    }
  }

  // --- What the code does with what may be steps ------------------------------------------------------------------------------------

  /** The result of what may be steps. */
  *result(value: unknown): Steps {
    return value instanceof this.G ? yield* value as Steps : value;
  }

  item(value: unknown): Item {
    return new Item(value);
  }

  iterable(steps: Steps): StepIterable {
    return new StepIterable(steps);
  }

  /** The next item of an iterator of the code. */
  *next({ steps }: StepIterable): Generator<unknown, { done: boolean; value: unknown }, unknown> {
    let given: unknown;
    for (;;) {
      const result = steps.next(given);
      if (result.done === true) return { done: true, value: result.value };
      if (result.value instanceof Item) return { done: false, value: result.value.value };
      given = yield result.value;
    }
  }

  /** All items of an iterator of the code. */
  *list(iterable: StepIterable): Generator<unknown, unknown[], unknown> {
    const items: unknown[] = [];
    for (let item = yield* this.next(iterable); !item.done; item = yield* this.next(iterable)) items.push(item.value);
    return items;
  }

  /** Whether the operating system knows the thread no more. Whoever is told that it is dead knows all that it has done. */
  isGone(thread: number): boolean {
    const { machine } = this;
    const isDead = machine.dead >= 0 && machine.dead === thread;
    if (!machine.scheduled) return isDead;
    machine.order.event(this.id, isDead ? 3 : 2);
    if (isDead) machine.order.join(thread, this.id);
    return isDead;
  }

  /** Sets a property, which may be an accessor whose setter takes steps. */
  *set(target: object, name: PropertyKey, value: unknown): Steps {
    for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
      const { set: setter } = (Object.getOwnPropertyDescriptor(at, name) ?? {}) as { set?: Callback };
      if (setter !== undefined) return yield* this.result(setter.call(target, value));
    }
    return Reflect.set(target, name, value);
  }

  *map(list: readonly unknown[], callback: Callback): Steps {
    const results: unknown[] = [];
    for (let i = 0; i < list.length; i++) results.push(yield* this.result(callback(list[i], i, list)));
    return results;
  }

  *flatMap(list: readonly unknown[], callback: Callback): Steps {
    return ((yield* this.map(list, callback)) as unknown[]).flat();
  }

  *forEach(list: readonly unknown[], callback: Callback): Steps {
    yield* this.map(list, callback);
    return undefined;
  }

  *filter(list: readonly unknown[], callback: Callback): Steps {
    const kept: unknown[] = [];
    for (let i = 0; i < list.length; i++) if (isTrue(yield* this.result(callback(list[i], i, list)))) kept.push(list[i]);
    return kept;
  }

  *findIndex(list: readonly unknown[], callback: Callback): Generator<unknown, number, unknown> {
    for (let i = 0; i < list.length; i++) if (isTrue(yield* this.result(callback(list[i], i, list)))) return i;
    return -1;
  }

  *find(list: readonly unknown[], callback: Callback): Steps {
    const at = yield* this.findIndex(list, callback);
    return at < 0 ? undefined : list[at];
  }

  *some(list: readonly unknown[], callback: Callback): Steps {
    return (yield* this.findIndex(list, callback)) >= 0;
  }

  *every(list: readonly unknown[], callback: Callback): Steps {
    for (let i = 0; i < list.length; i++) if (!isTrue(yield* this.result(callback(list[i], i, list)))) return false;
    return true;
  }

  *reduce(list: readonly unknown[], callback: Callback, ...initial: unknown[]): Steps {
    let total = initial.length > 0 ? initial[0] : list[0];
    for (let i = initial.length > 0 ? 0 : 1; i < list.length; i++) total = yield* this.result(callback(total, list[i], i, list));
    return total;
  }

  // --- Performing -------------------------------------------------------------------------------------------------------------------

  #putOff(step: Step, array: Words, index: number, x: unknown, y: unknown, operation: string, word: number, site: number): true {
    this.#step = step;
    this.#array = array;
    this.#index = index;
    this.#x = x;
    this.#y = y;
    this.#operation = operation;
    this.#word = word;
    this.#site = site;
    return true;
  }

  #perform(): unknown {
    const step = this.#step;
    this.#step = Step.NONE;
    if (step === Step.READ) return this.#read(this.#array, this.#index, this.#word, this.#site);
    if (step === Step.WRITE) return this.#write(this.#array, this.#index, this.#x, this.#word, this.#site);
    if (step === Step.EVENT) return this.#event(this.#operation);
    return this.#atomic(this.#operation, this.#array, this.#index, this.#x, this.#y, this.#word, this.#site);
  }

  #trace(what: string, word: number, value: unknown, site: number): void {
    const { machine, id } = this;
    machine.trace?.({ step: machine.step, thread: id, what, word, value, site });
  }

  #read(array: Words, index: number, word: number, site: number): unknown {
    const value = this.#readNow(array, index, word, site);
    if (this.machine.trace !== null) this.#trace('reads', word, value, site);
    return value;
  }

  #readNow(array: Words, index: number, word: number, site: number): unknown {
    const { machine } = this;
    if (machine.contended[word] === 0) {
      if (!machine.isNoted(word, this.bit, false)) machine.noteAccess(word, this, false);
      return array[index];
    }
    const { history } = machine;
    if (history !== null && this.stale !== null && this.stale[site] !== 0 && array === this.words) {
      const candidates = this.staleBudget > 0 ? history.candidates(this.id, word) : ONE;
      let back = 0;
      if (candidates.length > 1) {
        machine.step++;
        back = machine.decider.value(candidates.length);
        if (back > 0) this.staleBudget--;
        machine.order.event(this.id, back);
      }
      machine.order.read(this.id, word, false, this.#follows[site] !== 0, site);
      return history.take(this.id, word, back);
    }
    machine.order.read(this.id, word, false, this.#follows[site] !== 0, site);
    return array[index];
  }

  #write(array: Words, index: number, value: unknown, word: number, site: number): unknown {
    const { machine } = this;
    machine.noteWritten(word);
    const before = array[index];
    if (machine.contended[word] !== 0) {
      machine.order.write(this.id, word, false, false, site);
      machine.history?.stored(word, value as number, before as number, machine.step);
    } else if (!machine.isNoted(word, this.bit, true)) machine.noteAccess(word, this, true);
    if (machine.trace !== null) this.#trace('writes', word, value, site);
    array[index] = value as number;
    if (array[index] !== before) machine.changed();
    return value;
  }

  #atomic(operation: string, array: Words, index: number, x: unknown, y: unknown, word: number, site: number): unknown {
    const { machine } = this;
    const isContended = machine.contended[word] !== 0;
    const before = operation === 'store' ? undefined : array[index];
    const writes = writesWord(operation, before, x);
    if (writes) machine.noteWritten(word);
    if (!isContended) {
      const notes = operation !== 'load' && !isFence(operation, x);
      if (!machine.isNoted(word, this.bit, notes)) machine.noteAccess(word, this, notes);
    } else if (writes) machine.order.write(this.id, word, true, operation !== 'store', site);
    else machine.order.read(this.id, word, true, true, site);
    if (machine.trace !== null) this.#trace(`Atomics.${operation} on ${String(array[index])} with`, word, y ?? x, site);
    if (operation === 'notify') return machine.notify(word, typeof x === 'number' ? x : Infinity);
    if (operation === 'wait') return this.#wait(before === x, word);
    const old = array[index];
    const result = operate(operation, array, index, x, y);
    if (isContended && writes) machine.history?.stored(word, array[index] as number, old as number, machine.step);
    if (operation !== 'store') machine.history?.fence(this.id, machine.step);
    if (array[index] !== old) machine.changed();
    return result;
  }

  #wait(holds: boolean, word: number): string {
    if (!holds) return 'not-equal';
    const { machine } = this;
    machine.waiters.push({ word, thread: this });
    this.state = ThreadState.WAITING;
    machine.pause = Pause.WAIT;
    return 'waiting';
  }

  #event(operation: string): unknown {
    const { machine } = this;
    if (machine.trace !== null) this.#trace(operation, -1, undefined, -1);
    // Whoever calls after another has returned has heard of that, and waited for it.
    if (operation === 'call') machine.history?.fence(this.id, machine.step);
    if (operation === 'call') machine.order.call(this.id, machine.sequence);
    else machine.order.return(this.id, machine.sequence);
    return undefined;
  }

  #local(operation: string, array: Words, index: number, x: unknown, y: unknown): unknown {
    return operation === 'notify' ? 0 : operate(operation, array, index, x, y);
  }

  /** Whether threads have it in common: a word of the reservation, or of the mail. */
  #isCommon(array: Words, word: number): boolean {
    return word >= 0 && (word < this.machine.words.length || array === this.machine.mail);
  }

  /** The word that an element lies in, −1 if it is nobody else's. */
  #locate(array: Words, index: number): number {
    if (array === this.machine.mail) return this.machine.firstMail + index;
    if (!ArrayBuffer.isView(array) || array.buffer !== this.machine.buffer) return -1;
    return (array.byteOffset + index * array.BYTES_PER_ELEMENT) >> 2;
  }
}

/** An atomic operation that is there for its order alone. */
function isFence(operation: string, x: unknown): boolean {
  return operation === 'or' && x === 0;
}

/** Whether it leaves something for others: a compare-exchange that fails does not, nor a wait for what has changed already. */
function writesWord(operation: string, before: unknown, x: unknown): boolean {
  if (operation === 'load' || isFence(operation, x)) return false;
  return before === x || (operation !== 'compareExchange' && operation !== 'wait');
}

const NOT_DONE = { done: false };
const ONE = [0];

/** What a callback answered. */
function isTrue(value: unknown): boolean {
  return Boolean(value);
}

function operate(operation: string, array: Words, index: number, x: unknown, y: unknown): unknown {
  if (operation === 'load') return atomics['load']!(array, index);
  return operation === 'compareExchange' ? atomics['compareExchange']!(array, index, x, y) : atomics[operation]!(array, index, x);
}
