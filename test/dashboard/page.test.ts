import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

import { dashboard, type DashboardOptions } from '../../src/dashboard/dashboard.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { createPool, hold, patch, until } from '../livepatch/fixtures/setup.js';
import { scratch } from '../livepatch/fixtures/scratch.js';
import { launchBrowser } from './browser.js';
import { contrastsOf } from './fixtures/contrast.js';
import { stage, type Stage } from './fixtures/stage.js';

const PHONE = { width: 360, height: 740 };
const TOKEN = 'a-token-of-some-length';

let browser: Browser | undefined;

before(async () => {
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
});

interface Scene extends Stage {
  readonly page: Page;
}

/** A dashboard with its page open. Whatever the page complains of but for what is `expected`, or asks of anybody else, fails the test. */
async function open(
  t: TestContext,
  options: DashboardOptions = {},
  context: BrowserContextOptions = {},
  expected = /^$/,
): Promise<Scene | null> {
  if (browser === undefined) {
    t.skip('no Chromium here; name one in CHROMIUM_PATH');
    return null;
  }
  const opened = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 900 }, ...context });
  const complaints: string[] = [];
  t.after(async () => {
    await opened.close(); // before the dashboard ends, of which it would complain
    assert.deepEqual(
      complaints.filter((complaint) => !expected.test(complaint)),
      [],
    );
  });
  const staged = await stage(t, options);
  const page = await opened.newPage();
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(staged.view.url)) complaints.push(`asked ${request.url()}`);
  });
  await page.goto(staged.view.url);
  await page.locator('#link[data-state=live]').waitFor();
  await page.locator('#tile-live').waitFor();
  return { ...staged, page };
}

const value = async (page: Page, tile: string): Promise<number> => Number(await page.locator(`#tile-${tile} data`).getAttribute('value'));

test('the page shows what store.stats() says', async (t) => {
  const scene = await open(t, { title: 'Numbers', meters: [{ name: 'orders', kind: 'level', unit: 'open', read: () => 42 }] });
  if (scene === null) return;
  const { store, page } = scene;
  for (let obj = 0; obj < 12_345; obj++) store.alloc(obj, scratch);
  for (let obj = 0; obj < 345; obj++) store.free(obj, scratch);
  await page.locator('#tile-live data[value="12000"]').waitFor();
  const stats = store.stats();
  const { bytes } = stats;
  assert.deepEqual(
    [await value(page, 'live'), await value(page, 'memory'), await value(page, 'retired'), await value(page, 'epoch')],
    [stats.live, bytes.reserved - bytes.free, stats.retired, stats.graceEpoch],
  );
  assert.equal(await page.locator('#tile-live data').textContent(), '12,000');
  assert.equal(await page.locator('#tile-meter-0 data').textContent(), '42 open');
  const row = page.locator(`#type-${scratch.id}`);
  assert.deepEqual(await row.locator('th, td').allTextContents(), ['0x384', '12,000', '1', '8', '1', 'live']);
  assert.match((await page.locator('#heat-text').textContent()) ?? '', new RegExp(`^${stats.growth.buckets.toLocaleString('en')} buckets`));
  assert.equal(await page.locator('h1').textContent(), 'Numbers');
  assert.equal(await page.title(), 'Numbers');
  const memory = page.locator('#chart-memory tbody tr');
  assert.equal(
    await memory.filter({ hasText: 'bucket lines' }).locator('td').textContent(),
    `${(bytes.buckets / 1024).toPrecision(3)} KiB`,
  );
  const drawn = await page.locator('#chart-live canvas').evaluate((canvas) => (canvas as unknown as { width: number }).width);
  assert.ok(drawn > 0, 'the chart is drawn');
});

