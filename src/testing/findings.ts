/**
 * Owns the findings of a rehearsal: what counts as one, and that the same fault in many paths is one finding. Touches no shared memory. Imports
 * nothing.
 */

/**
 * mixed-task            a task ran more than one version, or code that belongs to no version
 * task-failed           a task was rejected, or its worker ended
 * wrong-result          `check` was not content
 * left-over-variables   after everything was disabled there were variables that the unpatched application would not have
 * left-over-registration  a type was still registered, or pinned, for nobody
 * callback-not-undone   what a callback did was undone by none: its counterpart did not run before the path ended
 * callback-out-of-turn  a callback ran twice in a row, or undid what had not been done
 * store-damaged         `store.check()` found a violation, or a thread slot was not given back
 * not-as-before         a step that was refused or reversed left something changed
 * step-failed           a step failed in a way that is no legitimate refusal
 * stalled               a step, or the workload, did not get on in time
 * warning               the coordinator warned: a callback or destructor threw, a thread could not load what is enabled
 */
export type FindingKind =
  | 'mixed-task'
  | 'task-failed'
  | 'wrong-result'
  | 'left-over-variables'
  | 'left-over-registration'
  | 'callback-not-undone'
  | 'callback-out-of-turn'
  | 'store-damaged'
  | 'not-as-before'
  | 'step-failed'
  | 'stalled'
  | 'warning';

/** Plain JSON. */
export interface Finding {
  readonly kind: FindingKind;
  /** The first path in which it was found. */
  readonly path: string;
  /** The step during which, or after which, it was found first; empty before the first one. */
  readonly step: string;
  /** The patch that it is about, null if that is not known. */
  readonly patch: string | null;
  readonly detail: string;
  /** How often it was found, in all paths. */
  readonly times: number;
}

export class FindingList {
  /** What goes on now. */
  path = '';
  step = '';
  readonly #findings = new Map<string, Finding>();

  /** `example` is told of the first time only, and does not make it another finding. */
  add(kind: FindingKind, patch: string | null, detail: string, example = ''): void {
    const key = JSON.stringify([kind, patch, detail]);
    const known = this.#findings.get(key) ?? { kind, path: this.path, step: this.step, patch, detail: detail + example, times: 0 };
    this.#findings.set(key, { ...known, times: known.times + 1 });
  }

  /** Of all kinds, all times. */
  get count(): number {
    return this.list.reduce((sum, { times }) => sum + times, 0);
  }

  get list(): Finding[] {
    return [...this.#findings.values()];
  }
}
