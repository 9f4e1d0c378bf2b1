/**
 * Staged interleavings: runs something at an exact point inside an operation of the store, as if another thread had come by there. The other
 * thread is a second attachment in the same JavaScript thread, so nothing is left to chance.
 */
type AtomicsCall = (array: Int32Array, word: number, ...rest: number[]) => number;
type AtomicsFunction = 'load' | 'store' | 'add' | 'exchange' | 'compareExchange';

/** Runs `meanwhile` right before the first call of `Atomics[name]` on the word for which `at` holds, while `operation` runs. */
export function beforeAtomic<R>(name: AtomicsFunction, at: (word: number) => boolean, meanwhile: () => void, operation: () => R): R {
  const original = (Atomics as unknown as Record<AtomicsFunction, AtomicsCall>)[name];
  const point = { reached: false };
  const staged: AtomicsCall = (array, word, ...rest) => {
    if (!point.reached && array instanceof Int32Array && at(word)) {
      point.reached = true;
      meanwhile();
    }
    return original(array, word, ...rest);
  };
  Object.assign(Atomics, { [name]: staged });
  try {
    return operation();
  } finally {
    Object.assign(Atomics, { [name]: original });
    if (!point.reached) throw new Error(`Atomics.${name} never came to the point that the test waits for`);
  }
}

/** Runs `meanwhile` right before the n-th read of a property while `operation` runs; false if there is no n-th. */
export function beforeRead<T extends object>(
  target: T,
  property: keyof T,
  n: number,
  meanwhile: () => void,
  operation: () => void,
): boolean {
  const value = target[property];
  let reads = 0;
  Object.defineProperty(target, property, {
    configurable: true,
    get: () => {
      if (++reads === n) meanwhile();
      return value;
    },
  });
  try {
    operation();
  } finally {
    Object.defineProperty(target, property, { configurable: true, writable: true, enumerable: true, value });
  }
  return reads >= n;
}
