/**
 * The requests of a worker, and the check that both sides do the same with them.
 *
 * The first worker's requests begin with a check: a stretch of its sequence, and after it gets of the same keys. Before anything is
 * measured it runs them on both sides: sets of another generation than what was there, and gets that have to find them.
 */
import { initialReads } from '../subjects.js';
import type { Client, Requests } from './peer.js';

/** Requests of the check's first half. */
const CHECKED = 1024;

/** The first worker's requests start here when the check is over, the others' at 0. */
export function startOf(worker: number): number {
  return worker === 0 ? 2 * CHECKED : 0;
}

/** Requests to draw for a worker that is to have `count` of them to be measured. */
export function drawnFor(worker: number, count: number): number {
  return worker === 0 ? CHECKED + count : count;
}

export function createRequests(worker: number, keys: readonly number[], sets: Uint8Array): Requests {
  const all = worker === 0 ? [...keys.slice(0, CHECKED), ...keys] : keys;
  const allSets = new Uint8Array(all.length);
  allSets.set(sets, all.length - sets.length);
  if (worker === 0) {
    allSets.set(sets.subarray(0, CHECKED));
    allSets.fill(0, CHECKED, 2 * CHECKED);
  }
  return { keys: all, sets: allSets, values: Uint16Array.from(all, initialReads) };
}

/** What the check comes to: a sum over each half. Puts back what it has changed. */
export async function checksum(client: Client): Promise<string> {
  const found = await client.run(0, CHECKED, 1);
  const readBack = await client.run(CHECKED, 2 * CHECKED, 1);
  await client.run(0, CHECKED, 0);
  return `${found} and ${readBack}`;
}