test('a transition is watched from its start to its end, with the thread that holds it up', async (t) => {
  const scene = await open(t);
  if (scene === null) return;
  const { coordinator, page } = scene;
  const pool = createPool(coordinator);
  const { flags, started, release } = hold();
  const held = pool.run({ flags });
  await until('the task to begin', () => started() === 1);
  const enabled = coordinator.enable(patch('name=fix&functions=touch'));
  await page.getByText('1 of 2 threads switched').waitFor();
  const straggler = await page.locator('#stragglers li').textContent();
  assert.match(straggler ?? '', /^Held up by thread \d+, version 0: task .*#\d+ for \d/);
  assert.equal(await page.locator('#transition-heading').textContent(), 'Enabling fix');
  assert.equal(await page.locator('[data-patch=fix] .badge').textContent(), 'on its way in');
  const row = page.locator('#threads tr').filter({ hasText: 'holds it up' });
  const name = await row.locator('th').textContent();
  assert.ok(straggler?.includes(`thread ${name},`));
  assert.equal(await page.locator('#threads tr').filter({ hasText: 'switched' }).count(), 1);
  release();
  const { thread } = await held;
  assert.equal(name, String(thread));
  await enabled;
  await page.locator('#transition').waitFor({ state: 'hidden' });
  await page.locator('[data-patch=fix] .badge.done').waitFor();
  await page.locator('#lines li').filter({ hasText: 'enable fix: complete: 2 of 2 threads' }).waitFor();
  assert.equal(await page.locator('#stragglers li').count(), 0);
});

test('the buttons enable, disable, reverse and force, and show what is refused', async (t) => {
  const offered = (query: string): { name: string; source: URL } => ({ name: /name=(\w+)/.exec(query)![1]!, source: patch(query) });
  const scene = await open(
    t,
    {
      patches: [offered('name=good&functions=touch&types=700'), offered('name=bad&refuse=sessions'), offered('name=late&functions=expire')],
    },
    {},
    /status of 409/,
  );
  if (scene === null) return;
  const { coordinator, page } = scene;
  const pool = createPool(coordinator);
  await pool.run({});
  const names = (): string[] => coordinator.patches.map(({ name }) => name);
  const enable = (name: string): Promise<void> => page.getByRole('button', { name: `Enable ${name}` }).click();

  await enable('good');
  await page.locator('#answer.done').waitFor();
  assert.deepEqual(names(), ['good']);
  await page.getByRole('button', { name: 'Enable good' }).waitFor({ state: 'detached' });

  await enable('bad');
  await page.locator('#answer.refused').waitFor();
  assert.match((await page.getByRole('alert').textContent()) ?? '', /enable bad was refused\. ERR_PATCH_PRE_PATCH: /);

  const first = hold();
  const held = pool.run({ flags: first.flags });
  await until('the task to begin', () => first.started() === 1);
  await enable('late');
  await page.locator('#stragglers li').first().waitFor();
  await page.getByRole('button', { name: 'Reverse' }).click();
  first.release();
  await held;
  await page.locator('#transition').waitFor({ state: 'hidden' });
  assert.deepEqual(names(), ['good'], 'it was reversed');

  const second = hold();
  const stuck = pool.run({ flags: second.flags });
  await until('the task to begin', () => second.started() === 1);
  await enable('late');
  await page.locator('#stragglers li').first().waitFor();
  await page.getByRole('button', { name: 'Force…' }).click();
  const force = page.getByRole('dialog').getByRole('button', { name: 'Force' });
  await force.click();
  assert.ok(await page.getByRole('dialog').isVisible(), 'not without a reason');
  await page.getByLabel('Reason').fill('the worker is lost');
  await force.click();
  assert.ok(await page.getByRole('dialog').isVisible(), 'not without being sure');
  assert.ok(coordinator.transition !== null);
  await page.getByRole('checkbox').check();
  await force.click();
  await page.locator('[data-patch=late]').filter({ hasText: 'forced: the worker is lost' }).waitFor();
  second.release();
  await stuck;
  assert.deepEqual(
    coordinator.patches.map(({ name, forced }) => [name, forced]),
    [
      ['good', null],
      ['late', 'the worker is lost'],
    ],
  );

  await page.getByRole('button', { name: 'Disable good' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  assert.deepEqual(names(), ['good', 'late']);
  await page.getByRole('button', { name: 'Disable good' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
  await page.locator('[data-patch=good]').waitFor({ state: 'detached' });
  await page.locator('#lines li').filter({ hasText: 'type 0x2bc of good: 0 variables destroyed' }).waitFor();
  assert.deepEqual(names(), ['late']);
});

test('the page comes back when the dashboard does, and goes on', async (t) => {
  // What a browser says of a server that is not there, or does not know it, is no fault of the page's.
  const scene = await open(t, { token: TOKEN }, {}, /net::ERR_|status of 404/);
  if (scene === null) return;
  const { store, coordinator, view, page } = scene;
  view.note('before the restart');
  await page.locator('#lines li').filter({ hasText: 'before the restart' }).waitFor();
  await view.close();
  await page.getByText(/^disconnected since \d\d:\d\d:\d\d, trying again$/).waitFor();
  assert.match(await page.title(), /^\(no news\)/);
  store.alloc(1, scratch);
  const again = await dashboard(coordinator, { token: TOKEN, port: view.port });
  t.after(() => again.close());
  await page.locator('#link[data-state=live]').waitFor();
  again.note('after the restart');
  await page.locator('#lines li').filter({ hasText: 'after the restart' }).waitFor();
  assert.equal(await page.locator('#lines li').filter({ hasText: 'before the restart' }).count(), 1, 'what was seen stays');
  await page.locator('#tile-live data[value="1"]').waitFor();

  await again.close();
  const elsewhere = await dashboard(coordinator, { port: view.port });
  t.after(() => elsewhere.close());
  await page.getByText('the dashboard has another address now').waitFor();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`on a phone nothing is wider than the screen, and texts stand out (${colorScheme})`, async (t) => {
    const types = Array.from({ length: 3 }, (_, index) => defineShadowType({ id: 0xfffffff0 + index, size: 8 }));
    const scene = await open(
      t,
      { title: 'A rather long name of some service', patches: [{ name: 'a-patch-with-a-name-that-is-long', source: patch('name=a') }] },
      { colorScheme, viewport: PHONE },
    );
    if (scene === null) return;
    const { coordinator, view, page } = scene;
    const pool = createPool(coordinator);
    await coordinator.enable(patch(`name=fix&functions=touch,expire,later&types=${types.map(({ id }) => id).join()}`));
    const { flags, started, release } = hold();
    const held = pool.run({ flags });
    await until('the task to begin', () => started() === 1);
    const disabled = coordinator.disable('fix');
    view.note('x'.repeat(300));
    await page.locator('#stragglers li').first().waitFor();
    await page.locator('#lines li').filter({ hasText: 'xxx' }).waitFor();
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), PHONE.width);
    const [inside, outside] = await page.evaluate<[number, number]>('[lines.parentElement.scrollWidth, lines.parentElement.clientWidth]');
    assert.equal(inside, outside, 'a long word of an event is broken');
    const { checked, poor } = await contrastsOf(page);
    assert.deepEqual(poor, []);
    assert.ok(checked > 60, `${checked} texts were looked at`);
    release();
    await held;
    await disabled;
  });
}

test('the keyboard reaches every button and works it, and focus is seen', async (t) => {
  const scene = await open(t, { patches: [{ name: 'fix', source: patch('name=fix&functions=touch') }] });
  if (scene === null) return;
  const { coordinator, page } = scene;
  const focused = (): Promise<string> =>
    page.evaluate('document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent');
  const tabTo = async (label: string): Promise<void> => {
    for (let presses = 0; presses < 30; presses++) {
      if ((await focused()) === label) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`Tab does not lead to ${label}`);
  };
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to patches');
  await page.keyboard.press('Enter');
  await tabTo('Enable fix');
  assert.notEqual(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none');
  await page.keyboard.press('Enter');
  await page.locator('[data-patch=fix] .badge.done').waitFor();
  await page.locator('#patching').focus();
  await tabTo('Disable fix');
  await page.keyboard.press('Space');
  await tabTo('Cancel');
  await page.keyboard.press('Escape');
  assert.ok(!(await page.getByRole('dialog').isVisible()));
  assert.equal(await focused(), 'Disable fix', 'focus comes back');
  await page.keyboard.press('Space');
  await tabTo('Disable');
  await page.keyboard.press('Enter');
  await page.locator('#no-patches').waitFor();
  assert.deepEqual(coordinator.patches, []);
});

test('every chart has its values beside it, and every region its name', async (t) => {
  const scene = await open(t, { meters: [{ name: 'orders', kind: 'rate', unit: 'orders', read: () => performance.now() }] });
  if (scene === null) return;
  const { page } = scene;
  const charts = page.locator('.chart');
  const titles = await charts.locator('h2').allTextContents();
  assert.deepEqual(titles, [
    'Operations per second',
    'Task latency',
    'Live variables',
    'Memory by use',
    'Grace periods',
    'Application: orders per second',
  ]);
  for (const chart of await charts.all()) {
    assert.ok((await chart.locator('tbody th').count()) > 0);
    const lines = await chart.locator('tbody line').all();
    const dashes = await Promise.all(lines.map((line) => line.getAttribute('stroke-dasharray')));
    assert.equal(new Set(dashes).size, dashes.length, 'lines are told apart without their colours');
    assert.equal(await chart.locator('.frame').getAttribute('aria-hidden'), 'true');
  }
  await page.locator('#chart-meters-0 td').filter({ hasText: 'orders/s' }).waitFor();
  assert.equal(await page.locator('section:not([aria-labelledby])').count(), 0);
  for (const role of ['banner', 'main', 'contentinfo'] as const) assert.equal(await page.getByRole(role).count(), 1, role);
  assert.equal(await page.getByRole('log').getAttribute('aria-live'), 'polite');
  assert.equal(await page.locator('h1').count(), 1);
});

test('a browser whose language is no language tag shows the charts, too', async (t) => {
  const scene = await open(t);
  if (scene === null) return;
  const { page } = scene;
  await page.addInitScript(`Object.defineProperty(Navigator.prototype, 'language', { get: () => 'en-US@posix', configurable: true })`);
  await page.reload();
  await page.locator('#charts canvas').first().waitFor();
  await page.locator('#link[data-state=live]').waitFor();
});

test('a process that says nothing any more is not taken for one that is well', async (t) => {
  const scene = await open(t);
  if (scene === null) return;
  const { page } = scene;
  await page.clock.install();
  await page.addInitScript(`
    const add = EventSource.prototype.addEventListener;
    EventSource.prototype.addEventListener = function (name, listener) {
      add.call(this, name, (event) => window.hushed || listener(event));
    };`);
  await page.reload();
  await page.locator('#link[data-state=live]').waitFor();
  await page.evaluate('window.hushed = true');
  await page.clock.fastForward(10_000);
  await page.getByText(/^no news since \d\d:\d\d:\d\d$/).waitFor();
  await page.evaluate('window.hushed = false');
  await page.locator('#link[data-state=live]').waitFor();
});
