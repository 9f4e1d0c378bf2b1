/**
 * Owns what turns the memory of a snapshot into a store: its table is proved first (a checksum tells that the file is what was written, not that a store wrote
 * it), then lists, locks and counts are made anew, the application's types are declared again, and what was under way when the snapshot was taken is brought to
 * its end: destructors that were owed, ids that were being collected, variables that a dead thread had half migrated. Writes memory that nobody else has yet.
 * Imports memory, check, rebuild, snapshot-read, and of shadow everything below the store.
 */
import { describe, ShadowError } from '../errors.js';
import { LINE_CLASS } from '../memory/classes.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { stateWord, threadSlotAddress } from '../memory/threads.js';
import type { Bindings } from '../shadow/bindings.js';
import { dropLeftOvers } from '../shadow/left-overs.js';
import { migrationPath } from '../shadow/migration-path.js';
import { openRecordSlot, Records } from '../shadow/records.js';
import type { Registration, TypeRegistry } from '../shadow/registry.js';
import { findTypeSlot, isHead, olderSlots, typeAddress, typeHigh, typeState } from '../shadow/slots.js';
import { Collection } from '../shadow/sweep.js';
import { nextTag } from '../shadow/tags.js';
import { type AnyShadowType, requireType } from '../shadow/type.js';
import type { Variables } from '../shadow/variables.js';
import { Census, Place } from './census.js';
import { Check, type CheckResult } from './check.js';
import { Chains } from './check-chains.js';
import type { Recovery } from './recover.js';
import { clearLocks, rebuildLists, recount } from './rebuild.js';
import { damaged } from './snapshot-file.js';
import type { OpenedSnapshot } from './snapshot-read.js';
import { Findings } from './violations.js';

/** Options of `ShadowStore.restore()`. */
export interface RestoreOptions {
  /** The application's own types, as it declares them now: of the version in the snapshot, or one to which migrations lead from there; and new ones. */
  readonly types?: readonly AnyShadowType[];
}

/** What a restored store tells about where it comes from. */
export interface RestoreReport {
  readonly file: string;
  /** When the snapshot was taken, ISO 8601. */
  readonly created: string;
  readonly variables: number;
  /** Registrations that keep ids alive and that nobody has taken over: those of patches, and of application types that were not given again. */
  readonly kept: readonly Registration[];
  /** Destructors that the snapshot owed and that were run now, and what they threw. */
  readonly destructors: number;
  readonly failures: readonly unknown[];
}

/** Who the application's own types are registered by. */
export const APPLICATION = 'application';
export const BASE_OBJECT = 'base';

/** What of the store is needed here. */
export interface Restored {
  readonly variables: Variables;
  readonly bindings: Bindings;
  readonly registry: TypeRegistry;
  readonly recovery: Recovery;
}

/** The types among the options. @throws ERR_SHADOW_OPTION, ERR_SHADOW_TYPE */
export function restoredTypes(options: unknown): readonly AnyShadowType[] | undefined {
  if (typeof options !== 'object' || options === null)
    throw new ShadowError('ERR_SHADOW_OPTION', `the options of restore() are { types }, not ${describe(options)}`);
  const unknown = Object.keys(options).find((name) => name !== 'types');
  if (unknown !== undefined) throw new ShadowError('ERR_SHADOW_OPTION', `unknown option ${unknown}; restore() knows types`);
  const { types } = options as { types?: unknown };
  if (types === undefined) return undefined;
  if (!Array.isArray(types)) throw new ShadowError('ERR_SHADOW_OPTION', `types is ${describe(types)}; give an array of shadow types`);
  for (const type of types as readonly unknown[]) requireType(type, 'restore()');
  return types as readonly AnyShadowType[];
}

/**
 * What has to be done before any thread claims a slot: threads that owed destructors are dead ones in the restored store, whose slots are settled like those of
 * any other. The thread that restores needs one for itself: in a store where all were owing, those of the last are lost.
 */
