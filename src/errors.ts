/**
 * The one error class of Umbra and the one table of its codes. Imports nothing.
 *
 * A code never changes its meaning; a new situation gets a new code. The message of an error always starts with the code, because
 * some carriers (Piscina among them) drop every other property of an error that crosses a thread.
 */

/** Every code with the rule that was broken. The key is what `error.code` holds. */
export const ERROR_CODES = {
  ERR_SHADOW_EXISTS: 'alloc found a variable of this id on this object; the variable is untouched',
  ERR_SHADOW_SIZE_MISMATCH: 'the id is stored with another size than the type declares',
  ERR_SHADOW_UNREGISTERED: 'no registration keeps variables of this id alive',
  ERR_SHADOW_OBJECT: 'the parent is not a number 0…2^52−1, null, a string or an object',
  ERR_SHADOW_TYPE: 'the declaration of a shadow type is malformed',
  ERR_SHADOW_TYPE_SIZE: 'the size of a shadow type is outside 1…65520 bytes',
  ERR_SHADOW_DUPLICATE_ID: 'one owner declares the same id twice',
  ERR_SHADOW_TYPES_FULL: 'all type slots are in use',
  ERR_SHADOW_FIELD: 'the type has no such field, or the operation does not exist for its kind',
  ERR_SHADOW_FIELD_VALUE: 'the value does not fit the field',
  ERR_SHADOW_EXHAUSTED: 'the store has no memory left; everything stored is intact',
  ERR_SHADOW_MAX_BYTES: 'maxBytes is not a usable size',
  ERR_SHADOW_MAX_THREADS: 'maxThreads is outside 1…1000',
  ERR_SHADOW_THREADS_FULL: 'every thread slot is taken',
  ERR_SHADOW_OPTION: 'an option has an unknown name or an unusable value',
  ERR_SHADOW_HANDLE: 'the value is not a handle of an Umbra store',
  ERR_SHADOW_HANDLE_VERSION: 'the store was made with another layout version',
  ERR_SHADOW_HANDLE_SIZE: 'the buffer is shorter or longer than the store it claims to hold',
  ERR_SHADOW_STALE_VIEW: 'the variable behind the view was freed before the last safepoint of this thread',
  ERR_SHADOW_CONSTRUCTOR_WRITE: 'a constructor may read the store but not write to it',
  ERR_SHADOW_ASYNC: 'constructors, destructors and lock bodies are synchronous',
  ERR_SHADOW_LOCK_NESTED: 'a thread holds at most one variable lock at a time',
  ERR_SHADOW_SAFEPOINT_NESTED: 'a safepoint inside a constructor, a destructor or a lock body would free what they use',
  ERR_SHADOW_VERSION: 'the declaration of the type has another version than the one in force',
  ERR_SHADOW_MIGRATION: 'no migration leads to this version, or it threw; the variable is as it was',
  ERR_SHADOW_DISPOSED: 'this store object was disposed',
  ERR_SHADOW_SNAPSHOT: 'the file is no whole snapshot, or what it holds is no store in order; nothing was restored',
  ERR_SHADOW_SNAPSHOT_VERSION: 'the snapshot was written in another format or with another layout version',
  ERR_SHADOW_SNAPSHOT_FILE: 'the file of a snapshot cannot be written or read; what was there is untouched',
  ERR_SHADOW_LOCK: 'a lock is in the hands of a thread that does not give it back',
  ERR_SHADOW_INVARIANT: 'shared memory holds something that the protocol rules out',
  ERR_SHADOW_LOCK_OWNER: 'the main thread cannot learn whether the owner of a lock is dead while it waits for it',
  ERR_SHADOW_DESTRUCTOR: 'a destructor that was run again after the death of its thread threw',
  ERR_PATCH_DECLARATION: 'the declaration of a patch, task or patchable is malformed',
  ERR_PATCH_LOAD: 'the patch could not be loaded or checked in every thread; nothing changed',
  ERR_PATCH_ROOT: 'the patch does not come from inside the directory that patches come out of; nothing changed',
  ERR_PATCH_FUNCTION: 'the patch replaces a function that nothing declares patchable',
  ERR_PATCH_ENABLED: 'a patch of this name is already enabled',
  ERR_PATCH_NOT_ENABLED: 'no patch of this name is enabled',
  ERR_PATCH_BUSY: 'another transition is pending',
  ERR_PATCH_STATE: 'an active patch has a newer or additional state that this one does not support',
  ERR_PATCH_PRE_PATCH: 'a pre_patch callback refused the patch; nothing changed',
  ERR_PATCH_CALLBACK: 'a callback that has no say threw; the transition went on',
  ERR_PATCH_BLOCKED: 'a state of the patch blocks disabling it',
  ERR_PATCH_REVERSED: 'the transition was reversed before it was complete; all is as before',
  ERR_PATCH_STALLED: 'the transition was not complete in time; all is as before',
  ERR_PATCH_ABORTED: 'the signal was aborted before the transition was complete; all is as before',
  ERR_PATCH_NO_TRANSITION: 'no transition is pending, or not one that this can be done to',
  ERR_PATCH_REDIRECTION: 'redirection is switched off, or somebody else owns the slot of the function',
  ERR_PATCH_MODULE: 'the module cannot come or go in its present state, or a patch refused it',
  ERR_PATCH_PINNED: 'no patch of this name is pinned',
  ERR_PATCH_MIGRATION: 'no migration leads from the version in force to the one declared; nothing changed',
  ERR_PATCH_AGENT: 'the thread is not attached, or attached twice to different stores',
  ERR_PATCH_CLOSED: 'the coordinator was closed',
  ERR_CLI_COMMAND: 'there is no such command',
  ERR_CLI_PACKAGE: 'the command needs a package that is not installed',
  ERR_CLI_OPTION: 'a command-line option is unknown, malformed or contradicts another',
  ERR_TRACE_FILE: 'the trace cannot be read, or not unpacked to its end',
  ERR_TRACE_COLUMN: 'the trace has no header, or its header lacks a column that was asked for',
  ERR_TRACE_ROW: 'a row of the trace is malformed',
  ERR_DASHBOARD_OPTION: 'an option of the dashboard is unknown or unusable',
  ERR_DASHBOARD_PORT: 'the dashboard cannot listen on this port',
  ERR_DASHBOARD_REQUEST: 'the dashboard was asked for something that it does not do',
  ERR_PATCH_COORDINATOR: 'a store has one coordinator at a time, and none after it was closed',
  ERR_PATCH_TAKEOVER: 'there is no dead coordinator to take over from, or not enough of it is left',
} as const;

