/**
 * Owns the coordinator's way of waiting: for PATCH_WAKE to move, for an event of this thread, or for the time of the safety net to pass.
 * Reads PATCH_WAKE, writes nothing. Imports layout.
 */
import { Layout } from '../memory/layout.js';

type WaitAsyncResult = { readonly async: false } | { readonly async: true; readonly value: Promise<unknown> };
// Present in Node 20, absent from the ES2023 library types.
const { waitAsync } = Atomics as unknown as { waitAsync: (words: Int32Array, index: number, value: number) => WaitAsyncResult };

export class Wake {
  readonly #words: Int32Array;
  #events = 0;
  #ring: () => void = () => undefined;
  #watched: { readonly value: number; readonly moved: Promise<unknown> } | undefined;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Something happened in this thread that a waiting transition should look at. */
  ring(): void {
    this.#events++;
    this.#ring();
  }

  /**
   * Calls `look` at once and after everything that may have changed what it sees, at least every `pollMilliseconds`, until it returns
   * something else than `undefined`. Keeps the process alive.
   */
  async until<T>(pollMilliseconds: number, look: () => T | undefined): Promise<T> {
    for (;;) {
      // Both are read before the look: what happens during it is not missed.
      const wake = Atomics.load(this.#words, Layout.PATCH_WAKE);
      const events = this.#events;
      const seen = look();
      if (seen !== undefined) return seen;
      await this.#change(wake, events, pollMilliseconds);
    }
  }

  async #change(wake: number, events: number, milliseconds: number): Promise<void> {
    if (events !== this.#events) return;
    const moved = this.#watch(wake);
    if (moved === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds); // also what keeps the process alive: waitAsync does not
      this.#ring = () => {
        clearTimeout(timer);
        resolve();
      };
      void moved.then(this.#ring);
    });
    this.#ring = () => undefined;
  }

  /** One pending waitAsync per value: every further one would stay in the engine's list until the word moves. */
  #watch(value: number): Promise<unknown> | undefined {
    if (this.#watched?.value !== value) {
      const result = waitAsync(this.#words, Layout.PATCH_WAKE, value);
      if (!result.async) return undefined;
      const watched = { value, moved: result.value };
      this.#watched = watched;
      // A thread raises the word and then notifies: the notification may come when the new value is being watched already, and must
      // not count twice.
      void result.value.then(() => {
        if (this.#watched === watched) this.#watched = undefined;
      });
    }
    return this.#watched.moved;
  }
}
