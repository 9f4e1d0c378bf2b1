/**
 * Owns store.snapshot(): takes the image of the store and writes it to a file, so that at every moment the file is either the one before or the new one,
 * whole. Touches shared memory only through image.ts. Imports errors, image, snapshot-file, temporaries, type-descriptions, and of shadow the registry.
 *
 * Order: image (under locks), temporary file in the same directory, sections, manifest, preamble, sync, rename, sync of the directory. The preamble comes last:
 * without it no reader takes the file for a snapshot, whatever the file system kept of it.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, messageOf, ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { Registration, TypeRegistry } from '../shadow/registry.js';
import type { Bindings } from '../shadow/bindings.js';
import { typeAddress, typeState } from '../shadow/slots.js';
import type { Variables } from '../shadow/variables.js';
import { type Image, type ImageNumbers, type Region, takeImage } from './image.js';
import { bytesOf, digestOf, PREAMBLE_BYTES, type Section, writePreamble } from './snapshot-file.js';
import { removeStale, temporaryName } from './temporaries.js';
import { describeTypes, type TypeDescription } from './type-descriptions.js';

/** What `store.snapshot()` resolves with. */
export interface SnapshotInfo {
  /** The file, as an absolute path. */
  readonly file: string;
  readonly bytes: number;
  readonly variables: number;
  /** How long writers of other threads had to wait at most, and how long all took. */
  readonly lockedMilliseconds: number;
  readonly milliseconds: number;
}

/** What a snapshot says about itself. */
export interface SnapshotManifest {
  readonly created: string;
  readonly numbers: ImageNumbers;
  readonly registrations: readonly Registration[];
  /** Of the types that the thread knew which took it. */
  readonly types: readonly TypeDescription[];
  readonly sections: readonly Section[];
}

/** The path of a snapshot, from what the user gave. @throws ERR_SHADOW_OPTION */
export function snapshotPath(file: unknown, operation: string): string {
  if (typeof file === 'string' && file !== '' && !file.includes('\0')) return resolve(file);
  try {
    if (file instanceof URL) return fileURLToPath(file);
  } catch (cause) {
    throw new ShadowError('ERR_SHADOW_OPTION', `${operation} takes a path or a file: URL, not ${file instanceof URL ? file.href : ''}`, {
      cause,
    });
  }
  throw new ShadowError('ERR_SHADOW_OPTION', `${operation} takes a path or a file: URL, not ${describe(file)}`);
}

/**
 * The image is taken before this returns; the promise stands for the file.
 * @throws rejects with ERR_SHADOW_SNAPSHOT_FILE (the file is as it was)
 */
export function snapshotStore(variables: Variables, bindings: Bindings, registry: TypeRegistry, file: string): Promise<SnapshotInfo> {
  const since = performance.now();
  // step: snapshot.image
  const image = takeImage(variables);
  const registrations = registry.owners().filter(({ id }) => isKnown(variables.memory, id));
  const types = describeTypes(variables.memory, bindings);
  return write({ image, registrations, types }, file).then((bytes) => ({
    file,
    bytes,
    variables: image.variables,
    lockedMilliseconds: image.lockedMilliseconds,
    milliseconds: performance.now() - since,
  }));
}

/** Whether any slot in use has this id. */
function isKnown(memory: Memory, id: number): boolean {
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < Layout.TYPE_SLOT_DEAD; slot++) {
    if (typeState(memory, slot) === Layout.TYPE_STATE_FREE) continue;
    if (memory.uwords[typeAddress(memory, slot) + Layout.TYPE_ID] === id) return true;
  }
  return false;
}

/** All that goes into the file. */
interface Content extends Pick<SnapshotManifest, 'registrations' | 'types'> {
  readonly image: Image;
}

async function write(content: Content, file: string): Promise<number> {
  const temporary = temporaryName(file);
  try {
    await removeStale(file);
    // step: snapshot.create
    const handle = await open(temporary, 'wx');
    let bytes: number;
    try {
      bytes = await fill(handle, content);
      // step: snapshot.sync
      await handle.sync();
    } finally {
      await handle.close();
    }
    // step: snapshot.rename
    await rename(temporary, file);
    // step: snapshot.directory
    await syncDirectory(dirname(file));
    return bytes;
  } catch (cause) {
    const left = await rm(temporary).then(
      () => 'what was there before is untouched',
      () => 'there is what was there before, or all of the new one',
    );
    throw new ShadowError(
      'ERR_SHADOW_SNAPSHOT_FILE',
      `the snapshot could not be written to ${describe(file)}: ${messageOf(cause)}; ${left}`,
      {
        cause,
      },
    );
  }
}

async function fill(handle: FileHandle, { image, registrations, types }: Content): Promise<number> {
  const sections: Section[] = [];
  let at = PREAMBLE_BYTES;
  for (const [name, { address, pieces }] of regionsOf(image)) {
    const hash = createHash('sha256');
    const begin = at;
    for (const piece of pieces) {
      const bytes = bytesOf(piece);
      hash.update(bytes); // piece by piece, so that the thread has time for others in between
      // step: snapshot.section
      at = await writeAll(handle, bytes, at);
    }
    sections.push({ name, address, bytes: at - begin, sha256: hash.digest('hex') });
  }
  const said: SnapshotManifest = { created: new Date().toISOString(), numbers: image.numbers, registrations, types, sections };
  const manifest = Buffer.from(JSON.stringify(said), 'utf8');
  // step: snapshot.manifest
  const fileBytes = await writeAll(handle, manifest, at);
  const preamble = writePreamble({ fileBytes, manifestAt: at, manifestBytes: manifest.length, digest: digestOf([manifest]) });
  // step: snapshot.preamble
  await writeAll(handle, preamble, 0);
  return fileBytes;
}

function* regionsOf({ types, pageTable, buckets, blocks }: Image): Generator<readonly [string, Region]> {
  yield ['types', types];
  yield ['pageTable', pageTable];
  yield ['buckets', buckets];
  for (const region of blocks) yield ['blocks', region];
}

/** Returns where the next byte goes. */
async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
  return position + written;
}

/** Where directories cannot be synced. */
const NO_SYNC: ReadonlySet<string | undefined> = new Set(['EINVAL', 'EPERM', 'EISDIR', 'ENOTSUP', 'ENOSYS']);

/** The new name is not on the disk before its directory is. Some systems know no such thing; there the rename has to do. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync().catch((error: unknown) => {
      if (!NO_SYNC.has((error as NodeJS.ErrnoException).code)) throw error;
    });
  } finally {
    await handle.close();
  }
}
