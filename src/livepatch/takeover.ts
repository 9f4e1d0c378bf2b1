/**
 * Owns the way to a dead coordinator's record: whether there is one to take over from, and all the code that is needed to go on, loaded before anything is taken.
 * What is read is believed no more than any other address of a patch: see root.ts. Reads shared memory through records.ts and claim.ts; writes none. Imports
 * errors, claim, loader, options, record, restore, root and records.
 */
import { describe, messageOf, ShadowError } from '../errors.js';
import { Records } from '../shadow/records.js';
import { ShadowStore } from '../shadow/store.js';
import { deadClaim } from './claim.js';
import { loadPatch } from './loader.js';
import type { PatchReference } from './manifest.js';
import { type CoordinatorOptions, readOptions } from './options.js';
import { type EntryRecord, parseRecord } from './record.js';
import type { LoadedEntry, Takeover } from './restore.js';
import { checkReference, type SourcePolicy } from './root.js';

/** What `Coordinator` needs to go on where a dead one stopped. Nothing has changed yet. @throws what `PatchCoordinator.recover` says */
export async function readTakeover(store: ShadowStore, options: CoordinatorOptions): Promise<Takeover> {
  if (!(store instanceof ShadowStore))
    throw new ShadowError('ERR_PATCH_DECLARATION', `recover() takes the ShadowStore of a dead coordinator, not ${describe(store)}`);
  const given = readOptions(options).policy; // read once: a link may lead elsewhere later
  await Promise.resolve(); // the exit event that brought the caller here may have to tell the store, too
  const claim = deadClaim(store);
  store.recover(); // what its thread held: nobody reads a record that is being written
  // step: takeover.recovered
  const records = new Records(store.internals.variables, store.internals.bindings);
  const text = records.read();
  if (text === undefined) return { claim, record: null, policy: given, patches: new Map() };
  // step: takeover.read
  const record = parseRecord(text);
  // Where the dead coordinator took patches from, which holds unless this one says otherwise.
  const policy = given ?? record.policy ?? undefined;
  const patches = new Map<number, LoadedEntry>();
  try {
    for (const entry of record.entries) patches.set(entry.serial, await load(entry, records, policy));
  } catch (cause) {
    if (cause instanceof ShadowError) throw cause;
    throw new ShadowError('ERR_PATCH_TAKEOVER', `the record of the dead coordinator is no record: ${messageOf(cause)}`, { cause });
  }
  return { claim, record, policy, patches };
}

async function load(entry: EntryRecord, records: Records, policy: SourcePolicy | undefined): Promise<LoadedEntry> {
  const { serial, name, url, script, digest } = entry;
  const reference: PatchReference = {
    serial,
    name,
    url,
    code: script ? records.text(serial) : null,
    ...(digest === undefined ? {} : { digest }),
  };
  try {
    if (policy !== undefined) checkReference(policy, reference);
    return { reference, patch: await loadPatch(reference) };
  } catch (cause) {
    const why = messageOf(cause);
    throw new ShadowError('ERR_PATCH_LOAD', `patch ${describe(name)}, which is enabled, cannot be loaded: ${why}; nothing was taken over`, {
      cause,
    });
  }
}
