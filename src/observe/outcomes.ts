/**
 * Owns what a transition came to, as its events tell it: there is one at a time, so what was said since the last one ended belongs to it. Touches no shared memory.
 * Imports the types of a coordinator and its events.
 */
import type { Coordinator } from '../livepatch/coordinator.js';
import type { TransitionEvent } from '../livepatch/events.js';

/** 'failed': refused, nothing had changed. 'reversed': it ended where it had begun. 'forced': not all threads were waited for. */
export type TransitionOutcome = 'complete' | 'reversed' | 'forced' | 'failed';

interface TransitionListener {
  readonly onEvent?: (event: TransitionEvent) => void;
  readonly onEnd: (event: TransitionEvent, outcome: TransitionOutcome) => void;
  /** The coordinator was closed: a transition that was pending ends no more, and no other one begins. */
  readonly onClosed?: () => void;
}

/** @returns what ends listening */
export function watchTransitions(coordinator: Coordinator, { onEvent, onEnd, onClosed }: TransitionListener): () => void {
  // Of a coordinator that took over, a transition may be pending before anybody can listen.
  let [reversed, forced] = [coordinator.transition?.reversed ?? false, false];
  const listener = (event: TransitionEvent): void => {
    onEvent?.(event);
    if (event.phase === 'reverse') reversed = !reversed;
    else if (event.phase === 'forced') forced = true;
    if (event.phase !== 'complete' && event.phase !== 'failed') return;
    const outcome = event.phase === 'failed' ? 'failed' : forced ? 'forced' : reversed ? 'reversed' : 'complete';
    [reversed, forced] = [false, false];
    onEnd(event, outcome);
  };
  coordinator.on('transition', listener);
  if (onClosed !== undefined) coordinator.$onClosed.add(onClosed);
  return () => {
    coordinator.off('transition', listener);
    if (onClosed !== undefined) coordinator.$onClosed.delete(onClosed);
  };
}
