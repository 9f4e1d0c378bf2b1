/**
 * An actor: a worker thread that does random operations on the subjects until it is killed, and records each of them. It also dies by itself if it is told
 * to, in the middle of what it does. Runs from a chaos build, as a bundle; never returns to its event loop.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

import { ShadowError } from '../../src/errors.js';
import type { StoreHandle } from '../../src/memory/reservation.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { Random } from '../concurrency/random.js';
import { Deed, Recorder } from './deeds.js';
import { Part, Scene } from './part.js';
import {
  ballast,
  type Birth,
  body,
  FIRST_BALLAST,
  keyOf,
  listen,
  OBJECT_KEY,
  owned,
  PARENTS,
  passing,
  PASSING_KEY,
  proofOf,
  SUBJECT_TYPES,
  type SubjectType,
  type SubjectView,
  wrongIn,
} from './subjects.js';

/** What an actor is posted when its round begins. */
export interface Cue {
  readonly handle: StoreHandle;
  readonly scene: SharedArrayBuffer;
  readonly seed: number;
  /** Out of a hundred actions: how many add ballast, how many create passing variables. */
  readonly ballast: number;
  readonly passing: number;
  /** File to write snapshots to, now and then. */
  readonly snapshot: string | undefined;
}

const words = new Int32Array((workerData as { readonly part: SharedArrayBuffer }).part);
const port = parentPort as unknown as MessagePort;

function setState(state: number): void {
  Atomics.store(words, Part.STATE, state);
  Atomics.notify(words, Part.STATE);
}

/** Whether the thread has begun to end by itself: whatever is thrown from then on is that end. */
let dying = false;

function hasBegunToDie(): boolean {
  return dying;
}

/** Dies here if that is what it was told. */
function mayDie(): void {
  if (dying) throw new Error('an error that nobody catches'); // what recovers the dead has caught it the first time
  const fate = words[Part.FATE];
  if (fate === Part.FATE_NONE || --words[Part.COUNTDOWN]! > 0) return;
  words[Part.FATE] = Part.FATE_NONE;
  dying = true;
  if (fate === Part.FATE_EXIT) process.exit(3);
  if (fate === Part.FATE_THROW) throw new Error('an error that nobody catches');
  const hoard: unknown[] = [];
  for (;;) hoard.push(new Array(10_000).fill(hoard.length));
}

/** Something that must not be. */
class Wrong extends Error {}

class Actor {
  readonly #store: ShadowStore;
  readonly #scene: Int32Array;
  readonly #random: Random;
  readonly #record: Recorder;
  readonly #cue: Cue;
  /** Which declaration of each type it uses: the version in force, as far as it knows. */
  readonly #versions = SUBJECT_TYPES.map(() => 0);
  readonly #own: { readonly object: object; readonly serial: number }[] = [];

  constructor(cue: Cue) {
    this.#cue = cue;
    this.#scene = new Int32Array(cue.scene, 0, Scene.WORDS);
    this.#random = new Random(cue.seed);
    this.#record = new Recorder(words, Part.ENTRIES, Part.RECORD, this.#scene, Scene.CLOCK);
    listen(mayDie, new Uint8Array(cue.scene, Scene.WORDS * 4, Scene.LIVES));
    this.#store = ShadowStore.attach(cue.handle);
    words[Part.SLOT] = this.#store.internals.slot + 1;
  }

