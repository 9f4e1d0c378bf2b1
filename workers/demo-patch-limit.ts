/**
 * Patch 2 of `umbra demo`: a client gets so many requests a second and no more. It is cumulative: it contains what patch 1 does and takes its
 * place in one step, and whatever patch 1 has attached to sessions stays.
 */
import { type Admit, session } from '../src/demo/application.js';
import { attach, definePatch, defineShadowType, withOriginal } from '../src/worker.js';
import { expiring, expiringSessions, markUsed } from './demo-patch-expire.js';

const REQUESTS_PER_SECOND = 20;

/** How much a client has asked for in one second. */
const rate = defineShadowType({ id: 0x12, fields: { second: 'u32', requests: 'u32' } });

const admit = withOriginal((original: Admit): Admit => (request) => {
  const admitted = original(request);
  request.handledBy = 'limit-rate';
  const { store } = attach();
  if (!admitted || !store.has(request.session, session)) return admitted; // a client's first request is free
  markUsed(store, request.session); // also by what is refused: who hammers on must not get a new session, and a new second, for it
  const own = store.getOrAlloc(request.session, rate);
  const second = Math.floor(Date.now() / 1000);
  const requests = store.withLock(own, () => {
    if (own.second !== second) {
      own.second = second;
      own.requests = 0;
    }
    return (own.requests += 1);
  });
  return requests <= REQUESTS_PER_SECOND;
});

export default definePatch({
  name: 'limit-rate',
  replace: true,
  states: [expiring],
  objects: [expiringSessions('limit-rate'), { name: 'requests', functions: { admit }, shadowTypes: [rate] }],
});
