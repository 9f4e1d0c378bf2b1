import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Wake } from '../../src/livepatch/wake.js';
import { Layout } from '../../src/memory/layout.js';

function setUp(): { words: Int32Array; wake: Wake; move: () => void } {
  const words = new Int32Array(new SharedArrayBuffer(4 * Layout.HEADER_WORDS));
  const move = (): void => {
    Atomics.add(words, Layout.PATCH_WAKE, 1);
    Atomics.notify(words, Layout.PATCH_WAKE);
  };
  return { words, wake: new Wake(words), move };
}

const NEVER = 60_000;

test('it looks at once, after each move of the word, and after each event of this thread', async () => {
  const { wake, move } = setUp();
  let looks = 0;
  let goal = 1;
  const look = (): number | undefined => (++looks >= goal ? looks : undefined);
  assert.equal(await wake.until(NEVER, look), 1);
  for (const change of [move, () => wake.ring(), move, move, () => wake.ring()]) {
    goal = looks + 2;
    const waiting = wake.until(NEVER, look);
    await sleep(2);
    change();
    assert.equal(await waiting, goal);
  }
});

test('what happens during a look is not missed', async () => {
  const { wake, move } = setUp();
  for (const change of [move, () => wake.ring()]) {
    let looks = 0;
    const look = (): true | undefined => {
      looks++;
      if (looks === 1) change();
      return looks === 2 ? true : undefined;
    };
    await wake.until(NEVER, look);
  }
});

test('a notification that comes after the word moved, when its new value is being waited for, counts once', async () => {
  const { words, wake } = setUp();
  let looks = 0;
  let done = false;
  const waiting = wake.until(NEVER, () => {
    looks++;
    return done ? true : undefined;
  });
  await sleep(2);
  Atomics.notify(words, Layout.PATCH_WAKE);
  await sleep(20); // an endless series of looks would not let this end
  assert.ok(looks <= 3, `${looks} looks`);
  done = true;
  wake.ring();
  await waiting;
});

test('without a word from anybody it looks again when the safety net says so', async () => {
  const { wake } = setUp();
  let looks = 0;
  await wake.until(5, () => (++looks === 4 ? true : undefined));
});
