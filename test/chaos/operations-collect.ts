/** Operations of whoever registers types: registration, collection and its sweep. */
import { Layout } from '../../src/memory/layout.js';
import { olderSlots, typeAddress, typeState } from '../../src/shadow/slots.js';
import { Collection } from '../../src/shadow/sweep.js';
import type { Operation } from './operation.js';
import { fleeting, type World } from './world.js';

const OWNER = 'somebody';

function populate({ store }: World): void {
  store.internals.registry.register(OWNER, 'base', [fleeting]);
  let serial = 1;
  for (const parent of [7, 8, 'ada', null]) store.alloc(parent, fleeting).serial = serial++;
}

export const collections: readonly Operation[] = [
  {
    name: 'registration',
    parents: [7],
    run: ({ store }) => {
      store.internals.registry.register(OWNER, 'base', [fleeting]);
    },
  },
  {
    name: 'collection',
    parents: [7, 'ada'],
    prepare: ({ store }) => {
      store.internals.bindings.of(fleeting); // whoever takes over knows the declaration
    },
    arm: populate,
    run: ({ store }) => {
      for (const collection of store.internals.registry.unregister(OWNER, 'base')) while (!collection.step());
    },
    finish: finishCollection,
  },
];

/** What a coordinator does that takes over from a dead one: ends the collection that had begun. */
function finishCollection({ store }: World): void {
  const { memory, words, variables, bindings } = store.internals;
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < words[Layout.TYPE_HIGH]!; slot++) {
    if (typeState(memory, slot) !== Layout.TYPE_STATE_DYING) continue;
    if (olderSlots(memory, slot, Layout.TYPE_STATE_DYING).length > 0) throw new Error('there are no versions here');
    const tag = words[typeAddress(memory, slot) + Layout.TYPE_TAG]!;
    const binding = bindings.ofVersion(fleeting, fleeting.id, fleeting.version, fleeting.size);
    const collection = new Collection(variables, fleeting.id, [{ binding, slot, tag }]);
    while (!collection.step());
  }
}
