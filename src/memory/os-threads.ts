/**
 * Owns what the operating system says about threads: who this one is, and whether another one still exists. On Linux a thread of this process is a folder
 * in /proc/self/task that vanishes with it; elsewhere nothing is known, and the exit event alone tells of a death. Touches no shared memory; imports nothing.
 */
import { existsSync, readFileSync, readlinkSync } from 'node:fs';

/** How the operating system knows a thread. */
export interface OsThread {
  /** 0 = unknown. */
  readonly id: number;
  /** When it started, in clock ticks since boot: tells a reused id apart. A low half of 0 = unknown. */
  readonly startLow: number;
  readonly startHigh: number;
}

const UNKNOWN: OsThread = { id: 0, startLow: 0, startHigh: 0 };

let own: OsThread | undefined;

/** This thread. */
export function ownOsThread(): OsThread {
  return (own ??= identify());
}

/** Whether the thread certainly exists no more. */
export function isGone(id: number, startLow: number, startHigh: number): boolean {
  if (id === 0 || ownOsThread().id === 0) return false;
  // Neither a look without a file descriptor nor one that finds ourselves missing may pass for a death.
  if (!existsSync(folderOf(id))) return existsSync(folderOf(ownOsThread().id)) && !existsSync(folderOf(id));
  if (startLow === 0) return false;
  const start = startOf(folderOf(id));
  return start !== undefined && (start.low !== startLow || start.high !== startHigh);
}

function identify(): OsThread {
  if (process.platform !== 'linux') return UNKNOWN;
  try {
    const id = Number(readlinkSync('/proc/thread-self').split('/').pop());
    const start = startOf('/proc/thread-self');
    if (!Number.isInteger(id) || id <= 0 || start === undefined || !existsSync(folderOf(id))) return UNKNOWN;
    return { id, startLow: start.low, startHigh: start.high };
  } catch {
    return UNKNOWN;
  }
}

/** Undefined if it cannot be read at this moment. */
function startOf(folder: string): { readonly low: number; readonly high: number } | undefined {
  try {
    const stat = readFileSync(`${folder}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold spaces, so counting starts behind it: start time is field 22.
    const field = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    if (!/^[1-9]\d*$/.test(field)) return undefined; // cut short: it tells nothing
    const ticks = BigInt(field);
    return { low: Number(BigInt.asIntN(32, ticks)), high: Number(BigInt.asIntN(32, ticks >> 32n)) };
  } catch {
    return undefined;
  }
}

function folderOf(id: number): string {
  return `/proc/self/task/${id}`;
}
