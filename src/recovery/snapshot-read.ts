/**
 * Owns the way from a snapshot file to memory: everything the file says is checked against its checksums, and every number against the range it must lie in,
 * before the memory that it describes is filled. What stands in that memory is for restore.ts to judge. Writes a reservation that nobody else has yet.
 * Imports errors, memory, snapshot-file, type-descriptions, check-header.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

import { describe, messageOf, ShadowError } from '../errors.js';
import { CLASS_BLOCK_WORDS } from '../memory/classes.js';
import { Layout } from '../memory/layout.js';
import { pageEntry } from '../memory/pages.js';
import { createMemory, type Memory } from '../memory/reservation.js';
import type { Registration } from '../shadow/registry.js';
import { MOST_HANDLES, pagesOfBuckets } from './check-header.js';
import type { ImageNumbers, Owed } from './image.js';
import type { SnapshotManifest } from './snapshot.js';
import { damaged, digestOf, PREAMBLE_BYTES, readPreamble, type Section } from './snapshot-file.js';
import { isTypeDescription } from './type-descriptions.js';

/** Bytes read at once. */
const CHUNK_BYTES = 2 ** 22;

export interface OpenedSnapshot {
  readonly file: string;
  readonly bytes: number;
  /** Version of the format. */
  readonly format: number;
  readonly memory: Memory;
  readonly manifest: SnapshotManifest;
}

/** @throws ERR_SHADOW_SNAPSHOT, ERR_SHADOW_SNAPSHOT_VERSION, ERR_SHADOW_SNAPSHOT_FILE, ERR_SHADOW_MAX_BYTES (no address space for it) */
export function openSnapshot(file: string): OpenedSnapshot {
  const reader = new Reader(file);
  try {
    const size = reader.size;
    const preamble = readPreamble(reader.read(0, Math.min(PREAMBLE_BYTES, size)), size, file);
    const manifestBytes = reader.read(preamble.manifestAt, preamble.manifestBytes);
    if (!digestOf([manifestBytes]).equals(preamble.digest)) throw damaged(file, 'its manifest is not the one that was written');
    const manifest = parse(manifestBytes, preamble.format, file);
    const memory = memoryFor(manifest.numbers, file);
    const regions = regionsOf(memory, manifest, preamble.manifestAt, file);
    let at = PREAMBLE_BYTES;
    for (const section of regions) {
      load(reader, memory, section, at);
      at += section.bytes;
    }
    requirePages(memory, manifest, file);
    return { file, bytes: size, format: preamble.format, memory, manifest };
  } finally {
    reader.close();
  }
}

class Reader {
  readonly file: string;
  readonly size: number;
  readonly #descriptor: number;

  constructor(file: string) {
    this.file = file;
    this.#descriptor = this.#try(() => openSync(file, 'r'));
    const stat = this.#try(() => fstatSync(this.#descriptor));
    this.size = stat.size;
    if (stat.isFile()) return;
    this.close();
    throw new ShadowError('ERR_SHADOW_SNAPSHOT_FILE', `${describe(file)} is no file; give the path of a snapshot`);
  }

  /** Exactly so many bytes. */
  read(position: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(length);
    let read = 0;
    while (read < length) {
      const more = this.#try(() => readSync(this.#descriptor, buffer, read, length - read, position + read));
      if (more === 0) throw damaged(this.file, `it ends at byte ${position + read}`);
      read += more;
    }
    return buffer;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #try<R>(operation: () => R): R {
    try {
      return operation();
    } catch (cause) {
      throw new ShadowError('ERR_SHADOW_SNAPSHOT_FILE', `${describe(this.file)} cannot be read: ${messageOf(cause)}`, { cause });
    }
  }
}

