/** Types of the field tests. */
import { bytes, type FieldValues } from '../../src/shadow/fields.js';
import type { Parent } from '../../src/shadow/objects.js';
import { defineShadowType } from '../../src/shadow/type.js';

export const PARENTS: readonly Parent[] = [1, null, 'shared', 2 ** 41];

/** Additions to one word in a row. */
export const BURST = 20;

export const counterType = defineShadowType({ id: 0x61, fields: { small: 'u32', large: 'i64', signed: 'i32', crowd: 'u32', wide: 'u64' } });

/** Several fields that always cancel each other out, and bytes that all equal the low byte of `updates`. */
const accountFields = { credit: 'f64', debit: 'f64', updates: 'u32', mirror: 'u32', fill: bytes(40), holder: 'u32' } as const;
export type AccountValues = FieldValues<typeof accountFields>;
export const account = defineShadowType({ id: 0x62, fields: accountFields });

/** What the account comes to: 0 if it is whole, NaN if it is torn. */
export function accountTotal(values: AccountValues): number {
  const torn = values.mirror !== ~values.updates >>> 0 && values.updates !== 0;
  const mixed = values.fill.some((byte) => byte !== (values.updates & 0xff));
  return torn || mixed ? NaN : values.credit + values.debit;
}

/** What lock bodies create and free. `tally` counts constructors in word 0 and destructors in word 1. */
export function innerType(tally: Int32Array) {
  return defineShadowType({
    id: 0x63,
    fields: { owner: 'u32' },
    ctor: () => void Atomics.add(tally, 0, 1),
    dtor: () => void Atomics.add(tally, 1, 1),
  });
}
