/**
 * Owns what cursors have in common: one object that is pointed at one variable after another, so that a loop over many allocates nothing. The look-up itself
 * is in view-classes.ts. Imports view.
 */
import type { Fields } from './fields.js';
import type { Parent } from './objects.js';
import { View } from './view.js';

/** Point it at a variable with find(), then use it like a view until the next find(). */
export abstract class Cursor<F extends Fields = Fields> extends View<F> {
  /** @internal */
  constructor() {
    super(0, -1, 0);
  }

  /** Moves to the variable of an object; false if there is none, and then the cursor is on no variable. @throws ERR_SHADOW_OBJECT */
  abstract find(obj: Parent): boolean;
}