export function markDead({ memory, manifest }: OpenedSnapshot): void {
  const { words, maxThreads } = memory;
  for (const { slot, blocks } of manifest.numbers.owed.slice(0, maxThreads - 1)) {
    const address = threadSlotAddress(memory, slot);
    words.set(blocks, address + Layout.THREAD_DESTROYING);
    words[address + Layout.THREAD_DESTROYING_COUNT] = blocks.length;
    words[address + Layout.THREAD_GENERATION] = 1;
    words[address + Layout.THREAD_STATE] = stateWord(Layout.THREAD_DEAD, 0);
    words[Layout.THREAD_HIGH] = Math.max(words[Layout.THREAD_HIGH]!, slot + 1);
    words[Layout.DEAD_SLOTS]!++;
  }
}

/** @throws ERR_SHADOW_SNAPSHOT, ERR_SHADOW_SIZE_MISMATCH, ERR_SHADOW_VERSION, ERR_SHADOW_DUPLICATE_ID, ERR_SHADOW_TYPES_FULL */
export function restoreInto(store: Restored, opened: OpenedSnapshot, types: readonly AnyShadowType[] | undefined): RestoreReport {
  const { variables, bindings, registry, recovery } = store;
  const { file, manifest } = opened;
  const leftOvers = prove(variables, opened);
  for (let index = 0; leftOvers && index < variables.table.bucketCount; index++) dropAll(variables, index);
  new Records(variables, bindings).clean(new Set(), true); // the patches of the snapshot are not enabled: nobody goes on with what their coordinator was doing
  registry.restore(manifest.registrations);
  if (types !== undefined) declare(store, types);
  const failures: unknown[] = [];
  const settled = recovery.settle();
  const destructors =
    settled.reduce((sum, { destructorsRun }) => sum + destructorsRun, 0) + collect(variables, bindings, types ?? [], failures);
  const { variables: restored } = requireOrder(variables, file);
  return {
    file,
    created: manifest.created,
    variables: restored,
    kept: registry.restored(),
    destructors,
    failures: [...settled.flatMap((report) => report.failures), ...failures],
  };
}

/** Proves the table, and makes the rest of the store. Whether variables of older versions are left over in it. */
function prove(variables: Variables, opened: OpenedSnapshot): boolean {
  const { violations, found } = examine(variables, opened);
  if (violations.length > 0) throw damaged(opened.file, violations[0]!.what);
  return found.leftOvers > 0;
}

/** What is wrong with the store that a snapshot holds. Its table is proved first; if that is in order, lists, locks and counts are made anew, and all is proved. */
export function examine(variables: Variables, { memory }: OpenedSnapshot): Omit<CheckResult, 'repair'> {
  const { words, maxThreads } = memory;
  words[typeAddress(memory, Layout.TYPE_SLOT_NAMES) + Layout.TYPE_TAG] = nextTag(0, Layout.TYPE_STATE_LIVE);
  openRecordSlot(memory);
  clearLocks(memory);
  const findings = new Findings();
  const census = new Census(memory);
  const chains = new Chains(memory, census, findings, variables.objects.names, words[Layout.BUCKET_COUNT]!);
  chains.walk();
  if (!findings.none) return { ok: false, violations: findings.kept, omitted: findings.omitted, found: foundIn(chains, census, words) };
  for (let slot = 0; slot < maxThreads; slot++) keepOwed(memory, census, threadSlotAddress(memory, slot));
  rebuildLists(memory, census);
  recount(memory, chains.linked, chains.leftOvers);
  return new Check(variables, new Findings(), variables.table.bucketCount).run();
}

/** Of a table that is not in order: what its chains hold. */
function foundIn(chains: Chains, census: Census, words: Int32Array): CheckResult['found'] {
  const names = chains.linked[Layout.TYPE_SLOT_NAMES]!;
  const records = chains.linked[Layout.TYPE_SLOT_RECORDS]!;
  const leftOvers = chains.leftOvers.reduce((sum, count) => sum + count, 0);
  return {
    buckets: words[Layout.BUCKET_COUNT]!,
    overflowLines: census.count(Place.LINE),
    variables: census.count(Place.LINKED) - names - records - leftOvers,
    names,
    leftOvers,
    freeBlocks: 0,
    retiredBlocks: 0,
    destroying: 0,
    uncarvedBlocks: 0,
  };
}

