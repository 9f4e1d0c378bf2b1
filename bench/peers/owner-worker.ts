/**
 * The worker that owns the Map of owner.ts and answers what comes through the ports it is given.
 */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { createFilledMap, type Tally } from '../subjects.js';
import { ANSWER_WIDTH, REQUEST_WIDTH, type OwnerRequest } from './owner.js';

const map = createFilledMap(workerData as readonly number[]);

parentPort?.on('message', (port: MessagePort) => {
  port.on('message', (request: OwnerRequest) => port.postMessage(answer(request)));
});
parentPort?.postMessage('filled');

function answer(request: OwnerRequest): Tally | undefined | Float64Array {
  if (typeof request === 'number') return map.get(request);
  if (request instanceof Float64Array) return answerBatch(request);
  map.set(request[0], { reads: request[1], writes: request[2], total: request[3] });
  return undefined;
}

function answerBatch(requests: Float64Array): Float64Array {
  const count = requests.length / REQUEST_WIDTH;
  const answers = new Float64Array(count * ANSWER_WIDTH);
  for (let i = 0; i < count; i++) {
    const at = i * REQUEST_WIDTH;
    const key = requests[at]!;
    if (key < 0) map.set(-1 - key, { reads: requests[at + 1]!, writes: requests[at + 2]!, total: requests[at + 3]! });
    else writeAnswer(answers, i * ANSWER_WIDTH, map.get(key));
  }
  return answers;
}

function writeAnswer(answers: Float64Array, at: number, found: Tally | undefined): void {
  if (found === undefined) return;
  answers[at] = found.reads;
  answers[at + 1] = found.writes;
  answers[at + 2] = found.total;
}
