/**
 * Owns the processes among which the jobs of a pass are divided: each works on a few at once and gets the next one when it has answered. A process that dies of its
 * jobs has found something, and another one takes its place. Imports jobs.
 */
import { type ChildProcess, fork } from 'node:child_process';

import type { Answer, Job } from './jobs.js';
import type { Reply, Request } from './step-child.js';

/** Jobs that one process works on at the same time: while threads start and die there, others can be looked at. */
const LANES = 3;

interface Outstanding {
  readonly job: Job;
  readonly resolve: (answer: Answer) => void;
}

export class Children {
  readonly #file: string;
  readonly #args: readonly string[];
  readonly #processes = new Map<ChildProcess, Map<number, Outstanding>>();
  #closing = false;
  #jobs = 0;

  constructor(file: string, args: readonly string[], count: number) {
    this.#file = file;
    this.#args = args;
    for (let i = 0; i < count; i++) this.#start();
  }

  /** Has all jobs done. `told` is called with each answer as it comes; false from it: no more jobs are begun. */
  async run(jobs: Iterable<Job>, told: (job: Job, answer: Answer) => boolean): Promise<void> {
    const next = jobs[Symbol.iterator]();
    let goesOn = true;
    const lane = async (child: () => ChildProcess): Promise<void> => {
      for (let job = next.next(); goesOn && job.done !== true; job = next.next()) {
        if (!told(job.value, await this.#ask(child(), job.value))) goesOn = false;
      }
    };
    const lanes: Promise<void>[] = [];
    for (let i = 0; i < this.#processes.size * LANES; i++) {
      lanes.push(lane(() => [...this.#processes.keys()][Math.floor(i / LANES)]!));
    }
    await Promise.all(lanes);
  }

  close(): void {
    this.#closing = true;
    for (const child of this.#processes.keys()) child.disconnect();
  }

  #ask(child: ChildProcess, job: Job): Promise<Answer> {
    return new Promise((resolve) => {
      const number = ++this.#jobs;
      this.#processes.get(child)!.set(number, { job, resolve });
      child.send({ number, job } satisfies Request);
    });
  }

  #start(): void {
    const child = fork(this.#file, this.#args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const outstanding = new Map<number, Outstanding>();
    this.#processes.set(child, outstanding);
    child.on('message', ({ number, answer }: Reply) => {
      outstanding.get(number)?.resolve(answer);
      outstanding.delete(number);
    });
    child.once('exit', (code, signal) => {
      this.#processes.delete(child);
      if (this.#closing) return;
      this.#start();
      for (const { resolve } of outstanding.values())
        resolve({ hits: [], wrongs: [`the process that was at it and ${outstanding.size - 1} others ended with ${signal ?? code}`] });
    });
  }
}
