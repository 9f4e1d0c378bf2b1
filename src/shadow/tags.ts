/**
 * Owns the arithmetic of TYPE_TAG: a generation and a state in one word, so that one compare answers both whether a slot is still the same type and
 * whether it is alive. Imports layout.
 */
import { Layout } from '../memory/layout.js';

const GENERATION_STEP = Layout.TYPE_STATE_MASK + 1;
/** Tags stay positive, so that none ever equals the tag of a binding that was never good. */
const TAG_MASK = 0x7fffffff & ~Layout.TYPE_STATE_MASK;

/** The tag of the next generation of a slot, in the given state. */
export function nextTag(tag: number, state: number): number {
  return (((tag & TAG_MASK) + GENERATION_STEP) & TAG_MASK) | state;
}