  act(): never {
    setState(Part.ACTING);
    for (;;) {
      if (Atomics.load(this.#scene, Scene.PAUSE) !== 0) this.#rest();
      else if (this.#record.full) this.#idle();
      else this.#action();
    }
  }

  #rest(): void {
    const pause = Atomics.load(this.#scene, Scene.PAUSES);
    if (this.#random.oneIn(2)) this.#store.safepoint();
    Atomics.store(words, Part.PAUSE_SEEN, pause);
    setState(Part.PAUSED);
    Atomics.wait(this.#scene, Scene.PAUSE, 1);
    if (Atomics.load(this.#scene, Scene.PAUSE) === 0) setState(Part.ACTING);
  }

  #idle(): void {
    mayDie();
    Atomics.wait(this.#scene, Scene.PAUSE, 0, 5);
  }

  #action(): void {
    words[Part.ACTIONS]!++;
    const random = this.#random;
    const dice = random.below(100);
    const parent = random.below(PARENTS.length);
    const type = random.below(SUBJECT_TYPES.length);
    body();
    if (dice < this.#cue.ballast) this.#ballast();
    else if (dice < this.#cue.ballast + this.#cue.passing) this.#passing();
    else {
      const choice = random.below(1000);
      if (choice < 300) this.#get(parent, type);
      else if (choice < 430) this.#create(Deed.ALLOC, parent, type);
      else if (choice < 580) this.#create(Deed.GET_OR_ALLOC, parent, type);
      else if (choice < 680) this.#change(Deed.ADD, parent, type);
      else if (choice < 780) this.#change(Deed.UPDATE, parent, type);
      else if (choice < 900) this.#free(parent, type);
      else if (choice < 930) this.#freeObject(parent);
      else if (choice < 934) this.#freeAll(type);
      else if (choice < 980) this.#ownObject();
      else if (choice < 999 || this.#cue.snapshot === undefined) this.#store.safepoint();
      else (this.#store as unknown as { snapshot: (file: string) => unknown }).snapshot(this.#cue.snapshot);
    }
  }

  /** Runs an operation on a type in the version in force. */
  #with<R>(type: number, operate: (declared: SubjectType) => R): R {
    for (;;) {
      try {
        return operate(SUBJECT_TYPES[type]![this.#versions[type]!]!);
      } catch (error) {
        if (!(error instanceof ShadowError) || error.code !== 'ERR_SHADOW_VERSION') throw error;
        this.#versions[type] = (this.#versions[type]! + 1) % SUBJECT_TYPES[type]!.length;
      }
    }
  }

  /** The view of a variable, which proves itself; recorded as a look-up. */
  #get(parent: number, type: number): SubjectView | undefined {
    const key = keyOf(parent, type);
    const entry = this.#record.begin(Deed.GET, key, 0);
    const view = this.#with(type, (declared) => this.#store.get(PARENTS[parent]!, declared));
    this.#record.end(entry, view === undefined ? 0 : this.#serialOf(view, key));
    return view;
  }

  #serialOf(view: SubjectView, key: number): number {
    const values = view.read();
    const wrong = wrongIn(values, key);
    if (wrong !== undefined) throw new Wrong(`it sees ${wrong}`);
    return values.serial;
  }

  #create(kind: Deed.ALLOC | Deed.GET_OR_ALLOC, parent: number, type: number): void {
    const key = keyOf(parent, type);
    const birth: Birth = { key, serial: this.#nextSerial() };
    const entry = this.#record.begin(kind, key, birth.serial);
    try {
      const view = this.#with(type, (declared) =>
        kind === Deed.ALLOC
          ? this.#store.alloc(PARENTS[parent]!, declared, birth)
          : this.#store.getOrAlloc(PARENTS[parent]!, declared, birth),
      );
      this.#record.end(entry, this.#serialOf(view, key));
    } catch (error) {
      this.#record.end(entry, resultOf(error));
    }
  }

  #nextSerial(): number {
    const serial = Atomics.add(this.#scene, Scene.SERIAL, 1);
    if (serial >= Scene.LIVES) throw new Error('no serial numbers are left; the round is too long');
    return serial;
  }

  #change(kind: Deed.ADD | Deed.UPDATE, parent: number, type: number): void {
    const view = this.#get(parent, type);
    if (view === undefined) return;
    const { serial } = view;
    const key = keyOf(parent, type);
    const entry = this.#record.begin(kind, key, serial);
    let result = 0;
    if (kind === Deed.ADD) {
      if (this.#random.oneIn(3)) {
        result = this.#store.withLock(view, () => {
          body();
          return view.add('n', 1);
        });
      } else result = view.add('n', 1);
    } else {
      view.update((draft) => {
        body();
        const wrong = wrongIn(draft, key);
        if (wrong !== undefined) throw new Wrong(`it is to update ${wrong}`);
        result = draft.u;
        return { u: draft.u + 1, proof: proofOf(key, draft.serial, draft.u + 1) };
      });
    }
    this.#record.end(entry, result);
  }

  #free(parent: number, type: number): void {
    const entry = this.#record.begin(Deed.FREE, keyOf(parent, type), 0);
    this.#record.end(entry, this.#with(type, (declared) => this.#store.free(PARENTS[parent]!, declared)) ? 1 : 0);
  }

  #freeObject(parent: number): void {
    const entry = this.#record.begin(Deed.FREE_OBJECT, keyOf(parent, 0), 0);
    this.#record.end(entry, this.#store.freeObject(PARENTS[parent]!));
  }

  #freeAll(type: number): void {
    const entry = this.#record.begin(Deed.FREE_ALL, keyOf(0, type), 0);
    this.#record.end(
      entry,
      this.#with(type, (declared) => this.#store.freeAll(declared)),
    );
  }

  /** A variable of an object that nobody else knows. */
  #ownObject(): void {
    if (this.#own.length > 20) {
      const { object, serial } = this.#own.splice(this.#random.below(this.#own.length), 1)[0]!;
      const entry = this.#record.begin(Deed.FREE_OWN, OBJECT_KEY, serial);
      this.#record.end(entry, this.#store.free(object, owned) ? 1 : 0);
      return;
    }
    const object = {};
    const serial = this.#nextSerial();
    const entry = this.#record.begin(Deed.CREATE_OWN, OBJECT_KEY, serial);
    try {
      this.#record.end(entry, this.#store.alloc(object, owned, { key: OBJECT_KEY, serial }).serial);
      this.#own.push({ object, serial });
    } catch (error) {
      this.#record.end(entry, resultOf(error));
    }
  }

