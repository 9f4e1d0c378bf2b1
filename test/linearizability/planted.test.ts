import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, seedOf } from '../concurrency/random.js';
import { checkHistory } from './checker.js';
import { Crew } from './crew.js';
import { type History, readHistory } from './history.js';
import { createLogs, type Logs, LOG_COUNT, LOG_HEADER_WORDS, RECORD_WORDS, Word } from './log.js';
import { Kind, type Operation, Outcome } from './operations.js';
import { planRound, type RoundPlan } from './plan.js';
import { runRound } from './round.js';
import { shrink } from './shrink.js';
import { timeline } from './timeline.js';

const WORKERS = 3;
const OPERATIONS = 12_000;
const CAPACITY = 20_000;
const PLANTED = 25;
/** Longest shrunk history of one word that is wrong. */
const MOST_KEPT = 4;

const isChange = ({ kind, outcome }: Operation): boolean => kind >= Kind.ADD && kind <= Kind.WITH_LOCK && outcome === Outcome.FOUND;
const isLook = ({ kind, outcome }: Operation): boolean => kind === Kind.GET && (outcome === Outcome.FOUND || outcome === Outcome.ABSENT);

/** What is written over a record, and the record's number. */
interface Forgery {
  readonly number: number;
  readonly told: Partial<Record<'outcome' | 'instance' | 'value' | 'constructed', number>>;
}

/** Each makes of the operations at one key a lie that no order explains, at a random place, or finds none. */
const FORGERS: Readonly<Record<string, (operations: readonly Operation[], random: Random) => Forgery | undefined>> = {
  /** A look-up shows what the variable held before a change that had returned when the look-up was called. */
  'stale read'(operations, random) {
    const look = someOf(operations, random, (one) => isLook(one) && one.outcome === Outcome.FOUND);
    const change = look && operations.findLast((one) => isChange(one) && one.instance === look.instance && one.returned < look.call);
    return change && { number: look.number, told: { value: change.value } };
  },
  /** Two changes find the same value. */
  'lost update'(operations, random) {
    const second = someOf(operations, random, isChange);
    const first = second && operations.find((one) => isChange(one) && one !== second && one.instance === second.instance);
    return first && { number: second.number, told: { value: first.value } };
  },
  /** A getOrAlloc has run its constructor, though the variable was there. */
  'double constructor'(operations, random) {
    const found = someOf(operations, random, ({ kind, outcome }) => kind === Kind.GET_OR_ALLOC && outcome === Outcome.FOUND);
    return found && { number: found.number, told: random.oneIn(2) ? { constructed: 1 } : created(operations, found) };
  },
  /** A look-up shows a variable that was freed before. */
  'resurrected variable'(operations, random) {
    const look = someOf(operations, random, isLook);
    const free = look && operations.findLast(({ outcome, returned }) => outcome === Outcome.REMOVED && returned < look.call);
    return free && { number: look.number, told: { outcome: Outcome.FOUND, instance: free.instance, value: free.instance } };
  },
};

/** As if it had created a variable of its own: only where nobody has freed the one it found before it returned. */
function created(operations: readonly Operation[], found: Operation): Forgery['told'] {
  const freed = operations.find(({ outcome, instance }) => outcome === Outcome.REMOVED && instance === found.instance);
  const made = operations.find(({ number }) => number === found.instance);
  if (made === undefined || made.returned > found.call || (freed !== undefined && freed.call < found.returned)) return { constructed: 1 };
  return { outcome: Outcome.CREATED, instance: found.number, constructed: 1 };
}

function someOf(operations: readonly Operation[], random: Random, fits: (operation: Operation) => boolean): Operation | undefined {
  const fitting = operations.filter(fits);
  return fitting.length === 0 ? undefined : random.pick(fitting);
}

/** Writes over a record; returns what writes it back. */
function forge(buffers: readonly SharedArrayBuffer[], { number, told }: Forgery): () => void {
  for (const buffer of buffers) {
    const words = new Int32Array(buffer);
    const end = LOG_HEADER_WORDS + words[LOG_COUNT]! * RECORD_WORDS;
    for (let at = LOG_HEADER_WORDS; at < end; at += RECORD_WORDS) {
      if (words[at + Word.CALL] !== number || words[at + Word.KIND] === Kind.FREED) continue;
      const was = words.slice(at, at + RECORD_WORDS);
      words[at + Word.OUTCOME] = told.outcome ?? words[at + Word.OUTCOME]!;
      words[at + Word.INSTANCE] = told.instance ?? words[at + Word.INSTANCE]!;
      words[at + Word.VALUE] = told.value ?? words[at + Word.VALUE]!;
      words[at + Word.CONSTRUCTED] = told.constructed ?? words[at + Word.CONSTRUCTED]!;
      return () => words.set(was, at);
    }
  }
  throw new Error(`no record has the number ${number}`);
}

/** A round of real threads; its logs can be written over. */
async function record(seed: number): Promise<{ logs: Logs; plan: RoundPlan }> {
  const logs = createLogs(WORKERS + 1, CAPACITY);
  const crew = new Crew(WORKERS);
  const plan = planRound({ seed, workers: WORKERS, profile: 'hot' }, 0, OPERATIONS);
  try {
    await runRound(plan, crew, logs, CAPACITY);
  } finally {
    await crew.end();
  }
  return { logs, plan };
}

void test('lies in a recorded history', async (context) => {
  const random = new Random(seedOf(context));
  const { logs, plan } = await record(random.next());
  const read = (): History => readHistory(logs.buffers, plan.groups);
  const history = read();
  assert.deepEqual(checkHistory(history).violations, [], 'the history as it was recorded is linearizable');
  const keys = Array.from({ length: history.keys }, (_, key) => history.operationsAt(key));

  for (const [fault, forger] of Object.entries(FORGERS)) {
    await context.test(`each ${fault} is found at its key, and shrunk`, (forging) => {
      let planted = 0;
      for (let attempt = 0; planted < PLANTED && attempt < 20 * PLANTED; attempt++) {
        const key = random.below(history.keys);
        const forgery = forger(keys[key]!, random);
        if (forgery === undefined) continue;
        planted++;
        const restore = forge(logs.buffers, forgery);
        const forged = read();
        const { violations } = checkHistory(forged);
        assert.deepEqual(
          violations.map((violation) => violation.key),
          [key],
          JSON.stringify(forgery),
        );
        const shrunk = shrink(forged.operationsAt(key, violations[0]!.at + 1));
        const lines = timeline(shrunk, fault);
        assert.ok(shrunk.kept.length <= MOST_KEPT, lines.join('\n'));
        if (planted === 1) for (const line of lines) forging.diagnostic(line);
        restore();
      }
      assert.equal(planted, PLANTED);
    });
  }
});
