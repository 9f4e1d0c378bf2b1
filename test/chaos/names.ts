/** Owns the names of all operations, those on patches included, which no bundle can hold. */
import { OPERATIONS } from './catalogue.js';
import { PATCH_OPERATIONS, patchOperationNamed } from './operations-patch.js';

export const OPERATION_NAMES: readonly string[] = [...OPERATIONS, ...PATCH_OPERATIONS].map(({ name }) => name);

/** Whether several threads do it, by messages: of their deaths exit events tell. */
export function isOnPatches(operation: string): boolean {
  return patchOperationNamed(operation) !== undefined;
}
