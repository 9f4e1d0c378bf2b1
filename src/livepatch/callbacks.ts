/**
 * Owns the running of patch callbacks: one at a time, on the coordinator's thread, and what they are told. Which of them run, and when, is
 * the business of objects.ts and states.ts. Touches no shared memory. Imports errors, entry and the declaration of patches.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

import { describe, messageOf, ShadowError } from '../errors.js';
import type { ShadowStore } from '../shadow/store.js';
import type { ObjectRecord, PatchEntry, StateRecord } from './entry.js';
import type { Announce } from './events.js';
import type { Journal } from './journal.js';
import type { CallbackContext, ModulePhase, StateCallbackContext, StateEntry } from './patch.js';
import { callKey } from './record.js';

type Told = 'postPatch' | 'preUnpatch' | 'postUnpatch';

/** Whose callback: an object of a patch, with the phase of its module, or a state. */
interface Subject {
  readonly entry: PatchEntry;
  readonly callbacks: object;
  readonly object: string | null;
  readonly state: number | null;
  readonly module: ModulePhase | null;
}

export function ofObject(entry: PatchEntry, { object }: ObjectRecord, module: ModulePhase | null): Subject {
  return { entry, callbacks: object.callbacks, object: object.name, state: null, module };
}

export function ofState(entry: PatchEntry, { declared }: StateRecord): Subject {
  return { entry, callbacks: declared.callbacks, object: null, state: declared.id, module: null };
}

export class CallbackRunner {
  readonly #store: ShadowStore;
  readonly #journal: Journal;
  readonly #announce: Announce;
  readonly #warn: (error: ShadowError) => void;
  readonly #previousState: (id: number) => StateEntry | undefined;
  readonly #running = new AsyncLocalStorage<true>();

  constructor(
    store: ShadowStore,
    journal: Journal,
    announce: Announce,
    warn: (error: ShadowError) => void,
    previousState: (id: number) => StateEntry | undefined,
  ) {
    this.#store = store;
    this.#journal = journal;
    this.#announce = announce;
    this.#warn = warn;
    this.#previousState = previousState;
  }

  /** Whether this is said by a callback that is running: it must not wait for what waits for it. */
  get isCalling(): boolean {
    return this.#running.getStore() === true;
  }

  /** Asks an object or a state whether it agrees. @throws ERR_PATCH_PRE_PATCH */
  async askPrePatch(subject: Subject): Promise<void> {
    const who = `pre_patch of ${name(subject)}`;
    let answer: unknown;
    try {
      answer = await this.#run('prePatch', subject);
    } catch (cause) {
      throw new ShadowError('ERR_PATCH_PRE_PATCH', `${who} threw: ${messageOf(cause)}; nothing changed`, { cause });
    }
    if (hasAgreed(answer)) return;
    throw new ShadowError('ERR_PATCH_PRE_PATCH', `${who} returned ${describe(answer)}; nothing changed, undefined or 0 would have agreed`, {
      cause: answer,
    });
  }

  /** Only pre_patch may refuse: what any other callback throws is a warning, and the transition goes on. */
  async tell(callback: Told, subject: Subject): Promise<void> {
    try {
      await this.#run(callback, subject);
    } catch (cause) {
      this.#warn(
        new ShadowError('ERR_PATCH_CALLBACK', `${callback} of ${name(subject)} threw: ${messageOf(cause)}; the transition went on`, {
          cause,
        }),
      );
    }
  }

  async #run(callback: Told | 'prePatch', subject: Subject): Promise<unknown> {
    const { entry, object, state, module } = subject;
    const callbacks = subject.callbacks as Partial<Record<string, (context: StateCallbackContext) => unknown>>;
    if (callbacks[callback] === undefined) return undefined;
    const key = callKey(callback, entry.reference.serial, object, state);
    if (this.#journal.hasRun(key)) return undefined; // by the coordinator before this one
    this.#journal.call(key);
    this.#announce('callback', { callback, patch: entry.name, object, state, module });
    let agreed = callback !== 'prePatch';
    try {
      const answer = await this.#running.run(true, () => callbacks[callback]?.(this.#context(subject)));
      agreed ||= hasAgreed(answer);
      return answer;
    } finally {
      this.#journal.called(key, agreed);
      this.#running.disable(); // what goes on after the callback has answered may ask for anything, and promises cost no more than before
    }
  }

  #context({ entry, object, module }: Subject): StateCallbackContext | CallbackContext {
    const context: StateCallbackContext = {
      store: this.#store,
      patch: entry.name,
      getState: (id) => entry.state(id)?.entry,
      getPrevState: this.#previousState,
    };
    return object === null ? context : { ...context, object, module };
  }
}

function hasAgreed(answer: unknown): boolean {
  return answer === undefined || answer === 0;
}

function name({ entry, object, state }: Subject): string {
  return `patch ${describe(entry.name)}, ${object === null ? `state ${state}` : `object ${describe(object)}`}`;
}
