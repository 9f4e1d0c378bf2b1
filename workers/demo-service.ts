/**
 * The shop of `umbra demo`, run by the workers of a pool: what happens to one request. It has two bugs, which patches mend while it runs.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import {
  addToBasket,
  type Admit,
  type Answer,
  type Code,
  type Job,
  keepBooks,
  type Request,
  type Save,
  session,
  type Tidy,
  type Touch,
} from '../src/demo/application.js';
import { attach, currentVersion, patchable, task } from '../src/worker.js';

const { store } = attach();
keepBooks(store);

const requests = patchable('requests', {
  admit: ((request) => {
    request.handledBy = 'service';
    return true; // One bug: a client that hammers gets everything.
  }) satisfies Admit,
});

const sessions = patchable('sessions', {
  touch: ((request) => {
    request.handledBy = 'service';
    return store.getOrAlloc(request.session, session).add('hits', 1) + 1;
  }) satisfies Touch,

  save: ((request) => {
    request.handledBy = 'service';
    addToBasket(store, request);
  }) satisfies Save,

  // The other bug: there is a setting for how long a session lives, and nobody looks at it.
  tidy: ((_idleMilliseconds) => Promise.resolve(0)) satisfies Tidy,
});

/** Between two patched functions the request waits, as for a database: a task that changed its code on the way would show it. */
const LEAST_WAIT_MILLISECONDS = 2;
const WAIT_MILLISECONDS = 8;

async function handle(job: Job, wait: () => Promise<unknown>): Promise<Answer | number> {
  if (job.kind === 'tidy') return sessions.tidy(job.idleMilliseconds);
  const begun = currentVersion();
  const code: Code[] = [];
  const request: Request = { session: job.session, item: job.item, handledBy: 'service' };
  const admitted = requests.admit(request);
  code.push(request.handledBy);
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- a patch may say no
  if (!admitted) return { status: 429, hits: 0, versions: [begun, currentVersion()], code };
  const hits = sessions.touch(request);
  code.push(request.handledBy);
  await wait();
  sessions.save(request);
  code.push(request.handledBy);
  if (job.sabotage === 'lost') loseHit(job.session);
  return { status: 200, hits, versions: [begun, currentVersion()], code };
}

export default task((job: Job) => handle(job, () => sleep(LEAST_WAIT_MILLISECONDS + Math.random() * WAIT_MILLISECONDS)), {
  name: 'request',
});

/** How long the planted request waits for a switch that it must not see. */
const PATIENCE_MILLISECONDS = 10_000;

/** Not a task: goes around the gate and waits until the code has changed under it, for --sabotage mixed. */
export function ungated(job: Job): Promise<Answer | number> {
  return handle(job, async () => {
    const begun = currentVersion();
    const deadline = performance.now() + PATIENCE_MILLISECONDS;
    while (currentVersion() === begun && performance.now() < deadline) await sleep(1);
  });
}

/** A request that was answered and is not counted any more, for --sabotage lost. */
function loseHit(id: string): void {
  const view = store.get(id, session);
  if (view !== undefined) view.hits -= 1;
}
