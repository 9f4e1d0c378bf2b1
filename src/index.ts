/** The public face of Umbra on the main thread: names only. What a worker imports is worker.ts. */
export { type Dashboard, dashboard, type DashboardOptions, type Meter, type PatchChoice } from './dashboard/dashboard.js';
export { ERROR_CODES, type ErrorCode, ShadowError, type WireError } from './errors.js';
export type { CollectedEvent, CollectingEvent } from './livepatch/collector.js';
export type { Coordinator } from './livepatch/coordinator.js';
export type { StallPolicy, TransitionOptions } from './livepatch/deadline.js';
export type {
  CallbackEvent,
  CoordinatorEvents,
  DirectionName,
  MilestoneEvent,
  ModuleEvent,
  PokeEvent,
  RegistrationEvent,
  TransitionEvent,
  TransitionKind,
  TransitionPhase,
} from './livepatch/events.js';
export { type ObjectInfo, PATCH_ATTRIBUTES, type PatchInfo, type WorkerInfo } from './livepatch/inspect.js';
export type { PatchSource } from './livepatch/loader.js';
export type { MigratedEvent } from './livepatch/migrations.js';
export type { ModuleInfo } from './livepatch/modules.js';
export type { CoordinatorOptions } from './livepatch/options.js';
export type { Resumption } from './livepatch/resume.js';
export { definePatch } from './livepatch/define-patch.js';
export {
  type CallbackContext,
  type Callbacks,
  type Consistency,
  type Migrate,
  type ModulePhase,
  type PatchCallbacks,
  type PatchDeclaration,
  type PatchState,
  type StateCallbackContext,
  type StateCallbacks,
  type StateEntry,
  withOriginal,
} from './livepatch/patch.js';
export type { PinnedPatch } from './livepatch/registrar.js';
export type { SourceOptions } from './livepatch/root.js';
export type { Straggler, StragglerCall, StragglerTask } from './livepatch/stragglers.js';
export type { TransitionInfo, TransitionResult } from './livepatch/transition.js';
export type { LockKind, LockWait } from './memory/lock-waits.js';
export type { StoreHandle } from './memory/reservation.js';
export { observe, type ObserveOptions, type UmbraChannels } from './observe/channels.js';
export { TaskMeter, type TaskSample } from './observe/task-meter.js';
export { PatchCoordinator } from './pool/coordinator.js';
export type { PoolOptions } from './pool/group.js';
export type { CheckOptions, CheckResult, RepairReport } from './recovery/check.js';
export type { DeathNotice, RecoveryReport, ThreadDeath } from './recovery/recover.js';
export type { Operation as InterruptedOperation } from './recovery/repair.js';
export type { Repair } from './recovery/repairs.js';
export type { RestoreOptions, RestoreReport } from './recovery/restore.js';
export type { SnapshotInfo } from './recovery/snapshot.js';
export type { Rule, Violation } from './recovery/violations.js';
export type { Cursor } from './shadow/cursor.js';
export {
  type AtomicName,
  type BigKind,
  bytes,
  type BytesField,
  type Field,
  type FieldKind,
  type Fields,
  type FieldValue,
  type FieldValues,
  type IntegerKind,
  type NumberKind,
  string,
  type StringField,
} from './shadow/fields.js';
export type { ObjectTable, Parent } from './shadow/objects.js';
export type { RawView } from './shadow/raw-view.js';
export type { Registration } from './shadow/registry.js';
export type { StoreStats, ThreadStats, TypeStats } from './shadow/stats.js';
export { ShadowStore, type StoreOptions } from './shadow/store.js';
export {
  type AnyShadowType,
  defineShadowType,
  type MigrateFunction,
  type RawFields,
  type RawShadowTypeDeclaration,
  type ShadowType,
  type ShadowTypeDeclaration,
} from './shadow/type.js';
export type { CursorOf, ViewOf } from './shadow/view-classes.js';
export type { View } from './shadow/view.js';
