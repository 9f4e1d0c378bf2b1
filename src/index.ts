/** The public face of Umbra: names only. */
export { ERROR_CODES, type ErrorCode, ShadowError, type WireError } from './errors.js';
export type { StoreHandle } from './memory/reservation.js';
export type { CheckResult, Violation } from './shadow/check.js';
export { bytes, type FieldKind, type Fields, type FieldValues, string } from './shadow/fields.js';
export type { ObjectTable, Parent } from './shadow/objects.js';
export type { StoreStats, ThreadStats, TypeStats } from './shadow/stats.js';
export { ShadowStore, type StoreOptions } from './shadow/store.js';
export { defineShadowType, type RawShadowTypeDeclaration, type ShadowType, type ShadowTypeDeclaration } from './shadow/type.js';
export type { Cursor } from './shadow/cursor.js';
export type { RawView } from './shadow/raw-view.js';
export type { CursorOf, ViewOf } from './shadow/view-classes.js';
export type { View } from './shadow/view.js';
