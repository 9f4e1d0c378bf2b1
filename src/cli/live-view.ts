/** Owns what the live view shows of the main job. Imports the dashboard. */
import { dashboard, type Dashboard } from '../dashboard/dashboard.js';
import { ShadowError } from '../errors.js';
import type { Replay } from './replay.js';

/** Offers no patches: which come and go, and when, is what the verdict is about. @throws ERR_CLI_OPTION if the port cannot be listened on */
export async function openLiveView(replay: Replay, port: number): Promise<Dashboard> {
  try {
    return await dashboard(replay.coordinator, {
      port,
      title: 'umbra run',
      meters: [
        { name: 'requests', kind: 'rate', unit: 'requests', read: () => replay.status.requests },
        { name: 'workers on the newest version', kind: 'level', unit: `of ${replay.options.workers}`, read: () => replay.status.switched },
      ],
    });
  } catch (error) {
    if (!(error instanceof ShadowError)) throw error;
    throw new ShadowError('ERR_CLI_OPTION', error.message.replace(`${error.code}: `, '--dashboard: '), { cause: error });
  }
}
