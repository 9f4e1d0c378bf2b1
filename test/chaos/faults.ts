/**
 * Owns the faults that `npm run chaos -- --mutations` plants into chaos builds, and the operations at whose steps threads are then killed. Those of the explorer's
 * list stand under its names. Imports the explorer's list.
 */
import { MUTATIONS } from '../model/explorer/mutations.js';
import type { TextChange } from '../model/explorer/text-change.js';

export interface Fault {
  readonly name: string;
  readonly changes: readonly TextChange[];
  /** Threads are killed at the steps of these. */
  readonly operations: readonly string[];
}

function change(module: string, find: string, replace: string): TextChange {
  return { module, find, replace };
}

/** No fault, but how slow things may be: the operating system lists a thread for a while after its end, as far as the main thread can tell. */
export const SLOW_SYSTEM: readonly TextChange[] = [
  change('memory/os-threads.js', 'let own;', "import { isMainThread } from 'node:worker_threads'; const listed = new Map(); let own;"),
  change(
    'memory/os-threads.js',
    'if (!existsSync(folderOf(id)))',
    `if (isMainThread && !existsSync(folderOf(id))) {
       if (!listed.has(id)) listed.set(id, performance.now() + 30);
       if (performance.now() < listed.get(id)) return false;
     }
     if (!existsSync(folderOf(id)))`,
  ),
];
/** Operations in which somebody dies who holds a lock of recovery, or before it has said who it is. */
export const UNHEARD: readonly string[] = ['recovery from a death in "dispose" at orphan.locked', 'attach'];

const OWN: readonly Fault[] = [
  {
    name: 'recovery forgets the counts of variables of the dead thread',
    changes: [change('recovery/settle.js', 'settleCounters(memory, thread);', '')],
    operations: ['alloc', 'dispose'],
  },
  {
    name: 'the dead thread is left in its epoch',
    changes: [
      change('recovery/repair.js', 'Atomics.store(words, this.#address + Layout.THREAD_EPOCH, 0);', ''),
      change('memory/threads.js', 'Atomics.store(words, address + Layout.THREAD_EPOCH, 0);', ''),
    ],
    operations: ['alloc', 'get'],
  },
  {
    name: 'the bucket is released before the change is finished',
    changes: [
      change(
        'recovery/repair.js',
        'this.#mendLists();',
        "this.#mendLists(); if (operation === 'insert' || operation === 'remove') { this.#release(words[this.#address + Layout.THREAD_INTENT_BUCKET]); }",
      ),
    ],
    operations: ['alloc of a type with constructor', 'free with destructor', 'alloc on a string'],
  },
  {
    name: 'the lock of another thread is released',
    changes: [change('memory/lock.js', 'if (lockOwner(seen) !== owner) return false;', 'if (seen === 0) return false;')],
    operations: ['alloc of large variables', 'alloc on a string that collides', 'safepoint that leaves orphans', 'growth'],
  },
  {
    name: 'after an exit event the operating system is asked who holds the locks of recovery',
    changes: [
      ...SLOW_SYSTEM,
      change(
        'recovery/departed.js',
        'return this.#listed.has(seen) || isRepairerGone(seen, this.#thread);',
        'return isRepairerGone(seen, 0);',
      ),
    ],
    operations: UNHEARD,
  },
  {
    name: 'a dead thread stays among those that transitions wait for',
    changes: [
      change('recovery/repair.js', 'this.#leavePatches();', ''),
      change('livepatch/roster.js', 'Atomics.store(words, slot + Layout.THREAD_AGENT, 0);', ';'),
      change('livepatch/roster.js', 'if (threadState(words, address) === Layout.THREAD_LIVE)', ''),
    ],
    operations: ['enable a second patch (mate)'],
  },
  {
    name: 'threads are told before the coordinator notes what of',
    changes: [change('livepatch/course.js', 'this.#journal.save(); this.#threads.order(order);', 'this.#threads.order(order);')],
    operations: ['enable a second patch (captain)', 'replace with a migration (captain)'],
  },
  {
    name: 'a snapshot is written over the older one',
    changes: [
      change('recovery/snapshot.js', 'const temporary = temporaryName(file);', 'const temporary = file;'),
      change('recovery/snapshot.js', "open(temporary, 'wx')", "open(temporary, 'w')"),
    ],
    operations: ['snapshot over an older one'],
  },
];

/** Of the explorer's list, and what of the catalogue comes by there. */
const ITS: Readonly<Record<string, readonly string[]>> = {
  'a bucket stays locked when a constructor throws': ['alloc with a constructor that throws'],
  'blocks are reused without a grace period': ['safepoint that takes in orphans', 'alloc of a block that was retired'],
  'a block leaves its list before it is noted': ['alloc', 'alloc of a block used before'],
  'an entry is cleared before the removal is noted': ['free', 'free with destructor'],
  'a journal is committed before it is written': ['alloc', 'safepoint that frees what was retired'],
  'a change of several words is made without a journal': ['alloc', 'safepoint that frees what was retired'],
  'a destructor is owed only after the unlink': ['free with destructor'],
  'recovery forgets the journal': ['safepoint that frees what was retired', 'alloc'],
  'recovery forgets the block in hand': ['alloc'],
  'recovery forgets the counter of a variable that was published': ['alloc'],
  'recovery forgets the counter of a variable that was unlinked': ['free', 'free with destructor'],
  'recovery forgets to release the bucket': ['alloc'],
  'recovery forgets the lock of a variable': ['withLock'],
  'recovery does not undo an update() that was being written': ['update'],
  'recovery finishes a split that was not published': ['growth', 'growth with overflow lines'],
  'recovery forgets what a split that was published has to clear': ['growth', 'growth with overflow lines'],
  'recovery gives back nothing that the dead thread had': ['alloc'],
  'recovery does not run the destructors that were owed': ['free with destructor'],
  'recovery forgets names whose only variable was not created': ['alloc on a string'],
};

export const FAULTS: readonly Fault[] = [
  ...OWN,
  ...Object.entries(ITS).map(([name, operations]) => {
    const known = MUTATIONS.find((mutation) => mutation.name === name);
    if (known === undefined) throw new Error(`the explorer knows no mutation called ${name}`);
    return { name, changes: known.changes, operations };
  }),
];
