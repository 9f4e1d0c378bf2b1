/** Owns what the live page shows of the demo: meters of the service and the patches it offers. Imports how commands open such a page. */
import { openPage } from '../cli/live-view.js';
import type { Dashboard } from '../dashboard/dashboard.js';
import { CODES } from './application.js';
import type { Service } from './service.js';
import { PATCHES, type Story } from './story.js';

/** @throws ERR_CLI_OPTION if the port cannot be had */
export function openDemoPage(service: Service, story: Story, port: number): Promise<Dashboard> {
  return openPage(service.coordinator, {
    port,
    title: 'umbra demo: a bug fixed in a running service',
    meters: [
      { name: 'requests', kind: 'rate', read: () => service.answered },
      { name: 'failed requests', kind: 'level', read: () => story.failed },
      { name: 'refused (429)', kind: 'rate', read: () => service.refused },
      { name: 'live sessions', kind: 'level', read: () => story.level().sessions },
      ...CODES.map((code) => ({ name: `requests by ${code}`, kind: 'rate' as const, read: () => service.byCode[code] })),
    ],
    patches: Object.values(PATCHES),
  });
}
