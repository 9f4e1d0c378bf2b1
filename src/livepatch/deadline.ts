/**
 * Owns what the caller of an operation says about its patience: a time limit, what to do when it has passed, and a signal. Touches no shared
 * memory. Imports errors.
 */
import { describe, ShadowError } from '../errors.js';

/** What happens to a transition whose time is up. reverse: back to what was before; wait: nothing but an event; force: see `force()`. */
export type StallPolicy = 'reverse' | 'wait' | 'force';

/** How long the caller of `enable()` or `disable()` waits for a transition, and what happens then. */
export interface TransitionOptions {
  /** How long it may take from the call to the end, loading included, 1…2^31−1 ms. Default: as long as it takes. */
  readonly timeout?: number;
  /** Default `reverse`. A patch that is not loaded everywhere in time is refused in any case. */
  readonly onStall?: StallPolicy;
  /** Aborting it has the effect of a reversal, or of a refusal while the patch is being loaded. */
  readonly signal?: AbortSignal;
}

export const MAX_MILLISECONDS = 2 ** 31 - 1;
const POLICIES: readonly unknown[] = ['reverse', 'wait', 'force'];
const OPTIONS: readonly string[] = ['timeout', 'onStall', 'signal'];

/** The running clock of one operation. `stop()` it in the end: a timer that runs keeps the process alive. */
export class Deadline {
  readonly onStall: StallPolicy;
  readonly #timeout: number;
  readonly #startedAt = performance.now();
  readonly #signal: AbortSignal | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #timer: NodeJS.Timeout | undefined;
  /** The timer may ring a little before its time by this clock. */
  #over = false;

  /** @throws ERR_PATCH_DECLARATION for options that are not what they should be */
  constructor(options: TransitionOptions = {}) {
    if (typeof options !== 'object' || (options as unknown) === null || Array.isArray(options))
      refuse(`the options of a transition are an object, not ${describe(options)}`);
    for (const key of Object.keys(options))
      if (!OPTIONS.includes(key)) refuse(`unknown option ${key} of a transition; known are ${OPTIONS.join(', ')}`);
    const { timeout = Infinity, onStall = 'reverse', signal } = options;
    if (timeout !== Infinity && !(typeof timeout === 'number' && timeout >= 1 && timeout <= MAX_MILLISECONDS))
      refuse(`timeout is ${describe(timeout)}; give milliseconds from 1 to ${MAX_MILLISECONDS}`);
    if (!POLICIES.includes(onStall)) refuse(`onStall is ${describe(onStall)}; give "reverse", "wait" or "force"`);
    if (signal !== undefined && !(signal instanceof AbortSignal)) refuse(`signal is ${describe(signal)}, not an AbortSignal`);
    this.onStall = onStall;
    this.#timeout = timeout;
    this.#signal = signal;
    if (timeout !== Infinity) {
      this.#timer = setTimeout(() => {
        if (this.#over) return; // whoever listens was told
        this.#over = true;
        this.#ring();
      }, timeout);
    }
    signal?.addEventListener('abort', this.#ring);
  }

  get aborted(): boolean {
    return this.#signal?.aborted === true;
  }

  get reason(): unknown {
    return this.#signal?.reason as unknown;
  }

  /** ms until the time is up. */
  get remaining(): number {
    return Math.max(0, this.#startedAt + this.#timeout - performance.now());
  }

  get isOver(): boolean {
    return this.#over || this.remaining === 0;
  }

  get timeout(): number {
    return this.#timeout;
  }

  /** Calls `listener` when the time is up or the signal is aborted; at once if that is so. */
  onEnd(listener: () => void): void {
    this.#listeners.add(listener);
    this.#over = this.isOver;
    if (this.#over || this.aborted) this.#ring();
  }

  offEnd(listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Before anything has started. @throws ERR_PATCH_ABORTED, ERR_PATCH_STALLED */
  check(state: () => string = () => 'it had not begun'): void {
    if (this.aborted) throw aborted(this.reason);
    if (this.isOver) throw new ShadowError('ERR_PATCH_STALLED', `not done within ${this.#timeout} ms: ${state()}; nothing changed`);
  }

  /** What `work` ends with; it goes on unheard if the time is up or the signal is aborted while `isWaiting()`. @throws what `check()` does */
  async limit<T>(work: Promise<T>, isWaiting: () => boolean): Promise<T> {
    let look = (): void => undefined;
    const patience = new Promise<void>((resolve) => {
      look = () => {
        if (isWaiting()) resolve();
      };
    });
    this.onEnd(look);
    try {
      await Promise.race([work, patience]);
    } finally {
      this.offEnd(look);
    }
    if (isWaiting()) this.check();
    return work;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#ring);
    this.#listeners.clear();
  }

  readonly #ring = (): void => {
    for (const listener of [...this.#listeners]) listener();
  };
}

export function aborted(cause: unknown): ShadowError {
  return new ShadowError('ERR_PATCH_ABORTED', 'the signal was aborted before the transition was complete; all is as before', { cause });
}

function refuse(what: string): never {
  throw new ShadowError('ERR_PATCH_DECLARATION', what);
}
