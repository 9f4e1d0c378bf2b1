/**
 * A process that kills threads at protocol steps, one job after another as the messages of its parent say: several processes use several processors, since much
 * of what is looked at can only be seen from a main thread. Runs from a chaos build, whose steps it is told of by its arguments.
 */
import { operationNamed } from './catalogue.js';
import type { Answer, Job } from './jobs.js';
import { patchOperationNamed } from './operations-patch.js';
import { PatchLane, sailors } from './patch-kills.js';
import { type Lane, type Pair, StepKills } from './step-kills.js';

/** A job and its number. */
export interface Request {
  readonly number: number;
  readonly job: Job;
}

export interface Reply {
  readonly number: number;
  readonly answer: Answer;
}

const kills = new StepKills(JSON.parse(process.argv[2]!) as readonly string[]);
/** Started when the first operation on patches is to be done. */
let voyages: PatchLane | undefined;
/** Those that are not at work. */
const lanes: Lane[] = [];
/** What was found out about each operation. */
const recorded = new Map<string, Promise<Pair[]>>();

async function pairsOf(lane: Lane, name: string): Promise<Pair[]> {
  let pairs = recorded.get(name);
  if (pairs === undefined) recorded.set(name, (pairs = lane.record(operationNamed(name))));
  return pairs;
}

async function answer(lane: Lane, job: Job): Promise<Answer> {
  const onPatches = patchOperationNamed(job.operation);
  if (onPatches !== undefined) {
    voyages ??= new PatchLane(sailors());
    if (job.kind === 'record') return { hits: await voyages.record(onPatches), wrongs: [] };
    return { hits: [], wrongs: await voyages.kill(onPatches, job) };
  }
  const pairs = await pairsOf(lane, job.operation);
  if (job.kind === 'record') return { hits: pairs.map(({ step, hits }) => [step, hits] as const), wrongs: [] };
  const pair = pairs.find(({ step }) => step === job.step);
  if (pair === undefined) return { hits: [], wrongs: ['the operation does not come by the step any more'] };
  const { hit, role, news, fate } = job;
  const { wrongs } = await lane.kill({ pair, hit, role, news, fate });
  return { hits: [], wrongs };
}

process.on('message', ({ number, job }: Request) => {
  const lane = lanes.pop() ?? kills.lane();
  const told = answer(lane, job).catch((error: unknown): Answer => ({
    hits: [],
    wrongs: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
  }));
  void told.then((found) => {
    lanes.push(lane);
    process.send?.({ number, answer: found } satisfies Reply);
  });
});
process.on('disconnect', () => {
  process.exit();
});