/** The manifest, every property of which is of the kind and in the range it must be. @throws ERR_SHADOW_SNAPSHOT */
function parse(bytes: Buffer, format: number, file: string): SnapshotManifest {
  let said: unknown;
  try {
    said = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw damaged(file, 'its manifest cannot be read', cause);
  }
  if (isRecord(said)) {
    const { created, numbers, registrations, sections } = said;
    const types = format === 1 ? [] : said['types'];
    const whole =
      typeof created === 'string' &&
      isNumbers(numbers) &&
      isArrayOf(registrations, isRegistration) &&
      isArrayOf(types, isTypeDescription) &&
      isArrayOf(sections, isSection);
    if (whole) return { created, numbers, registrations, types, sections };
  }
  throw damaged(file, 'its manifest says what no store can be');
}

type Unknown = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isArrayOf<T>(value: unknown, is: (member: unknown) => member is T): value is T[] {
  return Array.isArray(value) && value.every(is);
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

function isInt32(value: unknown): value is number {
  return isWhole(value, -(2 ** 31), 2 ** 31 - 1);
}

const MOST_PAGES = Layout.MAX_RESERVATION_BYTES / Layout.PAGE_BYTES;
const MOST_THREADS = 1000;

function isNumbers(value: unknown): value is ImageNumbers {
  if (!isRecord(value)) return false;
  const {
    pages,
    maxThreads,
    bucketCount,
    bucketPageLimit,
    pageFloor,
    typeHigh,
    nameSeed,
    nameCollided,
    objectSequence,
    counters,
    threadHigh,
    owed,
  } = value;
  return (
    isWhole(pages, 1, MOST_PAGES) &&
    isWhole(maxThreads, 1, MOST_THREADS) &&
    isWhole(bucketCount, Layout.FIRST_BUCKETS, 2 ** 27) &&
    isWhole(bucketPageLimit, 1, pages) &&
    isWhole(pageFloor, bucketPageLimit, pages) &&
    isWhole(typeHigh, 1, Layout.TYPE_SLOTS) &&
    isInt32(nameSeed) &&
    isWhole(nameCollided, 0, 1) &&
    typeof objectSequence === 'string' &&
    /^\d{1,16}$/.test(objectSequence) &&
    Number(objectSequence) <= MOST_HANDLES &&
    isArrayOf(counters, isInt32) &&
    counters.length === Layout.THREAD_COUNTERS &&
    isWhole(threadHigh, 0, maxThreads) &&
    isArrayOf(owed, isOwed) &&
    owed.every(({ slot }, i) => slot < maxThreads && (i === 0 || slot > owed[i - 1]!.slot))
  );
}

function isOwed(value: unknown): value is Owed {
  if (!isRecord(value)) return false;
  const { slot, blocks } = value;
  return isWhole(slot, 0, MOST_THREADS) && isArrayOf(blocks, isInt32) && blocks.length <= Layout.THREAD_DESTROYING_WORDS;
}

function isRegistration(value: unknown): value is Registration {
  return (
    isRecord(value) && isWhole(value['id'], 0, 2 ** 32 - 1) && typeof value['owner'] === 'string' && typeof value['object'] === 'string'
  );
}

function isSection(value: unknown): value is Section {
  return (
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    isWhole(value['address'], 0, 2 ** 31 - 1) &&
    isWhole(value['bytes'], 0, Layout.MAX_RESERVATION_BYTES) &&
    typeof value['sha256'] === 'string'
  );
}

/** An empty store of these numbers. @throws ERR_SHADOW_SNAPSHOT, ERR_SHADOW_MAX_BYTES */
function memoryFor(numbers: ImageNumbers, file: string): Memory {
  let memory: Memory;
  try {
    memory = createMemory(numbers.pages * Layout.PAGE_BYTES, numbers.maxThreads);
  } catch (error) {
    if (error instanceof ShadowError && error.cause !== undefined) throw error; // there is no room for it in this process
    throw damaged(file, messageOf(error), error);
  }
  const { words, longs, firstFreePage } = memory;
  const needed = pagesOfBuckets(memory, numbers.bucketCount);
  if (numbers.bucketPageLimit < firstFreePage || numbers.bucketPageLimit < needed || numbers.bucketPageLimit > needed + 1)
    throw damaged(file, `its ${numbers.bucketCount} buckets end at page ${numbers.bucketPageLimit}`);
  words[Layout.HEADER_NAME_SEED] = numbers.nameSeed;
  words[Layout.NAME_COLLIDED] = numbers.nameCollided;
  words[Layout.BUCKET_COUNT] = numbers.bucketCount;
  words[Layout.BUCKET_PAGE_LIMIT] = numbers.bucketPageLimit;
  words[Layout.PAGE_FLOOR] = numbers.pageFloor;
  words[Layout.TYPE_HIGH] = numbers.typeHigh;
  words[Layout.THREAD_HIGH] = numbers.threadHigh; // the handles of objects tell the slots of their threads
  words.set(numbers.counters, Layout.DEPARTED_COUNTERS);
  longs[Layout.OBJECT_SEQUENCE / 2] = BigInt(numbers.objectSequence);
  return memory;
}

/** The sections, which must be those that the numbers imply, one behind the other to the end. */
function regionsOf(memory: Memory, { numbers, sections }: SnapshotManifest, end: number, file: string): readonly Section[] {
  const tableAt = pageEntry(memory, numbers.pageFloor);
  const fixed = [
    ['types', memory.types, numbers.typeHigh * Layout.TYPE_WORDS],
    ['pageTable', tableAt, (numbers.pages - numbers.pageFloor) * Layout.PAGE_ENTRY_WORDS],
    ['buckets', memory.buckets, numbers.bucketCount * Layout.BUCKET_WORDS],
  ] as const;
  const expected = fixed.every(([name, address, length], i) => {
    const section = sections[i];
    return section?.name === name && section.address === address && section.bytes === length * Layout.WORD_BYTES;
  });
  let last = numbers.pageFloor * Layout.PAGE_WORDS;
  for (const { name, address, bytes } of sections.slice(fixed.length)) {
    const length = bytes / Layout.WORD_BYTES;
    const fits = address >= last && address % Layout.PAGE_WORDS === 0 && length % Layout.PAGE_WORDS === 0 && length > 0;
    if (name !== 'blocks' || !fits || address + length > memory.words.length)
      throw damaged(file, `it has pages at ${address}, ${bytes} bytes`);
    last = address + length;
  }
  const total = sections.reduce((sum, { bytes }) => sum + bytes, PREAMBLE_BYTES);
  if (!expected || total !== end) throw damaged(file, 'its sections are not those of a store');
  return sections;
}

/** Reads a section into its place, through memory of our own: what was checked is what is used. */
function load(reader: Reader, { words }: Memory, { name, address, bytes, sha256 }: Section, at: number): void {
  const hash = createHash('sha256');
  for (let from = 0; from < bytes; from += CHUNK_BYTES) {
    const chunk = reader.read(at + from, Math.min(CHUNK_BYTES, bytes - from));
    hash.update(chunk);
    words.set(new Int32Array(chunk.buffer, chunk.byteOffset, chunk.length / Layout.WORD_BYTES), address + from / Layout.WORD_BYTES);
  }
  if (hash.digest('hex') !== sha256) throw damaged(reader.file, `its section ${name} at byte ${at} is not the one that was written`);
}

/** Pages of a class are those that the file holds, no more and no fewer. */
function requirePages(memory: Memory, { sections }: SnapshotManifest, file: string): void {
  const { words, pages } = memory;
  const held = new Uint8Array(pages);
  for (const { name, address, bytes } of sections) {
    if (name === 'blocks') held.fill(1, address / Layout.PAGE_WORDS, address / Layout.PAGE_WORDS + bytes / Layout.PAGE_BYTES);
  }
  for (let page = words[Layout.PAGE_FLOOR]!; page < pages; page++) {
    const entry = pageEntry(memory, page);
    const marked = words[entry + Layout.PAGE_CLASS]!;
    const generation = words[entry + Layout.PAGE_GENERATION]!;
    const sane = marked >= 0 && marked <= CLASS_BLOCK_WORDS.length && (generation === 0 || (generation & 1) === 1);
    if (!sane || marked > 0 !== (held[page] === 1)) throw damaged(file, `page ${page} has class ${marked - 1}`);
    words[entry + Layout.PAGE_NEXT] = 0;
  }
}
