/** The type of the storms: who created the variable, and how often its constructor ran. */
import { defineShadowType } from '../../src/shadow/type.js';

/** Keys of one round. */
export const KEYS = 4;

/** `constructed` has a word per key; `linger` is called inside the constructor. */
export function stormType(constructed: Int32Array, linger: () => void) {
  return defineShadowType<{ creator: 'u32' }, number>({
    id: 0x57,
    fields: { creator: 'u32' },
    ctor(parent, view, creator) {
      Atomics.add(constructed, parent as number, 1);
      linger();
      view.creator = creator;
    },
  });
}
