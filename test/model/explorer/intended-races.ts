/**
 * Owns the list of plain accesses that may race, each with the reason why that is right. Anything else that races is reported. Imports order and rewrite's
 * form of a site.
 *
 * Loads of block words in the look-up are no race of what they lead to: the block is read through the word just loaded, and every processor keeps that
 * order. So what a look-up reads of a block after it has checked the identity has to happen after its publication, which the detector does see to.
 */
import type { Race } from './order.js';
import type { Site } from './rewrite.js';

interface IntendedRace {
  /** The module and the beginning of the function that reads plainly. */
  readonly path: string;
  readonly within: string;
  /** What the access has to contain. */
  readonly text: string;
  readonly why: string;
  /** Only in scenarios that change variables in place. */
  readonly inPlace?: true;
}

const INTENDED: readonly IntendedRace[] = [
  // --- The look-up ------------------------------------------------------------------------------------------------------------------
  {
    path: 'table/find.js',
    within: 'find',
    text: 'words[',
    why: 'a hit is a block whose own identity says so, a miss counts only if no bucket was split meanwhile',
  },
  {
    path: 'shadow/view-classes.js',
    within: 'getter',
    text: 'BLOCK_GENERATION',
    why: 'the variable may be freed at this moment: a view of it is good until the next safepoint, and stale after that',
  },
  {
    path: 'shadow/view.js',
    within: 'View.$revalidate',
    text: 'words[block',
    why: 'whatever stands there by now: only if the table leads from it to this very block, in the same generation, it is the same variable',
  },
  { path: 'shadow/binding.js', within: 'Binding.view', text: 'BLOCK_GENERATION', why: 'as for a look-up' },
  { path: 'shadow/binding.js', within: 'Binding.findIn', text: 'BLOCK_GENERATION', why: 'compared again after the name was looked at' },
  // --- Whether a type is what it was ------------------------------------------------------------------------------------------------
  {
    path: 'shadow/view-classes.js',
    within: 'locator',
    text: 'TYPE_EPOCH',
    why: 'whoever does not see a change yet came before it; writers look at the tag again under the bucket lock',
  },
  { path: 'shadow/binding.js', within: 'Binding.refresh', text: 'TYPE_EPOCH', why: 'as above' },
  { path: 'shadow/store.js', within: 'ShadowStore.#bind', text: 'TYPE_EPOCH', why: 'as above' },
  { path: 'shadow/migrator.js', within: 'Migrator.reach', text: 'TYPE_EPOCH', why: 'as above' },
  { path: 'shadow/binding.js', within: 'Binding.current', text: 'tagAddress', why: 'as above' },
  { path: 'shadow/binding.js', within: 'Binding.exhaustive', text: 'tagAddress', why: 'as above' },
  {
    path: 'shadow/variables.js',
    within: 'Variables.#createLocked',
    text: 'binding.tagAddress',
    why: 'a collection raises the tag and then takes the lock of every bucket: it sees our entry, or we see its mark',
  },
  { path: 'shadow/walk.js', within: 'isCurrent', text: 'TYPE_TAG', why: 'as above' },
  { path: 'shadow/migrator.js', within: 'Migrator.#replace', text: 'tagAddress', why: 'as above' },
  { path: 'shadow/migrator.js', within: 'Migrator.#findOlder', text: 'tagAddress', why: 'as above; looked at again under the lock' },
  // --- Looks that are repeated under a lock, or decide about effort only ------------------------------------------------------------
  {
    path: 'table/table.js',
    within: 'Table.lock',
    text: 'BUCKET_COUNT',
    why: 'compared again under the lock of the bucket it leads to',
  },
  { path: 'table/table.js', within: 'Table.bucketCount', text: 'BUCKET_COUNT', why: 'a walk looks again for each bucket' },
  { path: 'table/table.js', within: 'Table.#requireBucket', text: 'BUCKET_PAGE_LIMIT', why: 'a check of bounds that only grow' },
  { path: 'recovery/repair.js', within: 'Repair.#isMyBucket', text: 'BUCKET_COUNT', why: 'a check of bounds that only grow' },
  {
    path: 'table/bucket.js',
    within: 'nextEntry',
    text: 'words[entry]',
    why: 'walks look for what may be there without the lock, and again under it',
  },
  {
    path: 'memory/blocks.js',
    within: 'retiredCount',
    text: 'RETIRED_COUNT',
    why: 'whether orphans are worth a lock; read again under THREAD_LOCK',
  },
  { path: 'memory/blocks.js', within: 'Blocks.', text: 'MEMORY_PRESSURE', why: 'a request to hurry, heard soon enough' },
  { path: 'memory/pages.js', within: 'takePage', text: 'MEMORY_PRESSURE', why: 'as above' },
  {
    path: 'memory/blocks.js',
    within: 'Blocks.#carve',
    text: 'CLASS_HEAD',
    why: 'whether the list is worth a lock; read again under CLASS_LOCK',
  },
  { path: 'memory/pages.js', within: 'returnWholePages', text: 'CLASS_COUNT', why: 'as above' },
  {
    path: 'memory/pages.js',
    within: 'classOfAddress',
    text: 'words[',
    why: 'a check of bounds: what is in use was given out before its address was seen, and the bounds only move for the next page',
  },
  {
    path: 'recovery/recover.js',
    within: 'Recovery.pending',
    text: 'DEAD_SLOTS',
    why: 'whether there is anything to settle; looked at again under REPAIR_LOCK',
  },
  {
    path: 'memory/threads.js',
    within: 'isSlotGone',
    text: 'THREAD_OS_START',
    why: 'the slot may change hands meanwhile: its state is compared again after the operating system was asked',
  },
  {
    path: 'shadow/slots.js',
    within: 'createdCount',
    text: 'memory.counters',
    why: 'counts of threads at work are a moment old; where that matters they are at rest',
  },
  // --- Live patching ----------------------------------------------------------------------------------------------------------------
  {
    path: 'livepatch/roster.js',
    within: 'Roster.agents',
    text: 'THREAD_TASKS',
    why: 'tells people what holds up a transition, and decides nothing',
  },
  {
    path: 'livepatch/roster.js',
    within: 'Roster.agents',
    text: 'THREAD_NODE_ID',
    why: 'of a thread that has left meanwhile, and nothing else is told of it: its claim is compared again',
  },
  {
    path: 'livepatch/roster.js',
    within: 'Roster.#agentSlots',
    text: 'THREAD_GENERATION',
    why: 'as above; a claim of the slot by another thread does not go with the agent that is named',
  },
  {
    path: 'livepatch/roster.js',
    within: 'Roster.agents',
    text: 'THREAD_GENERATION',
    why: 'as above',
  },
  // --- Fields of variables that are changed in place --------------------------------------------------------------------------------
  {
    path: 'shadow/field-access.js',
    within: 'uint32Access.get',
    text: 'words[',
    why: 'read() takes what it read only if the version of the lock is unchanged; plain access is the application’s own affair',
    inPlace: true,
  },
];

