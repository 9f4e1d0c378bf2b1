/**
 * Owns the format of snapshot files. Touches no shared memory; imports errors and layout.
 *
 *   preamble (72 bytes) │ sections … │ manifest (JSON)
 *
 * The preamble names the version of this format and of the memory layout, the length of the file, and place, length and checksum of the manifest; the
 * manifest names each section with its length and checksum. So every byte of the file is covered by a checksum or is itself compared with what is found,
 * and a file that was cut off, added to or changed anywhere is refused before anything in it is used. Checksums tell damage, not malice: what a section says is
 * trusted no more than any other shared memory. All numbers are little-endian.
 */
import { createHash } from 'node:crypto';

import { describe, ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';

const MAGIC = Buffer.from('UMBRASNP', 'latin1');
/** 2: the manifest describes the types of the variables. */
const FORMAT_VERSION = 2;
/** Of files that are read still: a manifest of format 1 describes no types. */
const OLDEST_FORMAT = 1;
export const PREAMBLE_BYTES = 72;
const FORMAT_AT = 8;
const LAYOUT_AT = 12;
const LENGTH_AT = 16;
const MANIFEST_AT = 24;
const MANIFEST_BYTES_AT = 32;
const UNUSED_AT = 36;
const DIGEST_AT = 40;
/** No store has so much to say about itself; a file that claims more is not read into memory. */
const MOST_MANIFEST_BYTES = 2 ** 26;

/** One run of bytes in the file. */
export interface Section {
  readonly name: string;
  /** Word address in the store. */
  readonly address: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Where the manifest is, and what it has to be. */
export interface Preamble {
  readonly format: number;
  readonly fileBytes: number;
  readonly manifestAt: number;
  readonly manifestBytes: number;
  readonly digest: Buffer;
}

export function digestOf(pieces: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}

export function writePreamble({ fileBytes, manifestAt, manifestBytes, digest }: Omit<Preamble, 'format'>): Buffer {
  const preamble = Buffer.alloc(PREAMBLE_BYTES);
  MAGIC.copy(preamble);
  preamble.writeUInt32LE(FORMAT_VERSION, FORMAT_AT);
  preamble.writeUInt32LE(Layout.LAYOUT_VERSION, LAYOUT_AT);
  preamble.writeBigUInt64LE(BigInt(fileBytes), LENGTH_AT);
  preamble.writeBigUInt64LE(BigInt(manifestAt), MANIFEST_AT);
  preamble.writeUInt32LE(manifestBytes, MANIFEST_BYTES_AT);
  digest.copy(preamble, DIGEST_AT);
  return preamble;
}

/** @throws ERR_SHADOW_SNAPSHOT, ERR_SHADOW_SNAPSHOT_VERSION */
export function readPreamble(preamble: Buffer, fileBytes: number, file: string): Preamble {
  if (preamble.length < PREAMBLE_BYTES || !preamble.subarray(0, MAGIC.length).equals(MAGIC))
    throw damaged(file, 'it does not begin as a snapshot does');
  const format = preamble.readUInt32LE(FORMAT_AT);
  const layout = preamble.readUInt32LE(LAYOUT_AT);
  if (format < OLDEST_FORMAT || format > FORMAT_VERSION || layout !== Layout.LAYOUT_VERSION) {
    throw new ShadowError(
      'ERR_SHADOW_SNAPSHOT_VERSION',
      `${describe(file)} has format ${format} and layout version ${layout}, this build reads formats ${OLDEST_FORMAT} to ${FORMAT_VERSION} and layout ` +
        `${Layout.LAYOUT_VERSION}; ` +
        'restore it with the version of umbra that wrote it',
    );
  }
  const claimed = preamble.readBigUInt64LE(LENGTH_AT);
  if (claimed !== BigInt(fileBytes)) throw damaged(file, `it has ${fileBytes} bytes and should have ${claimed}`);
  const manifestAt = preamble.readBigUInt64LE(MANIFEST_AT);
  const manifestBytes = preamble.readUInt32LE(MANIFEST_BYTES_AT);
  const fits =
    manifestAt >= BigInt(PREAMBLE_BYTES) && manifestAt + BigInt(manifestBytes) === claimed && manifestBytes <= MOST_MANIFEST_BYTES;
  if (!fits || preamble.readUInt32LE(UNUSED_AT) !== 0) throw damaged(file, 'its preamble is not that of a snapshot');
  return {
    format,
    fileBytes,
    manifestAt: Number(manifestAt),
    manifestBytes,
    digest: Buffer.from(preamble.subarray(DIGEST_AT, PREAMBLE_BYTES)),
  };
}

/** ERR_SHADOW_SNAPSHOT for a file that is not what was written. */
export function damaged(file: string, why: string, cause?: unknown): ShadowError {
  return new ShadowError('ERR_SHADOW_SNAPSHOT', `${describe(file)} is no whole snapshot: ${why}; nothing was restored`, { cause });
}

/** The bytes of a piece of the image, as they are: this format is that of little-endian machines, as is the memory itself on all that run Node.js. */
export function bytesOf(piece: Int32Array): Uint8Array {
  return new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
}
