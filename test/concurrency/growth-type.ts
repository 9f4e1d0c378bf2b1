/** The type of the growth tests: a variable holds its own key. */
import { defineShadowType } from '../../src/shadow/type.js';

export const growthType = defineShadowType({
  id: 0x67,
  fields: { key: 'f64', writer: 'u32' },
  ctor(parent, view) {
    view.key = parent as number;
  },
});

/** Word 0 of the marks counts writers that are done; word 1 + w is the number of keys that writer w has inserted. */
export const READ_MARK = 0;

/** The n-th key of a writer; keys below 2^20 are left to the test itself. */
export function keyOf(writer: number, n: number): number {
  return (writer + 1) * 2 ** 33 + n * 3;
}

export interface GrowthPart {
  /** Look-ups that had to hit, and did. */
  readonly found: number;
  /** Walks over all entries. */
  readonly walks: number;
}