/** Whether a plain load on the read path may come late: the look-up itself, and what it asks of the type and of the view it makes. */
export function isReadPath({ path, within }: Site): boolean {
  return path === 'table/find.js' || (path === 'shadow/view-classes.js' && /^(locator|getter)/.test(within));
}

/** Whether what is loaded here is followed: the block word of an entry, or the number of buckets, which leads to a bucket. */
export function isPointerLoad({ path, within, text }: Site): boolean {
  if (path === 'table/table.js') return within === 'Table.lock' && text.includes('BUCKET_COUNT');
  return path === 'table/find.js' && /BUCKET_ENTRIES|BUCKET_BLOCKS|BUCKET_NEXT|BUCKET_COUNT/.test(text);
}

export function isIntendedRace(race: Race, sites: readonly Site[], changesInPlace: boolean): boolean {
  const { earlierSite, earlierWrites, laterSite, laterWrites } = race;
  if (earlierWrites && laterWrites) return false;
  const { path, within, text } = sites[earlierWrites ? laterSite : earlierSite]!;
  return INTENDED.some(
    (one) => one.path === path && within.startsWith(one.within) && text.includes(one.text) && (one.inPlace === undefined || changesInPlace),
  );
}

/** Where the list names something that the code does not have any more. */
export function outdatedRaces(sites: readonly Site[]): string[] {
  return INTENDED.filter(
    ({ path, within, text }) => !sites.some((site) => site.path === path && site.within.startsWith(within) && site.text.includes(text)),
  ).map(({ path, within, text }) => `${path} ${within}: ${text}`);
}
