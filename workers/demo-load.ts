/** The thread of the clients of `umbra demo`: starts their requests, says every quarter of a second how it goes, and in the end what they got. */
import { parentPort, workerData } from 'node:worker_threads';

import type { LoadMessage, LoadOrder } from '../src/demo/client-thread.js';
import { Load, type LoadOptions } from '../src/demo/load.js';

const PROGRESS_MILLISECONDS = 250;

const port = parentPort!;
const load = new Load(workerData as LoadOptions);
const say = (message: LoadMessage): void => port.postMessage(message);

port.on('message', (order: LoadOrder) => {
  if (order === 'stop') load.stop();
  else load.tally.begin(performance.now(), order.version);
});
const progress = setInterval(() => {
  const { sent, served, refused, failed } = load.tally;
  say({ kind: 'progress', sent, served, refused, failed });
}, PROGRESS_MILLISECONDS);

await load.ended;
clearInterval(progress);
say({ kind: 'report', report: load.tally.report });
port.close();
