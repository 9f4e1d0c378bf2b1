/** What the tests of the commands share: the real bin in a child process, and a snapshot with a variable of each kind of field. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { bytes, string } from '../../src/shadow/fields.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';

export const BIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `umbra` with these arguments, neither of its streams a terminal. */
export async function umbra(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const env = { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, ...environment };
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

export const everything = defineShadowType({
  id: 0x11,
  fields: {
    small: 'i8',
    octet: 'u8',
    short: 'i16',
    word: 'u16',
    int: 'i32',
    count: 'u32',
    single: 'f32',
    total: 'f64',
    signed: 'i64',
    unsigned: 'u64',
    name: string(20),
    raw: bytes(5),
  },
});

const raw = defineShadowType({ id: 7, size: 12 });

/** Kept, since the variables of a parent that is garbage go with it. */
const PARENT = {};

/** Writes a snapshot and returns the store that it is of. 300 variables on numbers, one each on a string, on null, and on an object. */
export async function writeSnapshot(file: string): Promise<ShadowStore> {
  const store = ShadowStore.create({ maxBytes: 2 ** 22, types: [everything, raw] });
  for (const parent of [...Array.from({ length: 300 }, (_, i) => i), 'session-81', '17', null, PARENT]) {
    const view = store.alloc(parent, everything);
    const seed = typeof parent === 'number' ? parent : 5;
    view.small = -(seed % 100);
    view.octet = seed % 256;
    view.short = -seed;
    view.word = seed;
    view.int = -seed * 1000;
    view.count = 4_000_000_000 + seed;
    view.single = seed / 2;
    view.total = seed === 3 ? NaN : seed / 3;
    view.signed = -(2n ** 60n) - BigInt(seed);
    view.unsigned = 2n ** 63n + BigInt(seed);
    view.name = `näme "${seed}"\u001b[31m`;
    view.raw = new Uint8Array([seed % 256, 2, 3, 4, 255]);
  }
  store.alloc('session-81', raw).setBytes(new Uint8Array([9, 8, 7]));
  await store.snapshot(file);
  return store;
}
