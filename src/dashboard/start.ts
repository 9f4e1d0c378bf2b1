/**
 * Owns putting a dashboard together, and its life. Imports everything else of the server's side.
 */
import { describe, ShadowError } from '../errors.js';
import { Coordinator } from '../livepatch/coordinator.js';
import type { PatchCoordinator } from '../pool/coordinator.js';
import { Actions } from './actions.js';
import { Audience } from './audience.js';
import { Chronicle } from './chronicle.js';
import type { Dashboard, DashboardOptions } from './dashboard.js';
import { readOptions } from './options.js';
import { Sampler } from './sampler.js';
import { DashboardServer } from './server.js';

/** @throws ERR_DASHBOARD_OPTION, ERR_DASHBOARD_PORT */
export async function startDashboard(coordinator: PatchCoordinator, options: DashboardOptions): Promise<Dashboard> {
  if (!(coordinator instanceof Coordinator))
    throw new ShadowError('ERR_DASHBOARD_OPTION', `a dashboard is made for a PatchCoordinator, not for ${describe(coordinator)}`);
  const { port, token, title, meters, patches } = readOptions(options);
  const chronicle = new Chronicle(coordinator);
  const actions = new Actions(coordinator, patches, chronicle);
  const startedAt = Date.now();
  const names = meters.map(({ name, kind, unit = '' }) => ({ name, kind, unit }));
  const audience = new Audience(coordinator, chronicle, new Sampler(coordinator.store, meters), () => {
    return { title, startedAt, pid: process.pid, node: process.version, choices: actions.names, meters: names };
  });
  const server = new DashboardServer(token, actions, audience, (text) => void chronicle.add('warning', text));
  let bound: number;
  try {
    bound = await server.listen(port);
  } catch (error) {
    chronicle.close();
    throw error;
  }
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    chronicle.close();
    return (closed ??= server.close());
  };
  return {
    url: `http://127.0.0.1:${bound}/${token}/`,
    port: bound,
    note(text) {
      if (typeof text !== 'string' || text === '')
        throw new ShadowError('ERR_DASHBOARD_OPTION', `a note is ${describe(text)}; give a text`);
      chronicle.add('note', text);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
