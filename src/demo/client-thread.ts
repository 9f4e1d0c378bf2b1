/** Owns the thread in which the clients run, on behalf of the thread that serves them. Imports the types of load and tally. */
import { Worker } from 'node:worker_threads';

import type { LoadOptions } from './load.js';
import type { Report } from './tally.js';

/** To the thread: another phase begins, in which the service runs this version; or no more requests. */
export type LoadOrder = { readonly version: number } | 'stop';

export interface LoadProgress {
  readonly sent: number;
  readonly served: number;
  readonly refused: number;
  readonly failed: number;
}

/** From the thread. */
export type LoadMessage = ({ readonly kind: 'progress' } & LoadProgress) | { readonly kind: 'report'; readonly report: Report };

const FILE = new URL('../../workers/demo-load.js', import.meta.url);

export class ClientThread {
  /** As the thread said last. */
  progress: LoadProgress = { sent: 0, served: 0, refused: 0, failed: 0 };
  readonly #worker: Worker;
  readonly #report: Promise<Report>;
  readonly #gone: Promise<void>;

  constructor(options: LoadOptions) {
    this.#worker = new Worker(FILE, { workerData: options });
    this.#report = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: LoadMessage) => {
        if (message.kind === 'report') resolve(message.report);
        else this.progress = message;
      });
      this.#worker.on('error', reject);
      this.#worker.on('exit', () => reject(new Error('the thread of the clients ended before it said what they got')));
    });
    this.#gone = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    this.#report.catch(() => undefined); // whoever asks for it is told
  }

  /** Requests from now on are of another phase. */
  phase(version: number): void {
    this.#order({ version });
  }

  /** Ends the requests, and gives what became of them. */
  async stop(): Promise<Report> {
    this.#order('stop');
    const report = await this.#report;
    await this.#gone;
    return report;
  }

  /** At once, whatever is under way. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #order(order: LoadOrder): void {
    this.#worker.postMessage(order);
  }
}
