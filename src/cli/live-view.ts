/** Owns how commands open their live view. Imports the dashboard. */
import { dashboard, type Dashboard, type DashboardOptions } from '../dashboard/dashboard.js';
import { ShadowError } from '../errors.js';
import type { PatchCoordinator } from '../pool/coordinator.js';
import type { Replay } from './replay.js';

/** A port that cannot be had is a matter of the command line. @throws ERR_CLI_OPTION */
export async function openPage(coordinator: PatchCoordinator, options: DashboardOptions): Promise<Dashboard> {
  try {
    return await dashboard(coordinator, options);
  } catch (error) {
    if (!(error instanceof ShadowError) || error.code !== 'ERR_DASHBOARD_PORT') throw error;
    throw new ShadowError('ERR_CLI_OPTION', error.message.replace(`${error.code}: `, '--dashboard: '), { cause: error });
  }
}

/** That of the main job. Offers no patches: which come and go, and when, is what the verdict is about. @throws ERR_CLI_OPTION */
export function openLiveView(replay: Replay, port: number): Promise<Dashboard> {
  return openPage(replay.coordinator, {
    port,
    title: 'umbra run',
    meters: [
      { name: 'requests', kind: 'rate', unit: 'requests', read: () => replay.status.requests },
      { name: 'workers on the newest version', kind: 'level', unit: `of ${replay.options.workers}`, read: () => replay.status.switched },
    ],
  });
}
