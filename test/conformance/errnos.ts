/**
 * Owns the translation of Umbra's error codes to those of the kernel, which the catalogue speaks. Imports the public face.
 */
import { constants } from 'node:os';

import { type ErrorCode, ShadowError } from '../../src/index.js';

const ERRNOS: Partial<Record<ErrorCode, string>> = {
  ERR_PATCH_STATE: 'EINVAL',
  ERR_PATCH_BLOCKED: 'EINVAL',
  ERR_PATCH_ENABLED: 'EINVAL',
  ERR_PATCH_NOT_ENABLED: 'EINVAL',
  ERR_PATCH_NO_TRANSITION: 'EINVAL',
  ERR_PATCH_DECLARATION: 'EINVAL',
  ERR_PATCH_FUNCTION: 'EINVAL',
  ERR_PATCH_MODULE: 'EINVAL',
  ERR_PATCH_MIGRATION: 'EINVAL',
  ERR_PATCH_PINNED: 'EINVAL',
  ERR_PATCH_PRE_PATCH: 'EINVAL',
  ERR_PATCH_BUSY: 'EBUSY',
  ERR_PATCH_REDIRECTION: 'EBUSY',
  ERR_PATCH_LOAD: 'ENOEXEC',
  ERR_PATCH_CLOSED: 'ENODEV',
  ERR_PATCH_STALLED: 'ETIMEDOUT',
  ERR_PATCH_REVERSED: 'ECANCELED',
  ERR_PATCH_ABORTED: 'ECANCELED',
  ERR_SHADOW_EXISTS: 'EEXIST',
  ERR_SHADOW_UNREGISTERED: 'EINVAL',
  ERR_SHADOW_SIZE_MISMATCH: 'EINVAL',
  ERR_SHADOW_DUPLICATE_ID: 'EINVAL',
  ERR_SHADOW_EXHAUSTED: 'ENOMEM',
  ERR_SHADOW_TYPES_FULL: 'ENOMEM',
};

/** Codes that only say that something underneath refused: what did is the cause, a callback's answer at last. */
const CARRIERS = new Set<ErrorCode>(['ERR_PATCH_MODULE', 'ERR_PATCH_PRE_PATCH']);

/** The kernel's name for what went wrong. An error without a counterpart keeps its own code or text, so that the comparison shows it. */
export function errnoOf(thrown: unknown): string {
  const error = ShadowError.fromWire(thrown);
  if (!(error instanceof ShadowError)) return String(error);
  if (CARRIERS.has(error.code)) {
    if (typeof error.cause === 'number') return nameOf(error.cause);
    if (error.cause instanceof ShadowError) return errnoOf(error.cause);
  }
  return errnoName(error.code);
}

/** A code of Umbra's, or of the kernel already. */
export function errnoName(code: string): string {
  return (ERRNOS as Partial<Record<string, string>>)[code] ?? code;
}

function nameOf(number: number): string {
  const found = Object.entries(constants.errno).find(([, value]) => value === Math.abs(number));
  return found?.[0] ?? String(number);
}
