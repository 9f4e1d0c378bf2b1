/**
 * Owns the ends of calls that return before they have ended: promises, other thenables, generators. A suspended call is on no stack and
 * still is an activation of the version it began in (livepatch-semantics, H15). Lowers activation counters. Imports activity.
 *
 * What the caller gets behaves as if nobody had looked: results, rejections nobody handles, and the object itself unless it is a plain
 * promise, which is answered by a promise derived from it.
 */
import { counters, lower, UNTRACKED } from './activity.js';

/** What the counting knows of a version. */
interface Counted {
  readonly counter: number;
  readonly isGenerator: boolean;
}

/** One suspended call: ends once, whatever says so first. */
class Suspension {
  readonly #counter: number;
  #ended = false;

  constructor(counter: number) {
    this.#counter = counter;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    lower(this.#counter);
  }
}

type Then = (this: unknown, fulfilled?: unknown, rejected?: unknown) => unknown;
type Step = (this: unknown, value?: unknown) => unknown;
type Reaction = ((value: unknown) => unknown) | null | undefined;

const GENERATORS: readonly unknown[] = [function* (): Generator {}, async function* (): AsyncGenerator {}].map(Object.getPrototypeOf);
// eslint-disable-next-line @typescript-eslint/unbound-method -- it is applied
const nativeThen = Promise.prototype.then as Then;
/** A generator that was given up half-way never ends; nor does a thenable that nobody waits for. */
const abandoned = new FinalizationRegistry<Suspension>((suspension) => {
  suspension.end();
});

export function isGeneratorFunction(call: unknown): boolean {
  return GENERATORS.includes(Object.getPrototypeOf(call));
}

/** What the caller gets instead of `result`, an object that a counted call returned. The counter is lowered now or when the call ends. */
export function suspended(version: Counted, result: object): unknown {
  const { counter } = version;
  if (counter === UNTRACKED) {
    counters[counter]!--;
    return result;
  }
  if (result instanceof Promise) return isPlain(result) ? derived(counter, result) : observed(new Suspension(counter), result);
  if (version.isGenerator) return steps(new Suspension(counter), result);
  const { then } = result as { readonly then?: unknown };
  if (typeof then === 'function' && Object.isExtensible(result)) return awaited(new Suspension(counter), result, then as Then);
  counters[counter]!--;
  return result;
}

function isPlain(promise: Promise<unknown>): boolean {
  return Object.getPrototypeOf(promise) === Promise.prototype && !Object.hasOwn(promise, 'then') && !Object.hasOwn(promise, 'constructor');
}

/** The derived promise rejects as the first one would have, so a rejection that nobody handles is still reported. */
function derived(counter: number, promise: Promise<unknown>): Promise<unknown> {
  const answer = promise.then(
    (value) => {
      lower(counter);
      return value;
    },
    (error: unknown) => {
      lower(counter);
      throw error;
    },
  );
  if (Reflect.ownKeys(promise).length === 0) return answer;
  // Some libraries hang more on their promises: a process to kill, a stream to read.
  return Object.defineProperties(answer, Object.getOwnPropertyDescriptors(promise));
}

/**
 * A promise of a class of its own. Looking at how it settles makes every rejection a handled one; so it is noted whether anybody else has
 * asked, and if not the rejection is said again, until somebody does.
 */
function observed(suspension: Suspension, promise: Promise<unknown>): Promise<unknown> {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is applied
  const then = promise.then as Then;
  let handled = false;
  let said: Promise<never> | undefined;
  if (Object.isExtensible(promise)) {
    hide(promise, 'then', function (this: unknown, ...reactions: unknown[]): unknown {
      handled = true;
      said?.catch(() => undefined);
      return Reflect.apply(then, this, reactions) as unknown;
    });
  } else {
    handled = true;
  }
  Reflect.apply(nativeThen, promise, [
    () => {
      suspension.end();
    },
    (error: unknown) => {
      suspension.end();
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- it is the very reason
      if (!handled) said = Promise.reject(error);
    },
  ]);
  return promise;
}

/** A thenable may start its work when it is asked, each time it is asked: so it is not asked, but listened to when somebody does. */
function awaited(suspension: Suspension, result: object, then: Then): object {
  abandoned.register(result, suspension, suspension);
  const ending =
    (reaction: Reaction, otherwise: (value: unknown) => unknown) =>
    (value: unknown): unknown => {
      suspension.end();
      abandoned.unregister(suspension);
      return typeof reaction === 'function' ? reaction(value) : otherwise(value);
    };
  hide(result, 'then', function (this: unknown, fulfilled: Reaction, rejected: Reaction): unknown {
    const rethrow = (error: unknown): never => {
      throw error;
    };
    return Reflect.apply(then, this, [ending(fulfilled, (value) => value), ending(rejected, rethrow)]);
  });
  return result;
}

/** A generator has ended when a step says so, or throws. */
function steps(suspension: Suspension, generator: object): object {
  abandoned.register(generator, suspension, suspension);
  const end = (): void => {
    suspension.end();
    abandoned.unregister(suspension);
  };
  const look = (step: unknown): unknown => {
    if ((step as { readonly done?: boolean }).done === true) end();
    return step;
  };
  const failed = (error: unknown): never => {
    end();
    throw error;
  };
  let running = false;
  for (const name of ['next', 'return', 'throw'] as const) {
    const step = (generator as Record<typeof name, Step>)[name];
    hide(generator, name, function (this: unknown, ...values: [unknown?]): unknown {
      if (running) return Reflect.apply(step, this, values); // from within itself, which it refuses
      let answer: unknown;
      running = true;
      try {
        answer = Reflect.apply(step, this, values);
      } catch (error) {
        return failed(error);
      } finally {
        running = false;
      }
      return answer instanceof Promise ? answer.then(look, failed) : look(answer);
    });
  }
  return generator;
}

function hide(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, configurable: true });
}
