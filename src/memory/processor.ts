/**
 * Owns what the protocol may assume of the processor. Imports nothing. Hot code takes the answer into a constant of its own: a local constant is folded.
 */

/** x86: stores are seen in the order they were made, loads are satisfied in order, and an atomic store is a fence that nothing passes. */
export const STRONGLY_ORDERED = process.arch === 'x64' || process.arch === 'ia32';
