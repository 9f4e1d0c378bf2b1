/**
 * Owns the events of a coordinator and their delivery: to listeners, and to `node:diagnostics_channel` as `umbra:<event>`, but for
 * `recovered`, which whoever recovers publishes, with or without a coordinator. A listener that
 * throws must not stop a transition half-way, nor keep others from the event: its error surfaces as an uncaught exception of its own. Touches no shared memory. Imports
 * channels, errors and the types of what the events carry.
 */
import { EventEmitter } from 'node:events';

import { CHANNELS } from '../channels.js';
import type { ShadowError } from '../errors.js';
import type { RecoveryReport } from '../recovery/recover.js';
import type { CollectedEvent, CollectingEvent } from './collector.js';
import type { MigratedEvent } from './migrations.js';
import type { Callbacks, ModulePhase } from './patch.js';
import type { PinnedPatch } from './registrar.js';
import type { Straggler } from './stragglers.js';

/** What was asked for; `replace` is an enabling that takes the place of all patches before it. */
export type TransitionKind = 'enable' | 'replace' | 'disable';

/**
 * What a transition is doing: loading everywhere, taken over from a coordinator that died, beginning to switch, one more thread switched, turned round, past its deadline, given up
 * waiting for threads, over, or refused with nothing changed.
 */
export type TransitionPhase = 'load' | 'resume' | 'start' | 'progress' | 'reverse' | 'stalled' | 'forced' | 'complete' | 'failed';

/** A transition has come one step further. */
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

/** Which way threads are being switched: to the patch, or away from it. */
export type DirectionName = 'patching' | 'unpatching';

/** One step of an operation, in the order of livepatch-semantics section 2; `patch` is the patch it is about. */
export type MilestoneEvent = { readonly patch: string } & (
  | { readonly milestone: 'enable-begin' | 'enable-failed' | 'transition-cancel' | 'incompatible' }
  | {
      readonly milestone: 'transition-init' | 'transition-start' | 'transition-completing' | 'transition-done';
      readonly direction: DirectionName;
    }
  | { readonly milestone: 'transition-reverse'; readonly from: DirectionName; readonly to: DirectionName }
  /** `object` is null when the callback of a state refused. */
  | { readonly milestone: 'pre-patch-failed'; readonly object: string | null }
  | { readonly milestone: 'patch-object-failed'; readonly object: string }
  | { readonly milestone: 'redirect-failed'; readonly object: string; readonly function: string; readonly code: 'EBUSY' }
  | { readonly milestone: 'apply-to-module' | 'revert-from-module' | 'module-refused'; readonly module: string }
  | { readonly milestone: 'forced'; readonly reason: string }
);

/** A declared callback is about to run. Of an object, or of a state. */
export interface CallbackEvent {
  readonly callback: keyof Callbacks<never>;
  readonly patch: string;
  readonly object: string | null;
  readonly state: number | null;
  /** Of the object's module; null for `base` and for states. */
  readonly module: ModulePhase | null;
}

/** The registration of one shadow type, made or withdrawn, by a patch object or by a state. */
export interface RegistrationEvent {
  readonly patch: string;
  readonly object: string | null;
  readonly state: number | null;
  readonly id: number;
  /** Registrations of the id from now on, the application's included. */
  readonly references: number;
}

/** A transition has waited for long and pokes the threads that hold it up. */
export interface PokeEvent {
  readonly patch: string;
  /** How often the transition looked in vain, counted from 1. */
  readonly attempt: number;
  readonly stragglers: readonly Straggler[];
}

/** A module of the application has come to a phase, is gone, or was refused by an enabled patch. */
export interface ModuleEvent {
  readonly name: string;
  readonly phase: ModulePhase | 'gone' | 'refused';
}

/**
 * `warning` is for what stopped nothing: a callback or destructor that threw, a thread that started later and cannot load an enabled
 * patch.
 */
export interface CoordinatorEvents {
  transition: [TransitionEvent];
  milestone: [MilestoneEvent];
  callback: [CallbackEvent];
  registered: [RegistrationEvent];
  unregistered: [RegistrationEvent];
  collecting: [CollectingEvent];
  collected: [CollectedEvent];
  migrated: [MigratedEvent];
  poke: [PokeEvent];
  module: [ModuleEvent];
  pinned: [PinnedPatch];
  unpinned: [PinnedPatch];
  recovered: [RecoveryReport];
  warning: [ShadowError];
}

export type Announce = <K extends keyof CoordinatorEvents>(name: K, event: CoordinatorEvents[K][0]) => void;

export class CoordinatorEmitter extends EventEmitter<CoordinatorEvents> {
  /** @internal Warnings so far: a listener that counted them would keep them from the process. */
  $warnings = 0;
  /** @internal Called when the coordinator has closed: what was pending then ends without an event. */
  readonly $onClosed = new Set<() => void>();
  protected readonly announce: Announce = (name, event) => {
    publish(name, event);
    // One by one, since emit() would keep the event from those behind a listener that throws.
    for (const listener of (this as EventEmitter).rawListeners(name)) {
      try {
        Reflect.apply(listener, this, [event]);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };

  /** A warning that nobody listens to goes to the process, so that it is not lost. */
  protected readonly warn = (error: ShadowError): void => {
    this.$warnings++;
    if (this.listenerCount('warning') > 0) this.announce('warning', error);
    else {
      publish('warning', error);
      process.emitWarning(error);
    }
  };
}

/** Subscribers of a channel cannot stop anything either: Node reports what they throw as uncaught exceptions. */
function publish(name: keyof CoordinatorEvents, event: unknown): void {
  if (name !== 'recovered' && CHANNELS[name].hasSubscribers) CHANNELS[name].publish(event);
}