/** Notes the blocks whose destructors a dead thread owes, so that they do not count as free; drops what is no such block. */
function keepOwed({ words }: Memory, census: Census, slotAddress: WordAddress): void {
  const record = slotAddress + Layout.THREAD_DESTROYING;
  for (let i = 0; i < Layout.THREAD_DESTROYING_WORDS; i++) {
    const block = words[record + i]!;
    if (block === 0) continue;
    const sizeClass = census.classAt(block);
    // One that had been retired when its page was copied had its destructor run.
    const owed =
      sizeClass > LINE_CLASS &&
      census.placeOf(block, sizeClass) === Place.NOWHERE &&
      (words[block + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK) !== Layout.TYPE_SLOT_DEAD;
    if (owed) {
      words[block + Layout.BLOCK_GENERATION] = words[block + Layout.BLOCK_GENERATION]! | 1;
      census.meet(block, sizeClass, Place.DESTROYING);
    } else {
      words[record + i] = 0;
    }
  }
}

/** All of it once more, as check() sees it. */
function requireOrder(variables: Variables, file: string): CheckResult['found'] {
  const { ok, violations, found } = new Check(variables, new Findings(), variables.table.bucketCount).run();
  if (!ok) throw damaged(file, violations[0]!.what);
  return found;
}

function dropAll(variables: Variables, index: number): void {
  const bucket = variables.table.lockIndex(index, Layout.INTENT_REMOVE);
  try {
    dropLeftOvers(variables, bucket);
  } finally {
    variables.table.unlock(bucket);
  }
}

/** Declares the application's types: those of another version than that in force put theirs in force. */
function declare({ registry, variables, bindings }: Restored, types: readonly AnyShadowType[]): void {
  const { memory } = variables;
  const { words, uwords } = memory;
  for (const type of types) {
    const slot = findTypeSlot(memory, type.id);
    if (slot === Layout.TYPE_SLOT_DEAD) continue;
    const address = typeAddress(memory, slot);
    const version = uwords[address + Layout.TYPE_VERSION]!;
    const stored = [{ version, size: words[address + Layout.TYPE_SIZE]! }, ...olderSlots(memory, slot)];
    const stranded = stored.find((one) => migrationPath(type.id, one.version, type, types, one.size) === undefined);
    if (stranded === undefined) continue;
    const code = stranded.version === type.version ? 'ERR_SHADOW_SIZE_MISMATCH' : 'ERR_SHADOW_VERSION';
    throw new ShadowError(
      code,
      `the snapshot has variables of type ${type.id} in version ${stranded.version} with ${stranded.size} bytes, the declaration is version ` +
        `${type.version} with ${type.size} bytes, and nothing leads there; declare previous and migrate`,
    );
  }
  registry.redeclare(APPLICATION, BASE_OBJECT, types);
  for (const type of types) {
    if (registry.versionInForce(type.id) !== type.version) registry.changeVersion(type);
    bindings.of(type);
  }
}

/** Ends the collections that had begun: their variables are destroyed by the types that are known; returns how many destructors there were. */
function collect(variables: Variables, bindings: Bindings, types: readonly AnyShadowType[], failures: unknown[]): number {
  const { memory } = variables;
  const { words, uwords } = memory;
  let run = 0;
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < typeHigh(memory); slot++) {
    if (typeState(memory, slot) !== Layout.TYPE_STATE_DYING || !isHead(memory, slot)) continue;
    const address = typeAddress(memory, slot);
    const id = uwords[address + Layout.TYPE_ID]!;
    const declared = types.find((type) => type.id === id);
    const inForce = {
      slot,
      tag: words[address + Layout.TYPE_TAG]!,
      version: uwords[address + Layout.TYPE_VERSION]!,
      size: words[address + Layout.TYPE_SIZE]!,
    };
    const targets = [inForce, ...olderSlots(memory, slot, Layout.TYPE_STATE_DYING)].map((one) => ({
      binding: bindings.ofVersion(declared, id, one.version, one.size),
      slot: one.slot,
      tag: one.tag,
    }));
    const collection = new Collection(variables, id, targets);
    while (!collection.step());
    failures.push(...collection.failures);
    if (targets.some(({ binding }) => binding?.type.dtor !== undefined)) run += collection.variables;
  }
  return run;
}
