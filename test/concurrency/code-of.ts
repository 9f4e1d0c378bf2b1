import { ShadowError } from '../../src/errors.js';

/** The code of what an operation throws, or undefined. */
export function codeOf(operation: () => unknown): string | undefined {
  try {
    operation();
    return undefined;
  } catch (error) {
    if (error instanceof ShadowError) return error.code;
    throw error;
  }
}
