/**
 * Owns the events of a coordinator and their delivery. A listener that throws must not stop a transition half-way: its error surfaces as an
 * uncaught exception of its own. Touches no shared memory. Imports errors and the event of the collector.
 */
import { EventEmitter } from 'node:events';

import type { ShadowError } from '../errors.js';
import type { CollectedEvent } from './collector.js';

export type TransitionKind = 'enable' | 'replace' | 'disable';

/** What a transition is doing: loading everywhere, beginning to switch, one more thread switched, over, or refused with nothing changed. */
export type TransitionPhase = 'load' | 'start' | 'progress' | 'complete' | 'failed';

export interface TransitionEvent {
  readonly patch: string;
  readonly kind: TransitionKind;
  readonly phase: TransitionPhase;
  /** Threads that run the new version, of `workers` that run anything. */
  readonly switched: number;
  readonly workers: number;
  /** Since the transition's turn came. */
  readonly milliseconds: number;
}

/** A patch object's registration of one shadow type, made or withdrawn. */
export interface RegistrationEvent {
  readonly patch: string;
  readonly object: string;
  readonly id: number;
}

/**
 * `warning` is for what stopped nothing: a callback or destructor that threw, a thread that started later and cannot load an enabled
 * patch.
 */
export interface CoordinatorEvents {
  transition: [TransitionEvent];
  registered: [RegistrationEvent];
  unregistered: [RegistrationEvent];
  collected: [CollectedEvent];
  warning: [ShadowError];
}

export class CoordinatorEmitter extends EventEmitter<CoordinatorEvents> {
  protected announce<K extends keyof CoordinatorEvents>(name: K, event: CoordinatorEvents[K][0]): void {
    try {
      (this as EventEmitter).emit(name, event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** A warning that nobody listens to goes to the process, so that it is not lost. */
  protected warn(error: ShadowError): void {
    if (this.listenerCount('warning') > 0) this.announce('warning', error);
    else process.emitWarning(error);
  }
}
