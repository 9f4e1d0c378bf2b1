/**
 * Owns the public face of the live view: one page, served to this machine only, that shows what a coordinator and its store do. The server and all that it
 * needs is imported when somebody asks for it, so that whoever does not has nothing of it in memory. Imports types, and lazily start.
 */
import type { TransitionOptions } from '../livepatch/deadline.js';
import type { PatchSource } from '../livepatch/loader.js';
import type { PatchCoordinator } from '../pool/coordinator.js';

export interface DashboardOptions {
  /** Where to listen on 127.0.0.1; 0 = any free port, the default. */
  readonly port?: number;
  /** What every address of the page begins with, 16 to 128 letters, digits, - and _. Default: random, and another one each time. */
  readonly token?: string;
  /** Heading of the page, 1 to 80 characters. */
  readonly title?: string;
  /** Numbers of the application's own, at most 16. */
  readonly meters?: readonly Meter[];
  /** What can be enabled from the page, at most 64. Whoever has the token can disable, reverse and force what they see there in any case. */
  readonly patches?: readonly PatchChoice[];
}

/** A number of the application's own that the page shows. */
export interface Meter {
  /** 1 to 40 characters. */
  readonly name: string;
  /** rate: `read()` counts up, and the page shows it per second; level: shown as it is. */
  readonly kind: 'rate' | 'level';
  /** Behind the number; of a rate without the "per second". */
  readonly unit?: string;
  /** Called once a second while a page is open; quick, and must not throw. */
  read(): number;
}

/** A patch that the page offers to enable; nothing else can be enabled from it. */
export interface PatchChoice {
  /** The patch's own name, by which the page knows that it is enabled already. */
  readonly name: string;
  readonly source: PatchSource;
  /** What `coordinator.enable()` takes. */
  readonly options?: TransitionOptions;
}

export interface Dashboard {
  /** With the token: whoever has it may do all that the page can. */
  readonly url: string;
  readonly port: number;
  /** Puts a line of the application's own among the events. */
  note(text: string): void;
  /** Ends every connection and stops listening. What was asked for from the page goes on. */
  close(): Promise<void>;
  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Serves the live view of a coordinator on 127.0.0.1. While no page is open nothing is read or timed; nor does it keep the process alive.
 * @throws rejects with ERR_DASHBOARD_OPTION, ERR_DASHBOARD_PORT
 *
 * @example
 * const view = await dashboard(coordinator, { port: 9090 });
 * console.log(view.url);
 */
export async function dashboard(coordinator: PatchCoordinator, options: DashboardOptions = {}): Promise<Dashboard> {
  const { startDashboard } = await import('./start.js');
  return startDashboard(coordinator, options);
}
