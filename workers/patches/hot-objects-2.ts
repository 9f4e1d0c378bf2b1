/**
 * Patch 2 takes the place of patch 1: it keeps `heat` with everything in it, has no use for `volume`, and brings `dirty`, which an object
 * carries from a write to the next read. Its variables come and go with the requests; the ones left over when the patch goes are collected.
 */

import { ledger } from '../../src/cli/ledger.js';
import type { Handle } from '../../src/cli/application.js';
import { definePatch, defineShadowType, type ShadowStore, withOriginal } from '../../src/worker.js';

const heat = defineShadowType({
  id: 0x10,
  fields: { seal: 'u32', birth: 'u32', touches: 'u32', bytes: 'u64' },
  ctor(object, view) {
    ledger().constructed(0x10, object, view);
  },
  dtor(object, view) {
    ledger().destroyed(0x10, object, view, view.touches, Number(view.bytes));
  },
});

const dirty = defineShadowType({
  id: 0x12,
  fields: { seal: 'u32', birth: 'u32', writes: 'u32' },
  ctor(object, view, store: ShadowStore) {
    ledger().constructed(0x12, object, view, store.get(object, dirty));
  },
  dtor(object, view) {
    ledger().destroyed(0x12, object, view, view.writes, 0);
  },
});

const handle = withOriginal((original: Handle): Handle => (store, request) => {
  original(store, request);
  const { object, bytes } = request;

  const hot = store.getOrAlloc(object, heat);
  ledger().verify(0x10, object, hot);
  hot.add('touches', 1);
  hot.add('bytes', BigInt(bytes));

  if (request.write) {
    const written = store.getOrAlloc(object, dirty, store);
    ledger().verify(0x12, object, written);
    written.add('writes', 1);
  } else {
    store.free(object, dirty);
  }
  request.handledBy = 2;
});

export default definePatch({
  name: 'hot-objects-2',
  replace: true,
  objects: [{ name: 'requests', functions: { handle }, shadowTypes: [heat, dirty] }],
});
