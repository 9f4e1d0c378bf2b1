/**
 * Patch 1: finds out which objects are hot. It attaches two variables to every object that a request touches from now on, whether the
 * object was known before or not: `heat` counts accesses with atomic additions, `volume` keeps two fields that belong together and changes
 * them as one.
 *
 * The ledger is the run's independent book-keeping; a patch without it would have no constructor and no destructor here.
 */

import { ledger } from '../../src/cli/ledger.js';
import type { Handle } from '../../src/cli/application.js';
import { definePatch, defineShadowType, withOriginal } from '../../src/worker.js';

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

const volume = defineShadowType({
  id: 0x11,
  fields: { seal: 'u32', birth: 'u32', accesses: 'u32', bytes: 'f64' },
  ctor(object, view) {
    ledger().constructed(0x11, object, view);
  },
  dtor(object, view) {
    ledger().destroyed(0x11, object, view, view.accesses, view.bytes);
  },
});

const handle = withOriginal((original: Handle): Handle => (store, request) => {
  original(store, request);
  const { object, bytes } = request;

  const hot = store.getOrAlloc(object, heat);
  ledger().verify(0x10, object, hot);
  hot.add('touches', 1);
  hot.add('bytes', BigInt(bytes));

  const moved = store.getOrAlloc(object, volume);
  ledger().verify(0x11, object, moved);
  moved.update((draft) => {
    draft.accesses += 1;
    draft.bytes += bytes;
  });
  request.handledBy = 1;
});

export default definePatch({
  name: 'hot-objects-1',
  replace: true,
  objects: [{ name: 'requests', functions: { handle }, shadowTypes: [heat, volume] }],
});
