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
}

/** @returns what ends listening */
export function watchTransitions(coordinator: Coordinator, { onEvent, onEnd }: TransitionListener): () => void {
  let [reversed, forced] = [false, false];
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
  return () => {
    coordinator.off('transition', listener);
  };
}
