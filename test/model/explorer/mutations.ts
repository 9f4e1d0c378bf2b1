/**
 * Owns the list of mutations: one fault each, planted into the compiled code, and the scenarios in which it has to be found. A place that is not there any
 * more fails loudly. Imports the form of a change.
 */
import type { Form } from './explore.js';
import type { TextChange } from './text-change.js';

export interface Mutation {
  readonly name: string;
  readonly changes: readonly TextChange[];
  /** In this order. */
  readonly scenarios: readonly string[];
  /** Default: strong. */
  readonly forms?: readonly Form[];
  /** Preemptions up to which it is looked for, before it is looked for at random. Default 1 and 2. */
  readonly bounds?: readonly number[];
  /** Executions of one scenario in one form with one mortal thread, where the usual number is not enough. */
  readonly executions?: number;
  /** Whether a thread has to die for it: then mortal threads are tried first. */
  readonly isOfRecovery?: boolean;
}

function change(module: string, find: string, replace: string, every = false): TextChange {
  return { module, find, replace, every };
}

/** Takes a statement out. */
function without(module: string, find: string): TextChange {
  return change(module, find, '');
}

export const MUTATIONS: readonly Mutation[] = [
  // --- Locks ------------------------------------------------------------------------------------------------------------------------
  {
    name: 'buckets are changed without their lock',
    changes: [change('table/table.js', 'this.#acquire(bucket); // step: bucket.locked // Taking the lock', '// Taking the lock')],
    scenarios: ['create'],
  },
  {
    name: 'an allocation does not look a second time under the lock',
    changes: [change('shadow/variables.js', 'if (findEntry(words, bucket, key, low, identity) !== 0) return EXISTS;', '')],
    scenarios: ['create'],
  },
  {
    name: 'whoever has locked a bucket does not look whether it is still the right one',
    changes: [
      change(
        'table/table.js',
        'if (now === count || bucketAddress(this.buckets, bucketIndex(hash, now)) === bucket) return bucket;',
        'return bucket;',
      ),
    ],
    scenarios: ['split-insert', 'split'],
  },
  {
    name: 'a bucket stays locked when a constructor throws',
    changes: [
      change(
        'shadow/variables.js',
        'if (named) dropUnusedName(table, blocks, bucket, object); table.unlock(bucket);',
        'if (named) dropUnusedName(table, blocks, bucket, object); if (unpublished === 0) table.unlock(bucket);',
      ),
    ],
    scenarios: ['refuse'],
  },
  {
    name: 'update() takes no lock',
    changes: [without('shadow/view.js', 'acquireVariable(thread, block);'), without('shadow/view.js', 'releaseVariable(thread, block);')],
    scenarios: ['lock'],
  },
  {
    name: 'read() does not compare the version again',
    changes: [change('shadow/view.js', 'if (isVersion(words, this.$block, version)) return values;', 'return values;')],
    scenarios: ['lock'],
  },
  {
    name: 'the release of a variable does not raise its version',
    changes: [change('memory/lock.js', 'const VERSION_STEP = 0x400;', 'const VERSION_STEP = 0;')],
    scenarios: ['lock'],
  },
  {
    name: 'orphaned blocks are freed without THREAD_LOCK',
    changes: [change('memory/blocks.js', 'tryAcquire(this.#thread, Layout.THREAD_LOCK)', 'true')],
    scenarios: ['reuse', 'leave', 'stale'],
    forms: ['portable'],
  },
  {
    name: 'a batch is taken from a global list without its lock',
    changes: [
      change('memory/blocks.js', 'acquire(this.#thread, global + Layout.CLASS_LOCK);', '', true),
      change('memory/blocks.js', 'release(this.#thread, global + Layout.CLASS_LOCK);', '', true),
    ],
    scenarios: ['reuse', 'leave', 'full'],
    forms: ['portable'],
  },
  {
    name: 'strings that collide are created without NAME_LOCK',
    changes: [
      change('shadow/variables.js', 'acquireNoted(this.thread, Layout.NAME_LOCK);', ''),
      change('shadow/variables.js', 'if (nameLocked) releaseNoted(this.thread, Layout.NAME_LOCK);', ''),
    ],
    scenarios: ['collision-race', 'collision'],
  },
  // --- Publication ------------------------------------------------------------------------------------------------------------------
  {
    name: 'a variable is published before its constructor runs',
    changes: [
      change(
        'shadow/variables.js',
        'const view = binding.view(block); // step: insert.prepared',
        'const view = binding.view(block); publishEntry(words, entry, key, block);',
      ),
    ],
    scenarios: ['create'],
  },
  {
    name: 'a block is published before its identity is written',
    changes: [
      without('shadow/variables.js', 'words[block + Layout.BLOCK_IDENTITY] = identity;'),
      change(
        'shadow/variables.js',
        'publishEntry(words, entry, key, block); // step: insert.published',
        'publishEntry(words, entry, key, block); words[block + Layout.BLOCK_IDENTITY] = identity;',
      ),
    ],
    scenarios: ['create', 'renew'],
    isOfRecovery: true,
  },
  {
    name: 'an entry is published before its key',
    changes: [
      without('table/bucket.js', 'words[entry + BLOCKS_TO_KEYS] = key;'),
      change(
        'table/bucket.js',
        'else Atomics.store(words, entry, block);',
        'else Atomics.store(words, entry, block); words[entry + BLOCKS_TO_KEYS] = key;',
      ),
    ],
    scenarios: ['create'],
    isOfRecovery: true,
  },
  // --- The look-up ------------------------------------------------------------------------------------------------------------------
  {
    name: 'a miss counts although a bucket was split meanwhile',
    changes: [
      change(
        'table/find.js',
        'if (LOADS_IN_ORDER ? words[Layout.BUCKET_COUNT] === count : Atomics.or(words, Layout.BUCKET_COUNT, 0) === count) return 0;',
        'return 0;',
      ),
      change('table/find.js', 'LOADS_IN_ORDER && words[Layout.BUCKET_COUNT] === countSeen', 'true'),
    ],
    scenarios: ['split-far'],
  },
  {
    name: 'a hit is not compared with the object that was asked for',
    changes: [change('table/find.js', 'words[block] === low && words[(block + Layout.BLOCK_IDENTITY) | 0] === identity', 'true', true)],
    scenarios: ['twins'],
  },
  // --- Growth -----------------------------------------------------------------------------------------------------------------------
  {
    name: 'a split clears the old bucket before the new one is published',
    changes: [
      change('table/grow.js', 'clearMoved(words, source, bit); words[thread.address', 'words[thread.address'),
      change('table/grow.js', '// step: split.publish published = true;', 'clearMoved(words, source, bit); published = true;'),
    ],
    scenarios: ['split', 'split-insert'],
  },
  {
    name: 'a split takes no lock of the bucket that it divides',
    changes: [
      without('table/grow.js', 'acquire(thread, source + Layout.BUCKET_LOCK);'),
      without('table/grow.js', 'release(thread, source + Layout.BUCKET_LOCK);'),
    ],
    scenarios: ['split-insert', 'split'],
  },
  // --- Reuse ------------------------------------------------------------------------------------------------------------------------
  {
    name: 'blocks are reused without a grace period',
    changes: [change('memory/grace.js', 'return ((horizon - epoch) | 0) > 0;', 'return true;')],
    scenarios: ['grace', 'stale'],
  },
  {
    name: 'a thread does not say that it has entered an epoch',
    changes: [
      change(
        'memory/grace.js',
        'Atomics.store(words, thread.address + Layout.THREAD_EPOCH, Atomics.load(words, Layout.GRACE_EPOCH) | 1);',
        'Atomics.load(words, Layout.GRACE_EPOCH);',
      ),
    ],
    scenarios: ['grace', 'stale'],
  },
  {
    name: 'a block is retired with the epoch before',
    changes: [
      change(
        'memory/blocks.js',
        'const epoch = retirementEpoch(words); if (words[lists + Layout.RETIRED_EPOCH] !== epoch)',
        'const epoch = retirementEpoch(words) - 2; if (words[lists + Layout.RETIRED_EPOCH] !== epoch)',
      ),
    ],
    scenarios: ['grace', 'stale'],
  },
  {
    name: 'generations are not raised',
    changes: [
      change(
        'memory/blocks.js',
        'words[block + Layout.BLOCK_GENERATION] = ((words[block + Layout.BLOCK_GENERATION] | 1) + 1) | 0;',
        'words[block + Layout.BLOCK_GENERATION] = 2;',
      ),
    ],
    scenarios: ['stale'],
  },
  // --- Types and names --------------------------------------------------------------------------------------------------------------
  {
    name: 'an allocation does not look under the lock whether its type was collected',
    changes: [change('shadow/variables.js', 'if (words[binding.tagAddress] !== binding.tag) return UNREGISTERED;', '')],
    scenarios: ['collect'],
  },
  {
    name: 'a sweep does not wait for an allocation that is under way',
    changes: [
      change(
        'shadow/sweep.js',
        'if (this.#targets.length > 1 || Atomics.load(words, lock) !== 0) table.unlock(table.lockIndex(index, Layout.INTENT_VISIT));',
        '',
      ),
    ],
    scenarios: ['collect'],
  },
  {
    name: 'a name goes although another variable of the string is there',
    changes: [
      change(
        'shadow/name-records.js',
        'if ((key & Layout.TYPE_SLOT_MASK) !== Layout.TYPE_SLOT_NAMES) return 0;',
        'if ((key & Layout.TYPE_SLOT_MASK) !== Layout.TYPE_SLOT_NAMES) continue;',
      ),
    ],
    scenarios: ['names'],
  },
  {
    name: 'a migration does not look under the lock whether the variable is still there',
    changes: [change('shadow/migrator.js', 'if (from === 0 || entryBlock(words, from) !== old) return AGAIN;', '')],
    scenarios: ['migrate', 'migrate-all'],
  },
  // --- What recovery needs ----------------------------------------------------------------------------------------------------------
  {
    name: 'a block leaves its list before it is noted',
    changes: [
      change(
        'memory/blocks.js',
        'hold(this.#thread, head); // step: blocks.take words[cache + Layout.CACHE_HEAD] = words[head + Layout.BLOCK_NEXT];',
        'words[cache + Layout.CACHE_HEAD] = words[head + Layout.BLOCK_NEXT]; hold(this.#thread, head);',
      ),
    ],
    scenarios: ['create', 'reuse', 'renew'],
    isOfRecovery: true,
  },
  {
    name: 'an entry is cleared before the removal is noted',
    changes: [
      without('shadow/variables.js', 'beginChange(this.thread, Layout.CHANGE_REMOVE, block, counter);'),
      change(
        'shadow/variables.js',
        'clearEntry(words, entry); // step: unlink.unlinked',
        'clearEntry(words, entry); beginChange(this.thread, Layout.CHANGE_REMOVE, block, counter);',
      ),
    ],
    scenarios: ['free'],
    isOfRecovery: true,
  },
  {
    name: 'a journal is committed before it is written',
    changes: [
      change(
        'memory/journal.js',
        'for (let i = 0; i < pairs.length; i++) words[journal + i] = pairs[i];',
        'Atomics.store(words, address + Layout.THREAD_JOURNAL_COUNT, pairs.length / 2); for (let i = 0; i < pairs.length; i++) words[journal + i] = pairs[i];',
      ),
    ],
    scenarios: ['reuse', 'create', 'leave'],
    isOfRecovery: true,
  },
  {
    name: 'a change of several words is made without a journal',
    changes: [
      change(
        'memory/journal.js',
        'Atomics.store(words, address + Layout.THREAD_JOURNAL_COUNT, pairs.length / 2);',
        'for (let i = 0; i < pairs.length; i += 2) words[pairs[i]] = pairs[i + 1];',
      ),
    ],
    scenarios: ['reuse', 'leave', 'create'],
    isOfRecovery: true,
  },
  {
    name: 'a destructor is owed only after the unlink',
    changes: [
      change('shadow/variables.js', 'if (destructor !== undefined) this.owe(block); // step: unlink.owed', ''),
      change(
        'shadow/variables.js',
        'clearEntry(words, entry); // step: unlink.unlinked',
        'clearEntry(words, entry); if (destructor !== undefined) this.owe(block);',
      ),
    ],
    scenarios: ['free'],
    isOfRecovery: true,
  },
  // --- Recovery itself --------------------------------------------------------------------------------------------------------------
  {
    name: 'recovery forgets the journal',
    changes: [without('recovery/repair.js', 'applyJournal(words, this.#address);')],
    scenarios: ['reuse', 'leave', 'create'],
    isOfRecovery: true,
  },
  {
    name: 'recovery forgets the block in hand',
    changes: [change('recovery/repair.js', 'const block = words[this.#address + Layout.THREAD_INTENT_BLOCK];', 'const block = 0;')],
    scenarios: ['create', 'free'],
    isOfRecovery: true,
  },
  {
    name: 'recovery forgets the counter of a variable that was published',
    changes: [without('recovery/repair.js', 'words[counter] = before + 1;')],
    scenarios: ['create'],
    isOfRecovery: true,
  },
  {
    name: 'recovery forgets the counter of a variable that was unlinked',
    changes: [
      change(
        'recovery/repair.js',
        'if (!dead) words[this.#counterOf(block)] = words[this.#address + Layout.THREAD_INTENT_COUNTER] - 1;',
        '',
      ),
    ],
    scenarios: ['free'],
    isOfRecovery: true,
  },
  {
    name: 'recovery forgets to release the bucket',
    changes: [
      change(
        'recovery/repair.js',
        "if (operation === 'migrate') dropLeftOvers(this.#variables, bucket); this.#release(bucket + Layout.BUCKET_LOCK);",
        '',
      ),
    ],
    scenarios: ['create', 'free'],
    isOfRecovery: true,
  },
  {
    name: 'recovery forgets the lock of a variable',
    changes: [
      change(
        'recovery/repair.js',
        'if (blockClass(this.#memory, block) > LINE_CLASS && releaseVariableFor(this.#words, this.#owner, block)) this.#released++;',
        '',
      ),
    ],
    scenarios: ['lock'],
    isOfRecovery: true,
  },
  {
    name: 'recovery does not undo an update() that was being written',
    changes: [without('recovery/repair.js', 'this.#undoUpdate();')],
    scenarios: ['lock'],
    isOfRecovery: true,
  },
  {
    name: 'recovery finishes a split that was not published',
    changes: [change('recovery/repair.js', 'const published = words[Layout.BUCKET_COUNT] > index;', 'const published = true;')],
    scenarios: ['split', 'split-insert', 'overflow'],
    isOfRecovery: true,
  },
  {
    name: 'recovery forgets what a split that was published has to clear',
    changes: [without('recovery/repair.js', 'clearMoved(words, source, bit);')],
    scenarios: ['split', 'split-insert'],
    isOfRecovery: true,
  },
  {
    name: 'recovery gives back nothing that the dead thread had',
    changes: [without('recovery/settle.js', 'variables.blocks.abandon();')],
    scenarios: ['create', 'free', 'recover'],
    isOfRecovery: true,
  },
  {
    name: 'recovery leaves what a dead thread has counted in its slot',
    changes: [without('recovery/settle.js', 'settleCounters(memory, thread);')],
    scenarios: ['create', 'free', 'recover'],
    isOfRecovery: true,
  },
  {
    name: 'recovery leaves a dead thread in its epoch',
    changes: [without('recovery/repair.js', 'Atomics.store(words, this.#address + Layout.THREAD_EPOCH, 0);')],
    scenarios: ['recover-epoch'],
    isOfRecovery: true,
  },
  {
    name: 'recovery releases a bucket before it has finished the change',
    changes: [
      change(
        'recovery/repair.js',
        "this.#placeHand(bucket); if (operation !== 'visit') this.#dropNames(bucket);",
        "this.#release(bucket + Layout.BUCKET_LOCK); this.#placeHand(bucket); if (operation !== 'visit') this.#dropNames(bucket);",
      ),
    ],
    scenarios: ['recover-insert'],
    executions: 60_000,
    isOfRecovery: true,
  },
  {
    name: 'recovery releases locks that somebody else holds',
    changes: [change('memory/lock.js', 'if (lockOwner(seen) !== owner) return false;', 'if (seen === 0) return false;')],
    scenarios: ['recover-leave'],
    executions: 60_000,
    isOfRecovery: true,
  },
  {
    name: 'recovery does not run the destructors that were owed',
    changes: [
      change(
        'recovery/settle.js',
        'destroyOwed(variables, settler, settled);',
        'for (const block of variables.owed) finishDestruction(variables.thread, variables.blocks, block);',
      ),
    ],
    scenarios: ['free'],
    isOfRecovery: true,
  },
  {
    name: 'recovery forgets names whose only variable was not created',
    changes: [change('recovery/repair.js', "if (operation !== 'visit') this.#dropNames(bucket);", '')],
    scenarios: ['names'],
    isOfRecovery: true,
  },
  {
    name: 'two threads settle one slot at once',
    changes: [
      change('recovery/recover.js', 'if (threadState(words, address) !== Layout.THREAD_DEAD) return undefined;', ''),
      change('recovery/recover.js', 'if (this.#settling || this.#isDisposed || !this.#takeSettleLock()) return reports;', ''),
    ],
    scenarios: ['recover-twice', 'recover'],
    forms: ['portable', 'strong'],
    isOfRecovery: true,
  },
  {
    name: 'two threads repair one slot at once',
    changes: [change('recovery/recover.js', 'if (seen === 0 || seen === mine) return;', 'return;')],
    scenarios: ['recover-twice', 'recover', 'free'],
    forms: ['portable', 'strong'],
    isOfRecovery: true,
  },
  // --- Live patching ----------------------------------------------------------------------------------------------------------------
  {
    name: 'a thread that switches does not say so',
    changes: [without('livepatch/running.js', 'this.#slot.note(Layout.THREAD_FLIPPING, 1);')],
    scenarios: ['flip-turn', 'flip-reverse'],
    bounds: [1, 2, 3],
  },
  {
    name: 'a thread that switches does not look whether its manifest still is the newest',
    changes: [change('livepatch/running.js', 'Atomics.load(this.#words, Layout.PATCH_EPOCH) <= manifest.epoch', 'true')],
    scenarios: ['flip-turn', 'flip-reverse'],
    bounds: [1, 2, 3],
  },
  {
    name: 'a thread looks whether its manifest still is the newest before it says that it switches',
    changes: [
      change(
        'livepatch/running.js',
        'this.#slot.note(Layout.THREAD_FLIPPING, 1); // step: flip.begun const current = Atomics.load(this.#words, Layout.PATCH_EPOCH) <= manifest.epoch;',
        'const current = Atomics.load(this.#words, Layout.PATCH_EPOCH) <= manifest.epoch; this.#slot.note(Layout.THREAD_FLIPPING, 1);',
      ),
    ],
    scenarios: ['flip-turn', 'flip-reverse'],
    bounds: [1, 2, 3],
  },
  {
    name: 'the coordinator does not look whether a thread is switching',
    changes: [change('livepatch/threads.js', 'return !agent.flipping && agent.version', 'return agent.version')],
    scenarios: ['flip-turn', 'flip-reverse'],
    bounds: [1, 2, 3],
  },
  {
    name: 'the coordinator reads the version before it reads whether the thread is switching',
    changes: [
      change(
        'livepatch/roster.js',
        'flipping: Atomics.load(words, slot + Layout.THREAD_FLIPPING) !== 0, version: Atomics.load(words, slot + Layout.THREAD_PATCH_VERSION),',
        'version: Atomics.load(words, slot + Layout.THREAD_PATCH_VERSION), flipping: Atomics.load(words, slot + Layout.THREAD_FLIPPING) !== 0,',
      ),
    ],
    scenarios: ['flip-turn', 'flip-reverse'],
    bounds: [1, 2, 3],
  },
  {
    name: 'a thread switches although tasks are in flight',
    changes: [change('livepatch/running.js', "if (others > 0) return 'tasks';", '')],
    scenarios: ['flip-task', 'flip-overlap'],
  },
  {
    name: 'a thread switches although a call of a function that changes has not ended',
    changes: [change('livepatch/running.js', "return isBusy(kept?.stack ?? stack) ? 'calls' : null;", 'return null;')],
    scenarios: ['flip-suspended'],
  },
  {
    name: 'a task does not look for a newer manifest',
    changes: [
      change('livepatch/agent.js', 'Atomics.load(this.#words, Layout.PATCH_EPOCH) !== follower.acted && !follower.isOpen()', 'false'),
    ],
    scenarios: ['flip-newcomer'],
  },
  {
    name: 'a task is not counted',
    changes: [
      change('livepatch/tasks.js', '= ++this.inFlight;', '= this.inFlight;'),
      change('livepatch/tasks.js', '= --this.inFlight;', '= this.inFlight;'),
    ],
    scenarios: ['flip-task', 'flip-overlap'],
  },
  {
    name: 'a thread that attaches admits tasks to the version it was told, although another one is ordered',
    changes: [
      change(
        'livepatch/follower.js',
        '!this.#closed && !this.#isBehind() && this.#obstacle() === null',
        '!this.#closed && this.#obstacle() === null',
      ),
      change('livepatch/follower.js', 'this.#reach(manifest); if (this.#isBehind()) {', 'this.#reach(manifest); if (false) {'),
    ],
    scenarios: ['flip-newcomer'],
  },
  {
    name: 'a thread on hold admits tasks',
    changes: [
      change(
        'livepatch/follower.js',
        'this.running.number !== Layout.PATCH_NOT_RUNNING && !this.#closed &&',
        'this.running.number !== Layout.PATCH_NOT_RUNNING &&',
      ),
    ],
    scenarios: ['flip-drain'],
  },
  {
    name: 'a thread that has switched does not wake the coordinator',
    changes: [
      change(
        'livepatch/follower.js',
        'this.#slot.note(Layout.THREAD_PATCH_EPOCH, epoch); // step: follow.reached this.#slot.wakeCoordinator();',
        'this.#slot.note(Layout.THREAD_PATCH_EPOCH, epoch);',
      ),
    ],
    scenarios: ['flip-task', 'flip-overlap'],
  },
  {
    name: 'a thread wakes the coordinator before it says what it runs',
    changes: [
      change(
        'livepatch/follower.js',
        'this.#slot.note(Layout.THREAD_PATCH_EPOCH, epoch); // step: follow.reached this.#slot.wakeCoordinator();',
        'this.#slot.note(Layout.THREAD_PATCH_EPOCH, epoch);',
      ),
      change(
        'livepatch/running.js',
        'this.#slot.note(Layout.THREAD_FLIPPING, 1);',
        'this.#slot.note(Layout.THREAD_FLIPPING, 1); this.#slot.wakeCoordinator();',
      ),
    ],
    scenarios: ['flip-task', 'flip-overlap'],
  },
  {
    name: 'a thread that leaves does not say so',
    changes: [without('livepatch/slot-words.js', 'moveCounters(null); this.note(Layout.THREAD_AGENT, 0); this.wakeCoordinator();')],
    scenarios: ['flip-leave'],
  },
  {
    name: 'the dead are waited for',
    changes: [
      without('recovery/repair.js', 'this.#leavePatches();'),
      change('livepatch/roster.js', 'if (threadState(words, address) === Layout.THREAD_LIVE) yield address;', 'yield address;'),
    ],
    scenarios: ['flip-death'],
    isOfRecovery: true,
  },
  {
    name: 'recovery leaves the agent of a dead thread in its slot',
    changes: [without('recovery/repair.js', 'this.#leavePatches();')],
    scenarios: ['flip-death', 'flip-task'],
    isOfRecovery: true,
  },
  {
    name: 'recovery forgets the tasks of a dead thread',
    changes: [without('recovery/repair.js', 'words[address + Layout.THREAD_TASKS] = 0;')],
    scenarios: ['flip-death', 'flip-task'],
    isOfRecovery: true,
  },
  // --- Where processors reorder -----------------------------------------------------------------------------------------------------
  {
    name: 'where loads come early, a miss counts although a bucket was split meanwhile',
    changes: [change('table/find.js', ': Atomics.or(words, Layout.BUCKET_COUNT, 0) === count', ': true')],
    scenarios: ['split-far', 'split'],
    forms: ['weak'],
  },
];
