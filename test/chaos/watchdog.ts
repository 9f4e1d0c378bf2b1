/**
 * Owns the watch over the main thread while it may block: if it does for too long, the process is ended with a message, since nothing inside the thread could.
 */
import { Worker } from 'node:worker_threads';

const LIMIT_MILLISECONDS = 20_000;
const HELD = 0;
const LENGTH = 1;
const TEXT = 2;
const TEXT_WORDS = 256;

const words = new Int32Array(new SharedArrayBuffer((TEXT + TEXT_WORDS) * 4));
let dog: Worker | undefined;

const BODY = `
const { workerData: words } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const { Session } = require('node:inspector');
const end = () => process.kill(process.pid, 'SIGKILL');
const watch = () => {
  for (let seen = -1; ;) {
    const woken = Atomics.wait(words, ${HELD}, seen = Atomics.load(words, ${HELD}), seen % 2 === 0 ? Infinity : ${LIMIT_MILLISECONDS});
    if (woken === 'timed-out' && Atomics.load(words, ${HELD}) === seen) break;
  }
  const text = Buffer.from(words.buffer.slice(${TEXT * 4}, ${TEXT * 4} + words[${LENGTH}])).toString();
  writeSync(2, text + ', and nothing happens for ${LIMIT_MILLISECONDS / 1000} s\\n');
};
watch();
const session = new Session();
session.connectToMainThread();
session.on('Debugger.paused', ({ params }) => {
  for (const { functionName, url, location } of params.callFrames) writeSync(2, '  at ' + functionName + ' (' + url + ':' + (location.lineNumber + 1) + ')\\n');
  end();
});
session.post('Debugger.enable');
session.post('Debugger.pause');
setTimeout(end, 2000);`;

/** Runs `act`, in which the main thread may block; `what` says what that is. */
export function watched<R>(what: string, act: () => R): R {
  if (dog === undefined) {
    dog = new Worker(BODY, { eval: true, workerData: words });
    dog.unref();
  }
  const bytes = new TextEncoder().encode(what).subarray(0, TEXT_WORDS * 4);
  new Uint8Array(words.buffer, TEXT * 4, bytes.length).set(bytes);
  words[LENGTH] = bytes.length;
  turn();
  try {
    return act();
  } finally {
    turn();
  }
}

function turn(): void {
  Atomics.add(words, HELD, 1);
  Atomics.notify(words, HELD);
}
