/**
 * Owns what an operator sees of a forced transition's consequences. Imports nothing.
 */

/** What a forced transition left behind: registrations of a patch that is not enabled any more, but whose code may still run somewhere. */
export interface PinnedPatch {
  readonly patch: string;
  /** What the operator gave as the reason for forcing. */
  readonly reason: string;
  /** ISO 8601 */
  readonly since: string;
  /** Ids that are kept alive. */
  readonly types: readonly number[];
}
