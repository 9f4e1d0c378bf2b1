/**
 * Owns the hook that a chaos build calls at every named protocol step: nothing happens there until somebody listens. The production build has no such
 * calls, only the comments from which build.ts makes them.
 */
type Listener = (step: number) => void;

let listener: Listener | undefined;

/** Called at step number `step` of the build; see build.ts. */
export function step(number: number): void {
  if (listener !== undefined) listener(number);
}

/** One listener per thread; undefined takes it away. */
export function onStep(listen: Listener | undefined): void {
  listener = listen;
}
