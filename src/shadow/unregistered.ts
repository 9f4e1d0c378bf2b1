/**
 * Owns WARNED_IDS, and the process warning about ids that are used without a registration: one per id, given by the first thread to enter it. Imports
 * layout.
 */
import { Layout } from '../memory/layout.js';

export function warnUnregistered(words: Int32Array, id: number): void {
  if (!isFirstUse(words, id)) return;
  process.emitWarning(`shadow type ${id} is used but no patch or application has registered it; look-ups find nothing`, {
    type: 'UmbraWarning',
    code: 'UMBRA_UNREGISTERED',
  });
}

function isFirstUse(words: Int32Array, id: number): boolean {
  const entry = (id + 1) | 0;
  if (entry === 0) return Atomics.exchange(words, Layout.WARNED_LAST_ID, 1) === 0;
  for (let probe = 0; probe < Layout.WARNED_ID_WORDS; probe++) {
    const found = Atomics.compareExchange(words, Layout.WARNED_IDS + ((id + probe) % Layout.WARNED_ID_WORDS), 0, entry);
    if (found === 0 || found === entry) return found === 0;
  }
  return false; // the table is full: whoever misuses so many ids has been told
}
