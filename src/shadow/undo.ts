/**
 * Owns the undo log of update(): what the fields that it is about to write held before, so that a thread which dies in the middle leaves the variable as it
 * was. Written under the variable's lock by its holder: the log first, then THREAD_UNDO as its commit word; zeroed once all fields are written. Recovery puts
 * back what a log holds whose commit word stands.
 *
 * The log is a row of records. A whole number of words: address, number of words, what they held. A part of one word: address, −1, which bits, what it
 * held; the rest of such a word belongs to other fields, which others may be writing. It stands in the slot, or if it is too long in a block that the thread keeps for
 * it.
 * Imports memory.
 */
import { ShadowError } from '../errors.js';
import type { Blocks } from '../memory/blocks.js';
import { CLASS_BLOCK_WORDS, classOfDataBytes } from '../memory/classes.js';
import { closeIntent, hold, openIntent } from '../memory/intent.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { blockClass } from '../memory/pages.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';

/** Bytes of a variable's data, from `offset` on. */
export interface Span {
  readonly offset: number;
  readonly bytes: number;
}

const RUN_WORDS = 2; // address and number of words
const PART_WORDS = 4;
/** Up to so many words a loop is faster than copyWithin(). */
const MOST_COPIED = 16;

/** Notes all data of a variable: what most updates write. @throws ERR_SHADOW_EXHAUSTED, see noteUndo() */
export function noteUndoOfAll(thread: Thread, blocks: Blocks, block: WordAddress, dataWords: number): void {
  const { words, address } = thread;
  const length = RUN_WORDS + dataWords;
  if (length > Layout.UNDO_WORDS) {
    noteUndo(thread, blocks, block, [{ offset: 0, bytes: dataWords * 4 }]);
    return;
  }
  const place = address + Layout.THREAD_UNDO_LOG;
  const data = block + Layout.BLOCK_DATA;
  words[place] = data;
  words[place + 1] = dataWords;
  for (let i = 0; i < dataWords; i++) words[place + RUN_WORDS + i] = words[data + i]!;
  commitUndo(thread, block, length);
}

/** Notes what these spans of a variable hold. @throws ERR_SHADOW_EXHAUSTED if a long log finds no memory: nothing has changed then */
export function noteUndo(thread: Thread, blocks: Blocks, block: WordAddress, spans: readonly Span[]): void {
  const { words, address } = thread;
  let runs = spans;
  let length = lengthOfAll(runs);
  if (length > Layout.UNDO_WORDS) {
    runs = joined(spans);
    length = lengthOfAll(runs);
    if (length > Layout.UNDO_WORDS) reserveLog(thread, blocks, thread.memory, length);
  }
  let at = placeOfLog(words, address, length);
  for (const run of runs) at = note(words, at, block + Layout.BLOCK_DATA, run);
  commitUndo(thread, block, length);
}

function commitUndo({ words, address }: Thread, block: WordAddress, length: number): void {
  words[address + Layout.THREAD_UNDO_LENGTH] = length;
  // step: update.noted
  words[address + Layout.THREAD_UNDO] = block; // recovery reads this
  // step: update.write
}

/** The fields are written. */
export function forgetUndo({ words, address }: Thread): void {
  // step: update.written
  words[address + Layout.THREAD_UNDO] = 0;
}

/** Puts back what a dead thread was overwriting; nothing if it was not. Under the variable's lock, which is still that thread's. */
export function applyUndo(words: Int32Array, slotAddress: WordAddress): void {
  if (words[slotAddress + Layout.THREAD_UNDO] === 0) return;
  const length = Math.min(words[slotAddress + Layout.THREAD_UNDO_LENGTH]!, Layout.PAGE_WORDS);
  const place = placeOfLog(words, slotAddress, length);
  const end = place + length;
  for (let at = place; at < end;) {
    const address = words[at]!;
    const count = words[at + 1]!;
    if (count < 0) {
      restoreBits(words, address, words[at + 2]!, words[at + 3]!);
      at += PART_WORDS;
    } else {
      words.copyWithin(address, at + RUN_WORDS, Math.min(at + RUN_WORDS + count, end));
      at += RUN_WORDS + count;
    }
  }
  words[slotAddress + Layout.THREAD_UNDO] = 0;
}

/** Where a log of so many words stands. */
function placeOfLog(words: Int32Array, slotAddress: WordAddress, length: number): WordAddress {
  return length <= Layout.UNDO_WORDS ? slotAddress + Layout.THREAD_UNDO_LOG : words[slotAddress + Layout.THREAD_UNDO_BLOCK]!;
}

