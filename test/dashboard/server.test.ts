import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';

import { Guard } from '../../src/dashboard/guard.js';
import { dashboard } from '../../src/dashboard/dashboard.js';
import { coded, coordinate, patch } from '../livepatch/fixtures/setup.js';
import { act, ask } from './fixtures/request.js';
import { Spectator } from './fixtures/spectator.js';
import { stage } from './fixtures/stage.js';

const TOKEN = 'a-token-of-some-length';

test('only this machine is listened to, by its loopback address', async (t) => {
  const { view } = await stage(t);
  assert.equal((await ask(view.port, { path: new URL(view.url).pathname })).status, 200);
  // All of 127/8 is this machine on Linux, so nothing but the address that is listened to keeps this one out.
  await assert.rejects(ask(view.port, { host: '127.0.0.2' }), { code: 'ECONNREFUSED' });
});

test('nothing is served without the whole token, and all with it', async (t) => {
  const { view } = await stage(t, { token: TOKEN });
  assert.equal(view.url, `http://127.0.0.1:${view.port}/${TOKEN}/`);
  for (const path of [
    '/',
    '/events',
    '/main.js',
    `/${TOKEN.slice(0, -1)}/`,
    `/${TOKEN}x/`,
    `/x/${TOKEN}/`,
    '/?token=',
    '/?token=wrong',
    `/${TOKEN.toUpperCase()}/`,
  ])
    assert.equal((await ask(view.port, { path })).status, 404, path);
  const wrong = await act(`http://127.0.0.1:${view.port}/wrong/`, { action: 'reverse' });
  assert.equal(wrong.status, 404);
  for (const path of ['', 'main.js', 'style.css', 'icon.svg', 'vendor/uPlot.esm.js', 'vendor/uPlot.min.css', 'vendor/uPlot-LICENSE.txt'])
    assert.equal((await ask(view.port, { path: `/${TOKEN}/${path}` })).status, 200, path);
  for (const path of [`/${TOKEN}`, `/?token=${TOKEN}`]) {
    const { status, headers } = await ask(view.port, { path });
    assert.deepEqual([status, headers.location], [308, `/${TOKEN}/`], path);
  }
});

test('a token is random and another one each time, unless it is given', async (t) => {
  const { coordinator, view } = await stage(t);
  const other = await dashboard(coordinator);
  const tokens = [view.url, other.url].map((url) => new URL(url).pathname);
  await other.close();
  assert.notEqual(tokens[0], tokens[1]);
  for (const token of tokens) assert.match(token, /^\/[\w-]{32}\/$/);
});

test('a request has to name this machine and this port, whatever token it has', async (t) => {
  const { view } = await stage(t, { token: TOKEN });
  const path = `/${TOKEN}/`;
  for (const host of [
    'evil.example',
    `evil.example:${view.port}`,
    '127.0.0.1',
    `127.0.0.1:${view.port + 1}`,
    `127.0.0.1.evil.example:${view.port}`,
  ])
    assert.equal((await ask(view.port, { path, headers: { Host: host } })).status, 403, host);
  for (const host of [`localhost:${view.port}`, `LOCALHOST:${view.port}`, `[::1]:${view.port}`])
    assert.equal((await ask(view.port, { path, headers: { Host: host } })).status, 200, host);
});

test('a browser that leaves out the port of http is let in at that port only, and nobody with two hosts', () => {
  const asking = (port: number, ...host: string[]): boolean =>
    new Guard(TOKEN, port).isHost({ headersDistinct: { host } } as unknown as IncomingMessage);
  assert.deepEqual([asking(80, 'localhost'), asking(80, '127.0.0.1:80'), asking(8080, 'localhost:8080')], [true, true, true]);
  assert.deepEqual([asking(8080, 'localhost'), asking(80, 'evil.example'), asking(80)], [false, false, false]);
  assert.equal(asking(80, 'localhost', 'evil.example'), false);
});

