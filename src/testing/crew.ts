/**
 * Owns the workers of a rehearsal: they are kept busy with the tasks of the workload, and can be paused, held and let go one by one, which a
 * pool would not allow. Touches no shared memory. Imports errors, patience and the protocol.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';

import { messageOf, ShadowError } from '../errors.js';
import type { StoreHandle } from '../memory/reservation.js';
import { until } from './patience.js';
import type { Call, Order, Reply, Setup } from './protocol.js';
import type { CheckedWorkload } from './workload.js';

/** A worker is gone, or did not do what it was told. */
export class CrewLost extends Error {}

/** What the crew tells. */
export interface CrewEvents {
  /** Task `n` was answered. */
  done(n: number, failure: string | null, result: unknown, calls: readonly Call[]): void;
  /** What one task has called until now, some of it after it was answered. */
  strayed(calls: readonly Call[]): void;
}

interface Member {
  readonly worker: Worker;
  readonly port: MessagePort;
  /** By serial number, the number of the task. */
  readonly inFlight: Map<number, number>;
  ready: boolean;
  completed: number;
  hold: 'none' | 'asked' | 'held';
  exited: boolean;
}

/** How long workers may take to start, ms. */
const START_MILLISECONDS = 30_000;
const FILE = new URL('../../workers/rehearsal.js', import.meta.url);

export class Crew {
  readonly #workload: CheckedWorkload;
  readonly #events: CrewEvents;
  readonly #members: readonly Member[];
  #lost: CrewLost | undefined;
  #ending = false;
  /** Tasks are given out as long as this is above 0. */
  #quota = 0;
  #next = 0;
  #serial = 0;

  private constructor(handle: StoreHandle, workload: CheckedWorkload, events: CrewEvents) {
    this.#workload = workload;
    this.#events = events;
    this.#members = Array.from({ length: workload.workers }, () => this.#start(handle));
  }

