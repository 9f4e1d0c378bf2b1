/**
 * Owns the tiny sizes that scenarios run with: a few buckets, pages of 64 words, lists that are cut back after every block, so that growth, reuse, batches
 * and page moves take a handful of operations. The logic stays what it is; every change has to find its place in the compiled code. Imports sources.
 */
import type { Tuning } from './sources.js';
import type { TextChange } from './text-change.js';

function constant(module: string, name: string, value: number): TextChange {
  const known = KNOWN[name];
  if (known === undefined) throw new Error(`${name} is not among the constants that can be set`);
  return { module, find: `const ${name} = ${known};`, replace: `const ${name} = ${value};` };
}

/** As they stand in the compiled code. */
const KNOWN: Readonly<Record<string, string>> = {
  SPINS: '60',
  BATCH: '32',
  RETIRED_BATCH: '64',
  SPLITS_AT_ONCE: '12',
  UNLINK_BATCH: '8',
  FETCH_BUCKETS: '16',
  READ_ATTEMPTS: '16',
  LOCK_ATTEMPTS: '1000',
  TOUCHED_FRAMES: '40',
  PIECE_BYTES: '4080',
};

export const TINY: Tuning = {
  layout: {
    PAGE_WORDS: 64,
    PAGE_SHIFT: 6,
    TYPE_SLOTS: 8,
    TYPE_SLOT_BITS: 3,
    FIRST_BUCKETS: 8,
    LOAD_FACTOR: 0.5,
    ENTRY_BATCH: 1,
    MAX_CLASSES: 4,
    THREAD_DESTROYING_WORDS: 4,
    TASK_ENTRIES: 2,
    ACTIVATION_COUNTERS: 9, // so that THREAD_TASK_TIME lies where a number of 8 bytes may
    HISTOGRAM_BUCKETS: 2,
  },
  texts: [
    constant('memory/lock.js', 'SPINS', 1),
    constant('memory/blocks.js', 'BATCH', 1),
    constant('memory/blocks.js', 'RETIRED_BATCH', 1),
    constant('table/grow.js', 'SPLITS_AT_ONCE', 1),
    constant('shadow/walk.js', 'UNLINK_BATCH', 2),
    constant('shadow/sweep.js', 'FETCH_BUCKETS', 0), // what is read ahead counts for nothing
    constant('shadow/view.js', 'READ_ATTEMPTS', 1),
    constant('shadow/migrator.js', 'LOCK_ATTEMPTS', 2),
    constant('shadow/destruction.js', 'TOUCHED_FRAMES', 0),
    constant('shadow/records.js', 'PIECE_BYTES', 224),
    // Four size classes: lines, 6 and 8 words, and whole pages.
    { module: 'memory/classes.js', find: 'size <= 32; size += 2', replace: 'size <= 8; size += 2' },
    { module: 'memory/classes.js', find: 'base < 4096;', replace: 'base < 0;' },
    { module: 'memory/classes.js', find: 'words.push(5460, 8192,', replace: 'words.push(' },
  ],
};

/** With live patching around the store: channels and clocks that are simulated. A constructor takes no steps, so what an agent's does last has a name. */
export const TINY_WITH_PATCHES: Tuning = {
  layout: TINY.layout,
  texts: [
    ...TINY.texts,
    { module: 'livepatch/radio.js', find: "from 'node:worker_threads'", replace: "from '../plumbing/channel.js'" },
    { module: 'livepatch/line.js', find: "from 'node:worker_threads'", replace: "from '../plumbing/channel.js'" },
    // A setter takes no steps.
    { module: 'livepatch/line.js', find: 'set direction(direction) {', replace: '$direct(direction) {' },
    // A getter that reaches the memory is known by its name alone: what live patching calls a number is no such thing.
    { module: 'shadow/records.js', find: 'get number()', replace: 'get $number()' },
    { module: 'shadow/records.js', find: 'this.number', replace: 'this.$number', every: true },
    { module: 'livepatch/tasks.js', find: 'Date.now()', replace: '0' },
    {
      module: 'livepatch/agent.js',
      find: 'slot.begin(); this.#follower.begin();',
      replace: 'this.$begin = () => { slot.begin(); this.#follower.begin(); };',
    },
  ],
};