/** Spans that follow each other as one. */
function joined(spans: readonly Span[]): Span[] {
  const sorted = [...spans].sort((a, b) => a.offset - b.offset);
  const runs: Span[] = [];
  for (const { offset, bytes } of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && last.offset + last.bytes >= offset)
      runs[runs.length - 1] = { offset: last.offset, bytes: Math.max(last.bytes, offset + bytes - last.offset) };
    else runs.push({ offset, bytes });
  }
  const [first, last] = [runs[0], runs.at(-1)];
  if (lengthOfAll(runs) <= Layout.PAGE_WORDS || first === undefined || last === undefined) return runs;
  // Many small fields of a huge variable: more than fits into any block, unless what lies between them is noted as well.
  return [{ offset: first.offset & -4, bytes: ((last.offset + last.bytes + 3) & -4) - (first.offset & -4) }];
}

/** The first and the last word of a span may be shared with other fields. */
function edges({ offset, bytes }: Span): { readonly head: number; readonly full: number; readonly tail: number } {
  const end = offset + bytes;
  if (offset >> 2 === (end - 1) >> 2 && bytes < 4) return { head: bytes, full: 0, tail: 0 };
  const head = (4 - (offset & 3)) & 3;
  const tail = end & 3;
  return { head, full: (bytes - head - tail) >> 2, tail };
}

function lengthOfAll(spans: readonly Span[]): number {
  let length = 0;
  for (const span of spans) {
    const { head, full, tail } = edges(span);
    length += (head > 0 ? PART_WORDS : 0) + (full > 0 ? RUN_WORDS + full : 0) + (tail > 0 ? PART_WORDS : 0);
  }
  return length;
}

function note(words: Int32Array, place: WordAddress, data: WordAddress, span: Span): WordAddress {
  const { head, full, tail } = edges(span);
  let at = place;
  let { offset } = span;
  if (head > 0) {
    at = notePart(words, at, data, offset, head);
    offset += head;
  }
  if (full > 0) {
    const address = data + (offset >> 2);
    words[at] = address;
    words[at + 1] = full;
    at += RUN_WORDS;
    if (full > MOST_COPIED) words.copyWithin(at, address, address + full);
    else for (let i = 0; i < full; i++) words[at + i] = words[address + i]!;
    at += full;
    offset += full * 4;
  }
  return tail > 0 ? notePart(words, at, data, offset, tail) : at;
}

/** Little-endian, as the typed arrays are on every platform that Node runs on. */
function notePart(words: Int32Array, at: WordAddress, data: WordAddress, offset: number, bytes: number): WordAddress {
  const address = data + (offset >> 2);
  words[at] = address;
  words[at + 1] = -1;
  words[at + 2] = ((1 << (bytes * 8)) - 1) << ((offset & 3) * 8);
  words[at + 3] = words[address]!;
  return at + PART_WORDS;
}

function restoreBits(words: Int32Array, address: WordAddress, mask: number, old: number): void {
  for (;;) {
    const seen = Atomics.load(words, address);
    if (Atomics.compareExchange(words, address, seen, (seen & ~mask) | (old & mask)) === seen) return;
  }
}

/**
 * Makes sure that THREAD_UNDO_BLOCK holds a block with room for so many words. The thread keeps it for the next time: that update() costs no memory then.
 * @throws ERR_SHADOW_EXHAUSTED
 */
function reserveLog(thread: Thread, blocks: Blocks, memory: Memory, length: number): void {
  const { words, address } = thread;
  const kept = words[address + Layout.THREAD_UNDO_BLOCK]!;
  if (kept !== 0 && (CLASS_BLOCK_WORDS[blockClass(memory, kept)] ?? 0) >= length) return;
  const sizeClass = classOfDataBytes(Math.max(1, length * 4 - Layout.BLOCK_HEADER_BYTES));
  if (takeLog(thread, blocks, sizeClass, kept)) return;
  blocks.reclaimEverything();
  if (takeLog(thread, blocks, sizeClass, 0)) return;
  throw new ShadowError(
    'ERR_SHADOW_EXHAUSTED',
    `update() needs ${CLASS_BLOCK_WORDS[sizeClass]! * 4} bytes to be able to undo its changes, and the store has no memory left; nothing has changed`,
  );
}

/** Takes another block for the log, in the place of the one kept. */
function takeLog(thread: Thread, blocks: Blocks, sizeClass: number, kept: WordAddress): boolean {
  const { words, address } = thread;
  openIntent(thread, Layout.INTENT_MEMORY, 0);
  if (kept !== 0) {
    hold(thread, kept);
    words[address + Layout.THREAD_UNDO_BLOCK] = 0;
    // step: update.log-dropped
    words[kept + Layout.BLOCK_GENERATION] = words[kept + Layout.BLOCK_GENERATION]! | 1;
    blocks.retire(kept);
  }
  const log = blocks.take(sizeClass);
  if (log !== 0) words[address + Layout.THREAD_UNDO_BLOCK] = log;
  // step: update.log-taken
  hold(thread, 0);
  closeIntent(thread);
  return log !== 0;
}
