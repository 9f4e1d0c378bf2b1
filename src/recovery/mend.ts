/**
 * Owns the repair of a store: the order in which its parts are put right, each by what is right already. Called with every lock of the store held, and no thread
 * moving blocks. Imports census, mend-*, repairs.
 *
 * The rule: a variable that a look-up finds is found afterwards, with the same data. So the table is the evidence for everything else; a word is put back where
 * one flipped bit explains what stands there; and only what nobody can reach is given back. Not repaired, because no other word tells what was there: id,
 * size and version of a type, and strings of which more than one bit is lost.
 */
import { Layout } from '../memory/layout.js';
import type { Variables } from '../shadow/variables.js';
import { Census } from './census.js';
import { Chains } from './check-chains.js';
import type { AllLocks } from './check-locks.js';
import { ChainMender } from './mend-chains.js';
import { mendHeader } from './mend-header.js';
import { ListMender } from './mend-lists.js';
import { bucketCountByEntries, mendPages } from './mend-pages.js';
import { linkedByTable, mendCounts, mendTypes } from './mend-types.js';
import { Mending } from './repairs.js';
import { Findings } from './violations.js';

/** Returns what was done; nothing at all if the table cannot be told from anything else. */
export function mendStore(variables: Variables, locks: AllLocks): Mending {
  const mending = new Mending(variables, new Census(variables.memory));
  const count = bucketCountByEntries(mending);
  if (count === undefined) return mending;
  locks.extend(count);
  mending.set('header', Layout.BUCKET_COUNT, count, 'the number of buckets');
  mendHeader(mending);
  mendPages(mending, count);
  const linked = linkedByTable(mending, count);
  mendTypes(mending, linked);
  new ChainMender(mending, count, linked).mend();
  const lists = new ListMender(mending);
  lists.mend();
  recount(mending, count);
  lists.giveBack();
  return mending;
}

/** Counts what stands in the table now. */
function recount(mending: Mending, count: number): void {
  const census = new Census(mending.memory);
  const chains = new Chains(mending.memory, census, new Findings(), mending.variables.objects.names, count);
  chains.walk();
  mendCounts(mending, chains.linked, chains.leftOvers);
}