/** What `code` of a `ShadowError` can be; ERROR_CODES tells what each means. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What an error looks like after a trip through JSON or structured clone. */
export interface WireError {
  readonly name: 'ShadowError';
  readonly code: ErrorCode;
  readonly message: string;
}

/** Every error that Umbra throws on purpose. `code` is stable; the message names the operation, the value, the rule and the way out. */
export class ShadowError extends Error {
  override readonly name = 'ShadowError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.code = code;
  }

  /** The error as plain data, for JSON and messages; `fromWire()` makes an error of it again. */
  toJSON(): WireError {
    return { name: 'ShadowError', code: this.code, message: this.message };
  }

  /** Rebuilds an error that lost its class on the way; any other value comes back as it is. */
  static fromWire(value: unknown): unknown {
    if (value instanceof ShadowError || typeof value !== 'object' || value === null || !('message' in value)) return value;
    const message = String(value.message);
    const code = message.slice(0, message.indexOf(':'));
    if (!(code in ERROR_CODES)) return value;
    return new ShadowError(code as ErrorCode, message.slice(code.length + 2), { cause: value });
  }
}

/** Throws `ERR_SHADOW_INVARIANT` when something the protocol rules out is found; for cold paths. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ShadowError('ERR_SHADOW_INVARIANT', what);
}

/** What anything that was thrown has to say. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** A value as it appears in a message: short, and never a failure of its own. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (typeof value === 'object' && value !== null) return `[${Object.prototype.toString.call(value).slice(8, -1)}]`;
  return String(value);
}
