/**
 * Owns when to look again whether active calls have ended: without a look in between there is no reason to. Touches no shared memory.
 * Imports activity.
 */
import { watchEnds } from './activity.js';

export class Lookout {
  readonly #look: () => void;
  #nextTurn: NodeJS.Immediate | undefined;
  #inNextTurn = false;

  constructor(look: () => void) {
    this.#look = look;
  }

  /** Suspended calls say when they end. Those that are on the stack at this moment will have ended at the next turn of the event loop. */
  watch(): void {
    watchEnds(this.#look);
    if (this.#inNextTurn) return;
    this.#nextTurn ??= setImmediate(() => {
      this.#nextTurn = undefined;
      this.#inNextTurn = true;
      this.#look();
      this.#inNextTurn = false;
    });
  }

  /** Nobody waits for calls to end any more. */
  end(): void {
    watchEnds(undefined);
  }
}
