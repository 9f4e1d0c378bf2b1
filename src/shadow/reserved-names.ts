/**
 * Owns the names that a field may not have: everything a view or cursor has of its own. Imports view, cursor, raw-view.
 */
import { Cursor } from './cursor.js';
import { View } from './view.js';

export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  ...[Object.prototype, View.prototype, Cursor.prototype].flatMap((prototype) => Object.getOwnPropertyNames(prototype)),
  'find', // abstract in Cursor
]);
