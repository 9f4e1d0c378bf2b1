/** A program of somebody who has installed the package: uses every entry point. Compiled there by the tests, never run. */
import { defineShadowType, PatchCoordinator, ShadowStore, type StoreStats } from 'umbra';
import { observeMetrics } from 'umbra/opentelemetry';
import { collectMetrics } from 'umbra/prometheus';
import { formatRehearsal, rehearse } from 'umbra/testing';
import { attach, definePatch, patchable, task, withOriginal } from 'umbra/worker';

const usage = defineShadowType({ id: 1, fields: { count: 'u32', total: 'f64', bytes: 'u64' } });
const { price } = patchable('shop', { price: (amount: number) => amount });

/** The main thread's part. */
export async function main(): Promise<string> {
  const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [usage] });
  const view = store.getOrAlloc('a name', usage);
  const before: number = view.add('count', 1);
  const bytes: bigint = view.bytes;
  const cursor = store.cursor(usage);
  if (cursor.find('a name')) cursor.total += before;
  const coordinator = new PatchCoordinator(store);
  const forget: readonly (() => void)[] = [collectMetrics(coordinator), observeMetrics(store)];
  const pool = coordinator.createPool<number, string>({ filename: new URL('worker.js', import.meta.url).href });
  const { workers } = await coordinator.enable(new URL('patch.js', import.meta.url), { timeout: 1000 });
  const stats: StoreStats = store.stats();
  const answer = await pool.run(1);
  for (const end of forget) end();
  await coordinator.close();
  return `${answer} ${workers} ${stats.live} ${bytes}`;
}

/** The worker's part. */
export const work = task((amount: number) => price(amount) + attach().store.stats().live);

/** A patch. */
export const patch = definePatch({
  name: 'discount',
  objects: [
    {
      name: 'shop',
      functions: { price: withOriginal((original: (amount: number) => number) => (amount: number) => original(amount) * 0.9) },
    },
  ],
});

/** A test of it. */
export async function check(): Promise<string> {
  return formatRehearsal(
    await rehearse([new URL('patch.js', import.meta.url)], { filename: new URL('worker.js', import.meta.url), task: (n) => n }),
  );
}
