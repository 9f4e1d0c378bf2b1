/**
 * The application that the main job runs and patches: what a request is, and the one shadow type that the application itself keeps per
 * object. Shared by the worker entry, the patches and the coordinator's side. Imports the store's declaration of types and the ledger.
 */

import { defineShadowType } from '../shadow/type.js';
import type { ShadowStore } from '../shadow/store.js';
import { ledger } from './ledger.js';

/** One access, as `handle` of the patchable object 'requests' gets it. The worker reuses the object for the next one. */
export interface Request {
  object: number;
  write: boolean;
  bytes: number;
  /** Set by each version of the function before it returns, so the outermost one wins: 0 unpatched, else the number of the patch. */
  handledBy: number;
}

/** What the patches replace. */
export type Handle = (store: ShadowStore, request: Request) => void;

/** Per object: how often it was read and written, and the bytes that this moved. Kept with atomic additions, by all threads. */
export const account = defineShadowType({
  id: 1,
  fields: { seal: 'u32', birth: 'u32', reads: 'u32', writes: 'u32', bytes: 'u64' },
  ctor(object, view) {
    ledger().constructed(1, object, view);
  },
  dtor(object, view) {
    ledger().destroyed(1, object, view, view.reads + view.writes, Number(view.bytes));
  },
});
