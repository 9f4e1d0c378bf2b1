import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CLASS_BLOCK_WORDS } from '../../src/memory/classes.js';
import { Layout } from '../../src/memory/layout.js';
import { pageEntry } from '../../src/memory/pages.js';
import { blockOf } from '../shadow/fixtures/setup.js';
import { contents } from './fixtures/contents.js';
import { entriesOf } from './fixtures/entries.js';
import { blob, count, newer, note, prepare } from './fixtures/prepared.js';

test('a type whose state is lost together with its id, version or size loses none of its variables', () => {
  const prepared = prepare();
  const { store } = prepared;
  const { words, memory } = store.internals;
  const image = words.slice();
  const before = contents(prepared);
  words.set(image);
  for (let slot = 1; slot <= 3; slot++) {
    const address = memory.types + slot * Layout.TYPE_WORDS;
    for (const lost of [Layout.TYPE_ID, Layout.TYPE_VERSION, Layout.TYPE_SIZE]) {
      for (const state of [0, 3, 5, 7]) {
        words[address + lost] = words[address + lost]! ^ 0x100;
        words[address + Layout.TYPE_TAG] = (words[address + Layout.TYPE_TAG]! & ~Layout.TYPE_STATE_MASK) | state;
        store.check({ repair: true });
        assert.equal(words[address + Layout.TYPE_TAG], image[address + Layout.TYPE_TAG], 'who is registered tells the state');
        words[address + lost] = image[address + lost]!;
        Atomics.add(words, Layout.TYPE_EPOCH, 1);
        assert.deepEqual(contents(prepared), before, `type slot ${slot}, word ${lost}, state ${state}`);
        assert.deepEqual(store.check().violations, []);
        words.set(image);
      }
    }
  }
});

test('a page of any class is again of that which its variables have, although blocks of the other class may begin where they do', () => {
  const prepared = prepare();
  const { store } = prepared;
  const { words, memory } = store.internals;
  const image = words.slice();
  const before = contents(prepared);
  words.set(image);
  for (const view of [store.get(0, blob), store.get(prepared.crowd[0]!, note)]) {
    const entry = pageEntry(memory, blockOf(view) >>> Layout.PAGE_SHIFT) + Layout.PAGE_CLASS;
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      words.set(image);
      words[entry] = sizeClass + 1;
      store.check({ repair: true });
      assert.equal(words[entry], image[entry], `class ${sizeClass}`);
      assert.deepEqual(store.check().violations, []);
      assert.deepEqual(contents(prepared), before);
    }
  }
});

test('a variable whose type slot is lost, whatever stands there instead, is again of that which its key tells, and displaces no other', () => {
  const prepared = prepare();
  const { store } = prepared;
  const { words } = store.internals;
  const image = words.slice();
  const before = contents(prepared);
  words.set(image);
  const olderSlot = words[blockOf(store.get(0, newer)) + Layout.BLOCK_IDENTITY]! - 1;
  const blocks = [store.get(7, count), store.get(0, blob), store.get('ada', note)].map(blockOf);
  // One of an older version: its block is of another class than those of the type that it might be taken for.
  const linked = entriesOf(store).map((entry) => words[entry]!);
  blocks.push(linked.find((block) => words[block] === 7 && words[block + Layout.BLOCK_IDENTITY] === olderSlot)!);
  for (const block of blocks) {
    for (const slot of [0, 1, 2, 3, 4, 5, 6, 9, Layout.TYPE_SLOT_RECORDS, Layout.TYPE_SLOT_DEAD]) {
      words.set(image);
      words[block + Layout.BLOCK_IDENTITY] = (words[block + Layout.BLOCK_IDENTITY]! & ~Layout.TYPE_SLOT_MASK) | slot;
      store.check({ repair: true });
      assert.equal(words[block + Layout.BLOCK_IDENTITY], image[block + Layout.BLOCK_IDENTITY], `block ${block}, type slot ${slot}`);
      assert.deepEqual(store.check().violations, []);
      assert.deepEqual(contents(prepared), before);
    }
  }
});