  /** @throws ERR_PATCH_LOAD when the file of the workload cannot be used */
  static async muster(handle: StoreHandle, workload: CheckedWorkload, events: CrewEvents): Promise<Crew> {
    const crew = new Crew(handle, workload, events);
    try {
      await crew.#until(
        (member) => member.ready,
        () => 'a worker did not start',
        START_MILLISECONDS,
      );
    } catch (error) {
      await crew.end();
      const why = messageOf(error);
      throw new ShadowError('ERR_PATCH_LOAD', `the workload ${workload.filename} cannot be loaded: ${why}`, { cause: error });
    }
    return crew;
  }

  /** threadIds of the workers that are held. */
  get held(): number[] {
    return this.#members.filter(({ hold }) => hold === 'held').map(({ worker }) => worker.threadId);
  }

  /** Keeps all workers busy from now on. */
  resume(): void {
    this.#quota = Infinity;
    this.#feed();
  }

  /** Resolves when no task is in flight. @throws Stall, CrewLost */
  async pause(): Promise<void> {
    this.#quota = 0;
    await this.#idle();
  }

  /** Runs each task once; the crew is paused before and afterwards. @throws Stall, CrewLost */
  async round(): Promise<void> {
    await this.pause();
    this.#next = 0;
    this.#quota = this.#workload.inputs.length;
    this.#feed();
    await this.#idle();
  }

  /** Resolves when each worker that is not held has run, from its beginning, a task given to it after this call. @throws Stall, CrewLost */
  async progress(): Promise<void> {
    if (this.#quota === 0) return;
    const goals = new Map(this.#members.map((member) => [member, member.completed + this.#workload.concurrentTasks + 1]));
    await this.#until(
      (member) => member.hold !== 'none' || member.completed >= goals.get(member)!,
      () => `a worker did not get on with its tasks; in flight: ${this.#inFlight}`,
    );
  }

  /** Keeps `count` workers from switching. @throws Stall, CrewLost */
  async hold(count: number): Promise<void> {
    for (const member of this.#members.slice(this.#members.length - count)) {
      member.hold = 'asked';
      send(member, { kind: 'hold' });
    }
    await this.#until(
      ({ hold }) => hold !== 'asked',
      () => 'a worker did not begin one more task',
    );
  }

  release(): void {
    for (const member of this.#members) {
      if (member.hold !== 'none') send(member, { kind: 'release' });
      member.hold = 'none';
    }
  }

  /** @throws CrewLost when a worker is gone */
  check(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }

  /** Ends the workers; those that do not end by themselves are terminated. @returns whether all of them did */
  async end(): Promise<boolean> {
    this.#ending = true;
    this.#quota = 0;
    this.release();
    const idle = this.#lost === undefined && this.#members.every(({ inFlight, ready }) => ready && inFlight.size === 0);
    if (idle) for (const member of this.#members) send(member, { kind: 'end' });
    const ended = await until(
      () => this.#members.every(({ exited }) => exited),
      idle ? this.#workload.timeout : 0,
      () => '',
    ).then(
      () => true,
      () => false,
    );
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
    for (const { port } of this.#members) port.close();
    return ended && this.#lost === undefined;
  }

  #start(handle: StoreHandle): Member {
    const worker = new Worker(FILE, { workerData: this.#workload.workerData, name: 'umbra rehearsal' });
    const { port1, port2 } = new MessageChannel();
    const member: Member = { worker, port: port1, inFlight: new Map(), ready: false, completed: 0, hold: 'none', exited: false };
    worker.on('error', (error: Error) => {
      this.#lose(`a worker died: ${error.message}`);
    });
    worker.once('exit', () => {
      member.exited = true;
      if (!this.#ending) this.#lose('a worker ended by itself');
    });
    port1.on('message', (reply: Reply) => {
      this.#hear(member, reply);
    });
    const { filename, exportName } = this.#workload;
    const setup: Setup = { filename, exportName, handle, port: port2 };
    worker.postMessage(setup, [port2]);
    return member;
  }

  #hear(member: Member, reply: Reply): void {
    switch (reply.kind) {
      case 'ready':
        member.ready = true;
        return;
      case 'failed':
        this.#lose(reply.message);
        return;
      case 'held':
        if (member.hold === 'asked') member.hold = 'held';
        return;
      case 'stray':
        this.#events.strayed(reply.calls);
        return;
      case 'done':
        this.#complete(member, reply);
    }
  }

  #complete(member: Member, { serial, failure, result, calls }: Extract<Reply, { kind: 'done' }>): void {
    const n = member.inFlight.get(serial)!;
    member.inFlight.delete(serial);
    member.completed++;
    this.#events.done(n, failure, result, calls);
    this.#feed();
  }

  /** One for each in turn, so that a few tasks come to all. */
  #feed(): void {
    const { inputs, concurrentTasks } = this.#workload;
    for (let depth = 0; depth < concurrentTasks; depth++) {
      for (const member of this.#members) {
        if (this.#quota === 0 || this.#lost !== undefined) return;
        if (member.inFlight.size > depth) continue;
        const n = this.#next++ % inputs.length;
        const serial = ++this.#serial;
        this.#quota--;
        member.inFlight.set(serial, n);
        send(member, { kind: 'task', serial, input: inputs[n] });
      }
    }
  }

  /** The numbers of the tasks. */
  get #inFlight(): string {
    return [...new Set(this.#members.flatMap(({ inFlight }) => [...inFlight.values()]))].join(', ');
  }

  async #idle(): Promise<void> {
    await this.#until(
      ({ inFlight }) => this.#quota === 0 && inFlight.size === 0,
      () => `tasks did not end: ${this.#inFlight}`,
    );
  }

  async #until(condition: (member: Member) => boolean, what: () => string, timeout = this.#workload.timeout): Promise<void> {
    await until(
      () => {
        this.check();
        return this.#members.every(condition);
      },
      timeout,
      () => `within ${timeout} ms ${what()}`,
    );
  }

  #lose(why: string): void {
    this.#lost ??= new CrewLost(why);
  }
}

function send(member: Member, order: Order): void {
  member.port.postMessage(order);
}
