/** What a worker imports as `umbra/worker`, and what a patch module needs. Names only. */
export { ShadowError, type ErrorCode } from './errors.js';
export {
  attach,
  type AttachOptions,
  type Attached,
  currentVersion,
  intercept,
  safepoint,
  task,
  type TaskOptions,
  waitForWork,
} from './livepatch/attach.js';
export { patchable } from './livepatch/functions.js';
export type { InterceptOptions } from './livepatch/intercept.js';
export type { SourceOptions } from './livepatch/root.js';
export { definePatch } from './livepatch/define-patch.js';
export {
  type CallbackContext,
  type Callbacks,
  type Consistency,
  type DeclaredState,
  type Migrate,
  type ModulePhase,
  type Patch,
  type PatchCallbacks,
  type PatchDeclaration,
  type PatchFunction,
  type PatchObject,
  type PatchObjectDeclaration,
  type PatchState,
  type StateCallbackContext,
  type StateCallbacks,
  type StateEntry,
  withOriginal,
  type WithOriginal,
} from './livepatch/patch.js';
export { observe, type ObserveOptions, type UmbraChannels } from './observe/channels.js';
export { bytes, string } from './shadow/fields.js';
export { defineShadowType, type ShadowType } from './shadow/type.js';
export type { ShadowStore } from './shadow/store.js';
