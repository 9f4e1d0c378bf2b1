/**
 * Owns the size classes of blocks. Pure tables; imports layout and errors.
 *
 * Class 0 is bucket lines: 64 bytes without a block header, aligned to a cache line.
 */
import { invariant } from '../errors.js';
import { Layout, type WordAddress } from './layout.js';

/** The largest block is a whole page. */
export const MAX_DATA_BYTES = Layout.PAGE_WORDS * 4 - Layout.BLOCK_HEADER_BYTES;
export const LINE_CLASS = 0;

/** Words per block of each class. Multiples of 8 bytes up to 128, then four steps to each doubling: at most a quarter is lost. */
export const CLASS_BLOCK_WORDS: readonly number[] = sizeClasses();
const CLASS_OF_PAIRS = classTable();

function sizeClasses(): number[] {
  const words: number[] = [Layout.LINE_WORDS];
  for (let size = 6; size <= 32; size += 2) words.push(size);
  for (let base = 32; base < 4096; base *= 2) {
    for (let quarter = 1; quarter <= 4; quarter++) words.push(base + (base / 4) * quarter);
  }
  words.push(5460, 8192, Layout.PAGE_WORDS);
  invariant(words.length <= Layout.MAX_CLASSES, 'more size classes than the layout has room for');
  return words;
}

/** Class by block size in pairs of words. */
function classTable(): Uint8Array {
  const table = new Uint8Array(Layout.PAGE_WORDS / 2 + 1);
  let sizeClass = 1;
  for (let pairs = 0; pairs < table.length; pairs++) {
    while ((CLASS_BLOCK_WORDS[sizeClass] ?? 0) < pairs * 2) sizeClass++;
    table[pairs] = sizeClass;
  }
  return table;
}

/** The size class of variables with so many bytes of data. */
export function classOfDataBytes(bytes: number): number {
  return CLASS_OF_PAIRS[(Layout.BLOCK_HEADER_BYTES + bytes + 7) >>> 3]!;
}

/** Word address of a class's global list. */
export function classAddress(sizeClass: number): WordAddress {
  return Layout.CLASSES + sizeClass * Layout.CLASS_WORDS;
}