  #ballast(): void {
    const number = FIRST_BALLAST + Atomics.add(this.#scene, Scene.BALLAST, 1);
    const entry = this.#record.begin(Deed.BALLAST, OBJECT_KEY, number);
    try {
      this.#store.alloc(number, ballast).whose = number;
      this.#record.end(entry, number);
    } catch (error) {
      this.#record.end(entry, resultOf(error));
    }
  }

  /** A variable of a type that comes and goes. */
  #passing(): void {
    const serial = this.#nextSerial();
    const entry = this.#record.begin(Deed.PASSING, PASSING_KEY, serial);
    try {
      this.#record.end(entry, this.#store.alloc(10 ** 9 + this.#random.below(64), passing, { key: PASSING_KEY, serial }).serial);
    } catch (error) {
      this.#record.end(entry, resultOf(error));
    }
  }
}

/** What an operation came to that a store may refuse. @throws any other error again */
function resultOf(error: unknown): number {
  const code = error instanceof ShadowError ? error.code : undefined;
  if (code === 'ERR_SHADOW_EXISTS') return Deed.EXISTS;
  if (code === 'ERR_SHADOW_UNREGISTERED') return Deed.GONE;
  if (code === 'ERR_SHADOW_EXHAUSTED') return Deed.EXHAUSTED;
  throw error;
}

setState(Part.READY);
while (Atomics.load(words, Part.GO) === 0) Atomics.wait(words, Part.GO, 0);
const { message: cue } = receiveMessageOnPort(port) as { readonly message: Cue };
try {
  new Actor(cue).act();
} catch (error) {
  if (hasBegunToDie()) throw error;
  const text = new TextEncoder()
    .encode(error instanceof Error ? (error.stack ?? error.message) : String(error))
    .subarray(0, Part.TEXT_WORDS * 4);
  new Uint8Array(words.buffer, Part.TEXT * 4, text.length).set(text);
  words[Part.TEXT_BYTES] = text.length;
  setState(Part.FAILED);
}
