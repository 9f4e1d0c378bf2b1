/**
 * Patch 1 of `umbra demo`, as a user would write it: sessions that nobody uses any more end.
 *
 * The service does not know when a session was used last. So the patch attaches that to each session, those in flight included, as a shadow
 * variable of its own: the service's code and data stay as they are, and when the patch goes, its variables go by themselves.
 */
import { setImmediate as pause, setTimeout as sleep } from 'node:timers/promises';

import { type Code, type Save, session, type Tidy, type Touch } from '../src/demo/application.js';
import {
  attach,
  definePatch,
  defineShadowType,
  type PatchObjectDeclaration,
  type PatchState,
  type ShadowStore,
  withOriginal,
} from '../src/worker.js';

/** When a session was used last. A session that has none yet is taken to be used now. */
export const lastUse = defineShadowType({
  id: 0x10,
  fields: { at: 'f64', over: 'u32' },
  ctor(_id, use) {
    use.at = Date.now();
  },
});

/** One for the whole store: whether sessions may be ended now, and how many threads are at it. */
const door = defineShadowType({ id: 0x11, fields: { open: 'u32', inside: 'u32' } });

/** Sessions that are looked at before others get their turn. */
const SLICE = 200;

/** The functions, for this patch and for later ones that contain it. `code` is what answers say of who made them. */
export function expiringSessions(code: Code): PatchObjectDeclaration {
  const touch = withOriginal((original: Touch): Touch => (request) => {
    const { store } = attach();
    for (;;) {
      const use = store.getOrAlloc(request.session, lastUse);
      const hits = store.withLock(use, () => {
        if (use.over === 1) return 0; // It has just ended; the next look makes another one.
        use.at = Date.now();
        return original(request);
      });
      request.handledBy = code;
      if (hits > 0) return hits;
    }
  });

  const save = withOriginal((original: Save): Save => (request) => {
    original(request);
    markUsed(attach().store, request.session);
    request.handledBy = code;
  });

  const tidy: Tidy = async (idleMilliseconds) => {
    const { store } = attach();
    const walk = store.entries(session);
    let ended = 0;
    while (enter(store)) {
      try {
        for (let i = 0; i < SLICE; i++) {
          const next = walk.next();
          if (next.done === true) return ended;
          if (endIfIdle(store, next.value[0], idleMilliseconds)) ended++;
        }
      } finally {
        leave(store);
      }
      await pause(); // slice by slice, with requests in between
    }
    return ended;
  };

  return { name: 'sessions', functions: { touch, save, tidy }, shadowTypes: [lastUse] };
}

/** If there is such a session. */
export function markUsed(store: ShadowStore, id: string): void {
  const use = store.get(id, lastUse);
  if (use !== undefined) use.at = Date.now();
}

type SessionId = Parameters<ShadowStore['freeObject']>[0];

/** The lock is the one that `touch` takes: nobody counts a request in a session while it ends. */
function endIfIdle(store: ShadowStore, id: SessionId, idleMilliseconds: number): boolean {
  const use = store.getOrAlloc(id, lastUse);
  return store.withLock(use, () => {
    if (use.over === 1 || Date.now() - use.at < idleMilliseconds) return false;
    use.over = 1;
    store.freeObject(id); // the session, and everything that anybody has attached to it
    return true;
  });
}

function enter(store: ShadowStore): boolean {
  const state = store.get(null, door);
  if (state === undefined) return false;
  return store.withLock(state, () => {
    if (state.open === 0) return false;
    state.inside += 1;
    return true;
  });
}

function leave(store: ShadowStore): void {
  const state = store.getOrAlloc(null, door);
  store.withLock(state, () => {
    state.inside -= 1;
  });
}

/**
 * While some threads run the patch and others do not, those others count requests without the lock. So sessions end only from the moment when all
 * threads run the patch until the first one is about to leave it. A later patch that names this state too takes it over as it is.
 */
export const expiring: PatchState = {
  id: 1,
  shadowType: door,
  callbacks: {
    postPatch({ store }) {
      store.getOrAlloc(null, door).open = 1;
    },
    async preUnpatch({ store }) {
      const state = store.getOrAlloc(null, door);
      store.withLock(state, () => {
        state.open = 0;
      });
      while (state.read().inside > 0) await sleep(1); // a slice takes a moment
    },
  },
};

export default definePatch({
  name: 'expire-sessions',
  replace: true, // also the way back from a later patch
  states: [expiring],
  objects: [expiringSessions('expire-sessions')],
});
