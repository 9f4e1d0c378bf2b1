/** What a worker imports as `umbra/worker`, and what a patch module needs. Names only. */
export { ShadowError, type ErrorCode } from './errors.js';
export { attach, currentVersion, safepoint, task, type Attached } from './livepatch/attach.js';
export { patchable } from './livepatch/functions.js';
export {
  definePatch,
  withOriginal,
  type CallbackContext,
  type Patch,
  type PatchCallbacks,
  type PatchDeclaration,
  type PatchFunction,
  type PatchObjectDeclaration,
  type PatchState,
  type WithOriginal,
} from './livepatch/patch.js';
export { bytes, string } from './shadow/fields.js';
export { defineShadowType, type ShadowType } from './shadow/type.js';
export type { ShadowStore } from './shadow/store.js';