test('only the page itself changes anything', async (t) => {
  const { coordinator, view } = await stage(t, { patches: [{ name: 'a', source: patch('name=a&functions=touch') }] });
  const { port } = view;
  const enable = { action: 'enable', patch: 'a' };
  for (const headers of [
    { Origin: 'https://evil.example' },
    { Origin: `http://evil.example:${port}` },
    { Origin: `http://127.0.0.1:${port + 1}` },
    { Origin: `http://localhost:${port}` },
    { Origin: 'null' },
    { Origin: '' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
  ])
    assert.equal((await act(view.url, enable, headers)).status, 403, JSON.stringify(headers));
  assert.equal((await act(view.url, enable, { 'Content-Type': 'text/plain' })).status, 415);
  assert.deepEqual(coordinator.patches, []);
  assert.equal((await act(view.url, enable, { 'Sec-Fetch-Site': 'same-origin' })).status, 200);
  assert.deepEqual(
    coordinator.patches.map(({ name }) => name),
    ['a'],
  );
});

test('each address takes its own methods only', async (t) => {
  const { view } = await stage(t);
  const { pathname } = new URL(view.url);
  for (const [path, methods, allowed] of [
    ['', ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'], 'GET, HEAD'],
    ['main.js', ['POST'], 'GET, HEAD'],
    ['events', ['POST', 'HEAD'], 'GET'],
    ['act', ['GET', 'HEAD', 'PUT', 'OPTIONS'], 'POST'],
  ] as const)
    for (const method of methods) {
      const { status, headers } = await ask(view.port, { path: pathname + path, method });
      assert.deepEqual([status, headers.allow], [405, allowed], `${method} ${path}`);
    }
  const { status, body, headers } = await ask(view.port, { path: pathname, method: 'HEAD' });
  assert.deepEqual([status, body], [200, '']);
  assert.ok(Number(headers['content-length']) > 0);
});

test('no address leads out of the folder of the page', async (t) => {
  const { view } = await stage(t);
  const { pathname } = new URL(view.url);
  for (const path of [
    '../server.js',
    '..%2fserver.js',
    '%2e%2e/server.js',
    'vendor/../../server.js',
    'index.html',
    'wire.js',
    'tsconfig.json',
    'vendor',
    '/etc/passwd',
    '.',
    'constructor',
  ])
    assert.equal((await ask(view.port, { path: pathname + path })).status, 404, path);
});

test('every answer forbids what the page does not need', async (t) => {
  const { view } = await stage(t);
  const { pathname } = new URL(view.url);
  const stream = await fetch(`${view.url}events`);
  await stream.body?.cancel();
  const answers = [
    await ask(view.port, { path: pathname }),
    await ask(view.port, { path: '/' }),
    await ask(view.port, { headers: { Host: 'x' } }),
    await act(view.url, '{'),
  ];
  for (const headers of [Object.fromEntries(stream.headers), ...answers.map((answer) => answer.headers)]) {
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.deepEqual(
      [headers['x-content-type-options'], headers['referrer-policy'], headers['cache-control'], headers['x-frame-options']],
      ['nosniff', 'no-referrer', 'no-store', 'DENY'],
    );
    assert.equal(headers['access-control-allow-origin'], undefined);
  }
  assert.doesNotMatch(answers[0]!.body, /<script(?![^>]* src=)|<style|style=|\son\w+=|https?:/);
});

test('a body is bounded, and has to be an action that there is', async (t) => {
  const { coordinator, view } = await stage(t, { patches: [{ name: 'a', source: patch('name=a&functions=touch') }] });
  const tooLong = JSON.stringify({ action: 'force', reason: 'x'.repeat(5000) });
  assert.equal((await act(view.url, tooLong)).status, 413);
  for (const [body, message] of [
    ['{"action":', /not JSON/],
    ['null', /give an object/],
    [{ action: 'unpin', patch: 'a' }, /"unpin" is no action; known are enable, disable, reverse, force/],
    [{ action: 'enable' }, /patch is undefined/],
    [{ action: 'enable', patch: 'b' }, /"b" is not offered here; offered are: a/],
    [{ action: 'enable', patch: patch('name=b&functions=touch').href }, /is not offered here/],
  ] as const) {
    const answer = await act(view.url, body);
    const { ok, code, message: told } = JSON.parse(answer.body) as Record<string, unknown>;
    assert.deepEqual([answer.status, ok, code], [400, false, 'ERR_DASHBOARD_REQUEST'], answer.body);
    assert.match(String(told), message);
  }
  assert.deepEqual(coordinator.patches, []);
});

test('a refusal by the coordinator is answered with its code, and both stand among the events', async (t) => {
  const { view } = await stage(t);
  const page = await Spectator.open(view.url);
  await page.next('hello');
  for (const [action, code] of [
    [{ action: 'reverse' }, 'ERR_PATCH_NO_TRANSITION'],
    [{ action: 'disable', patch: 'nothing' }, 'ERR_PATCH_NOT_ENABLED'],
    [{ action: 'force' }, 'ERR_PATCH_DECLARATION'],
    [{ action: 'force', reason: 'because' }, 'ERR_PATCH_NO_TRANSITION'],
  ] as const) {
    const answer = await act(view.url, action);
    assert.deepEqual([answer.status, (JSON.parse(answer.body) as { code: string }).code], [409, code]);
    const lines = await page.next('lines', (all) => all.some(({ kind }) => kind === 'warning'));
    assert.deepEqual(
      lines.map(({ kind }) => kind),
      ['action', 'warning'],
    );
    assert.match(lines[1]!.text, new RegExp(code));
  }
  page.close();
});

test('what is no option of a dashboard is refused by name and value', async (t) => {
  const { coordinator } = coordinate(t);
  const read = (): number => 0;
  for (const [options, message] of [
    [{ prot: 1 }, /unknown option prot/],
    [{ port: 70_000 }, /port is 70000/],
    [{ port: '80' }, /port is "80"/],
    [{ title: '' }, /title is ""/],
    [{ meters: {} }, /meters is \[Object\]/],
    [{ meters: [{ name: 'a', kind: 'gauge', read }] }, /kind of meter "a" is "gauge"/],
    [{ meters: [{ name: 'a', kind: 'rate' }] }, /read of meter "a"/],
    [
      {
        meters: [
          { name: 'a', kind: 'rate', read },
          { name: 'a', kind: 'level', read },
        ],
      },
      /two meters have the name "a"/,
    ],
    [{ meters: [null] }, /name of meter 1/],
    [{ patches: [{ name: 'a' }] }, /patch "a" has no source/],
    [
      {
        patches: [
          { name: 'a', source: './a.js' },
          { name: 'a', source: './b.js' },
        ],
      },
      /two patches have the name "a"/,
    ],
  ] as const)
    await assert.rejects(dashboard(coordinator, options as never), coded('ERR_DASHBOARD_OPTION', message));
  // A secret is not told, whatever is wrong with it.
  await assert.rejects(dashboard(coordinator, { token: 'short' }), coded('ERR_DASHBOARD_OPTION', /^((?!short).)*16 to 128((?!short).)*$/));
  await assert.rejects(dashboard({} as never), coded('ERR_DASHBOARD_OPTION', /made for a PatchCoordinator/));
  await assert.rejects(dashboard(coordinator, null as never), coded('ERR_DASHBOARD_OPTION', /an object, not null/));
});

test('a port that is taken is refused, and nothing is left behind', async (t) => {
  const { coordinator, view } = await stage(t);
  const listeners = coordinator.listenerCount('transition');
  await assert.rejects(dashboard(coordinator, { port: view.port }), coded('ERR_DASHBOARD_PORT', /EADDRINUSE.*0 for any free one/));
  assert.equal(coordinator.listenerCount('transition'), listeners);
});

test('the server is loaded when a dashboard is asked for', () => {
  const compiled = readFileSync(new URL('../../src/dashboard/dashboard.js', import.meta.url), 'utf8');
  assert.doesNotMatch(compiled, /^\s*(import|export)\b.* from /m);
});
