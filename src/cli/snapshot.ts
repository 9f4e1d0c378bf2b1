/**
 * Owns how the commands open a snapshot: its memory becomes a store of this process, which nothing but them has, and which is proved as restore() proves it.
 * Nothing in the file is run. Imports errors, recovery, and of shadow the store.
 */
import { ShadowError } from '../errors.js';
import { examine, markDead } from '../recovery/restore.js';
import { snapshotPath } from '../recovery/snapshot.js';
import { openSnapshot } from '../recovery/snapshot-read.js';
import { hashName } from '../shadow/names.js';
import { ShadowStore } from '../shadow/store.js';

/** A snapshot that is whole, and what is wrong with the store in it. */
export interface Examined {
  readonly opened: ReturnType<typeof openSnapshot>;
  readonly store: ShadowStore;
  readonly result: ReturnType<typeof examine>;
}

/** What an error says of a file that is not what was written; any other error is thrown again. */
export function damageIn(error: unknown): string {
  if (!(error instanceof ShadowError) || error.code !== 'ERR_SHADOW_SNAPSHOT') throw error;
  return error.message.replace(/; nothing was restored$/, ''); // which nobody has asked for here
}

/** @throws ERR_SHADOW_SNAPSHOT, ERR_SHADOW_SNAPSHOT_VERSION, ERR_SHADOW_SNAPSHOT_FILE, ERR_SHADOW_MAX_BYTES */
export function examineSnapshot(file: string): Examined {
  const opened = openSnapshot(snapshotPath(file, 'the command'));
  markDead(opened);
  const store = ShadowStore.$open(opened.memory, hashName);
  return { opened, store, result: examine(store.internals.variables, opened) };
}
