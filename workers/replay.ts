/**
 * The worker of the main job: the application's request function, which patches replace, and the task that runs a range of the input
 * through it.
 *
 * A task is asynchronous and pauses between pieces, so that several overlap in one thread; all its requests have to be handled by one
 * version.
 */

import { setImmediate as pause } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { messageOf } from '../src/errors.js';
import { account, type Handle, type Request } from '../src/cli/application.js';
import { bucketOf } from '../src/cli/histogram.js';
import { forEachAccess, WRITE } from '../src/cli/input.js';
import type { Failure, Job, Report, Segment, WorkerSetup } from '../src/cli/job.js';
import { Ledger, openLedger } from '../src/cli/ledger.js';
import { attach, currentVersion, patchable, task } from '../src/worker.js';
import { outlastTransition, plant } from './sabotage.js';

/** Requests between two pauses of a task. */
const PIECE = 128;

const { input, ledger: ledgerHandle, strayObject } = workerData as WorkerSetup;
const books = openLedger(Ledger.attach(ledgerHandle));
const { histogram } = books;
const { store } = attach();
const accounts = store.cursor(account);

const requests = patchable('requests', {
  handle: ((_store, request) => {
    if (!accounts.find(request.object)) {
      store.getOrAlloc(request.object, account);
      accounts.find(request.object);
    }
    books.verify(account.id, request.object, accounts);
    accounts.add(request.write ? 'writes' : 'reads', 1);
    accounts.add('bytes', BigInt(request.bytes));
    request.handledBy = 0;
  }) satisfies Handle,
});

/** One task on its way. */
class Run {
  readonly segments: Segment[] = [];
  failure: Failure | undefined;
  private readonly job: Job;
  private readonly request: Request = { object: 0, write: false, bytes: 0, handledBy: -1 };
  private segment: Segment = { from: 0, to: 0, handledBy: -1, phase: 0, accesses: 0, bytes: 0 };
  private position: number;

  constructor(job: Job) {
    this.job = job;
    this.position = job.from;
  }

  get done(): boolean {
    return this.failure !== undefined || this.position === this.job.to;
  }

  /** Handles the next `count` requests, without a pause. */
  piece(count: number): void {
    const end = Math.min(this.position + count, this.job.to);
    let before = performance.now();
    try {
      while (this.position < end) {
        forEachAccess(input, this.position, this.position + 1, this.access);
        this.segment.to = ++this.position;
        const after = performance.now();
        histogram[bucketOf((after - before) * 1e6)]! += 1;
        before = after;
      }
    } catch (error) {
      this.failure = { position: this.position, message: messageOf(error) };
    }
  }

  private readonly access = (index: number, write: boolean, bytes: number): void => {
    const { request } = this;
    request.object = input.objects[index]!;
    request.write = write;
    request.bytes = bytes;
    requests.handle(store, request);
    if (request.handledBy !== this.segment.handledBy) this.turn();
    this.segment.accesses++;
    this.segment.bytes += bytes;
  };

  /** Another version than before has handled the current request: the task's first one, or a fault. */
  private turn(): void {
    this.segment = { from: this.position, to: this.position, handledBy: this.request.handledBy, phase: books.phase, accesses: 0, bytes: 0 };
    this.segments.push(this.segment);
  }
}

async function run(job: Job, pieceSize: number, between: () => Promise<void>): Promise<Report> {
  const version = currentVersion();
  const first = { store, object: input.objects[input.indexes[job.from]!]!, write: input.operations[job.from] === WRITE, strayObject };
  const finishFault = job.sabotage === undefined ? undefined : plant(job.sabotage, first);
  const current = new Run(job);
  for (;;) {
    current.piece(pieceSize);
    if (current.done) break;
    await between();
  }
  finishFault?.();
  return { segments: current.segments, versions: [version, currentVersion()], findings: books.faults.drain(), failure: current.failure };
}

export default task((job: Job) => run(job, PIECE, () => pause()));

/** Not a task: goes around the gate, for --sabotage mixed-version. */
export function ungated(job: Job): Promise<Report> {
  return run(job, Math.ceil((job.to - job.from) / 2), () => outlastTransition(books));
}
