/**
 * Owns the independent evidence of which version of which function a task ran: it does not ask the gate, it stands in front of every version.
 * A call belongs to the task in whose asynchronous context it happens, also after the task was answered. Touches no shared memory. Imports
 * the hook that puts it there, and currentVersion().
 */
import { AsyncLocalStorage } from 'node:async_hooks';

import { currentVersion } from '../livepatch/attach.js';
import type { Decorator, VersionName } from '../livepatch/decoration.js';
import type { PatchFunction } from '../livepatch/patch.js';
import type { Call } from './protocol.js';

/** What one task did. */
class Testimony {
  readonly #calls = new Map<string, Call>();
  answered = false;

  get calls(): Call[] {
    return [...this.#calls.values()];
  }

  /** @returns whether this is something new */
  note(call: Call): boolean {
    const key = JSON.stringify(call);
    if (this.#calls.has(key)) return false;
    this.#calls.set(key, call);
    return true;
  }
}

export class Witness implements Decorator {
  readonly #tasks = new AsyncLocalStorage<Testimony>();
  readonly #onStray: (calls: readonly Call[]) => void;
  /** The next version that is called is called by a replacement: the way from its `original` to that version is synchronous. */
  #nested = false;

  /** `onStray` hears of tasks that go on after they have been answered. */
  constructor(onStray: (calls: readonly Call[]) => void) {
    this.#onStray = onStray;
  }

  version(call: PatchFunction, { object, name, patch }: VersionName): PatchFunction {
    const note = (): void => {
      this.#note(`${object}.${name}`, patch);
    };
    return alike(call, function (this: unknown, ...args: never[]): unknown {
      note();
      return Reflect.apply(call, this, args);
    });
  }

  original(call: PatchFunction): PatchFunction {
    const nest = (nested: boolean): void => {
      this.#nested = nested;
    };
    return alike(call, function (this: unknown, ...args: never[]): unknown {
      nest(true);
      try {
        return Reflect.apply(call, this, args);
      } finally {
        nest(false);
      }
    });
  }

  /** Runs one task. `answer` gets its calls when it has ended. */
  async attend(task: () => unknown, answer: (result: unknown, error: unknown, calls: readonly Call[]) => void): Promise<void> {
    const testimony = new Testimony();
    let result: unknown;
    let error: unknown;
    try {
      result = await this.#tasks.run(testimony, task);
    } catch (cause) {
      error = cause ?? new Error(`it threw ${String(cause)}`);
    }
    testimony.answered = true;
    answer(result, error, testimony.calls);
  }

  #note(name: string, patch: string | null): void {
    const nested = this.#nested;
    this.#nested = false;
    const testimony = this.#tasks.getStore();
    if (nested || testimony === undefined) return;
    const late = testimony.answered;
    const news = testimony.note({ name, patch, version: currentVersion(), late });
    if (news && late) this.#onStray(testimony.calls);
  }
}

/** Its prototype tells a generator. */
function alike(call: PatchFunction, wrapped: PatchFunction): PatchFunction {
  Object.setPrototypeOf(wrapped, Object.getPrototypeOf(call) as object);
  return Object.defineProperties(wrapped, {
    name: { value: call.name, configurable: true },
    length: { value: call.length, configurable: true },
  });
}
