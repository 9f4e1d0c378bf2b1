/**
 * Owns the temporary files beside a snapshot: each attempt writes to a name of its own in the same directory, and what attempts that died have left is
 * removed by the next one. Touches no shared memory; imports nothing.
 *
 * A name tells the process and a random number. It is stale if that process is gone, if it is older than this process although it has its number, or if
 * nobody has written to it for an hour.
 */
import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const SUFFIX = '.umbra-tmp';
const ABANDONED_MILLISECONDS = 3_600_000;
/** Clocks of file systems are coarse. */
const SLACK_MILLISECONDS = 5000;

export function temporaryName(file: string): string {
  return join(dirname(file), `${basename(file)}.${process.pid}-${randomBytes(6).toString('hex')}${SUFFIX}`);
}

/** Removes what attempts at this file have left that nobody is at any more. Failing to is no failure of the snapshot. */
export async function removeStale(file: string): Promise<void> {
  const directory = dirname(file);
  const prefix = `${basename(file)}.`;
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.startsWith(prefix) || !name.endsWith(SUFFIX)) continue;
    const matched = /^(\d+)-[0-9a-f]{12}$/.exec(name.slice(prefix.length, -SUFFIX.length));
    if (matched === null) continue;
    const path = join(directory, name);
    const written = await stat(path).catch(() => undefined);
    if (written !== undefined && isStale(Number(matched[1]), written.mtimeMs)) await rm(path, { force: true }).catch(() => undefined);
  }
}

function isStale(pid: number, writtenAt: number): boolean {
  if (Date.now() - writtenAt > ABANDONED_MILLISECONDS) return true;
  if (pid === process.pid) return writtenAt < Date.now() - process.uptime() * 1000 - SLACK_MILLISECONDS;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'; // EPERM: it is somebody else's, and alive
  }
}
