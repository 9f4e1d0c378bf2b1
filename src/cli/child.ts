/**
 * Owns commands that are programs of their own: a child process with the same streams, to which signals are passed on. `src` imports nothing of bench and test,
 * so these are run, not loaded. Touches the process's signals; imports nothing.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** What a shell adds to the number of a signal. */
const SIGNALLED = 128;

/** Runs a module with these arguments to its end; its exit code, or the one a shell gives for the signal it died of. */
export async function runChild(module: URL, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<number> {
  const command = [...process.execArgv, fileURLToPath(module), ...args];
  const child = spawn(process.execPath, command, { stdio: 'inherit', env: { ...process.env, ...environment } });
  const passOn = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of PASSED_ON) process.on(signal, passOn);
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return code ?? SIGNALLED + constants.signals[signal!];
  } finally {
    for (const signal of PASSED_ON) process.off(signal, passOn);
  }
}
