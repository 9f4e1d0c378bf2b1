/** Runs `umbra demo` the way a person does: the bin, its streams, its exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { DemoResult } from '../../src/demo/result.js';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `onLine` is told each line for a person when it comes, from whichever stream. */
export async function demo(line: string, onLine: (line: string, child: ChildProcess) => void = () => undefined): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, 'demo', ...line.split(' ')], { stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { out: '', err: '' };
  for (const name of ['out', 'err'] as const) {
    let rest = '';
    child[name === 'out' ? 'stdout' : 'stderr'].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const whole of lines) onLine(whole, child);
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...texts };
}

export function resultIn({ out, err }: Ended): DemoResult {
  try {
    return JSON.parse(out) as DemoResult;
  } catch (cause) {
    throw new Error(`standard output is no JSON:\n${out}\n${err}`, { cause });
  }
}
