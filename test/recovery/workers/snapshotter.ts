/**
 * A process that snapshots a small store to a file and dies on the way: `file value step` kills it before its step-th operation on files, and says after the
 * last one how many there were; with a step of −1 it goes on for ever.
 */
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

import { ShadowStore } from '../../../src/shadow/store.js';
import { counted } from '../fixtures/counted.js';

const [file, value, step] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
let operations = 0;

type Method = (this: unknown, ...args: unknown[]) => Promise<unknown>;

/** Counts the calls of a method, and dies instead of the one it is to die at. */
function intercept(target: Record<string, Method>, name: string, afterwards: (result: unknown) => void = () => undefined): void {
  const original = target[name]!;
  target[name] = async function (...args) {
    if (operations++ === step) process.kill(process.pid, 'SIGKILL');
    const result = await original.apply(this, args);
    afterwards(result);
    return result;
  };
}

let handles = false;
for (const name of ['readdir', 'stat', 'rename', 'rm']) intercept(fs as unknown as Record<string, Method>, name);
intercept(fs as unknown as Record<string, Method>, 'open', (handle) => {
  if (handles) return;
  handles = true;
  for (const name of ['write', 'sync', 'close']) intercept(Object.getPrototypeOf(handle) as Record<string, Method>, name);
});
syncBuiltinESMExports();

const store = ShadowStore.create({ maxBytes: 2 ** 20, maxThreads: 2, types: [counted] });
for (let object = 0; object < 100; object++) store.alloc(object, counted).value = value;
do {
  await store.snapshot(file);
} while (step === -1);
process.stdout.write(String(operations));
