/**
 * Owns what is told on which diagnostics channel, and the typed way to listen. Touches no shared memory. Imports errors, channels, lock-waits and the types of the
 * messages.
 */
import { type Channel, subscribe, unsubscribe } from 'node:diagnostics_channel';

import { CHANNELS } from '../channels.js';
import { describe, ShadowError } from '../errors.js';
import type { CollectedEvent, CollectingEvent } from '../livepatch/collector.js';
import type { CallbackEvent, MilestoneEvent, ModuleEvent, PokeEvent, RegistrationEvent, TransitionEvent } from '../livepatch/events.js';
import type { MigratedEvent } from '../livepatch/migrations.js';
import type { PinnedPatch } from '../livepatch/registrar.js';
import { type LockWait, tellWaits, TOLD_MILLISECONDS } from '../memory/lock-waits.js';
import type { RecoveryReport, ThreadDeath } from '../recovery/recover.js';

/**
 * The channels of `node:diagnostics_channel` by name, each without the `umbra:` it begins with, and what is published there. Every channel speaks in the thread in which the thing
 * happens: all but the last three in the coordinator's.
 */
export interface UmbraChannels {
  /** Each step of a transition: loading, start, one more thread switched, reversed, over. */
  transition: TransitionEvent;
  /** Each step of an operation, finer than `transition`. */
  milestone: MilestoneEvent;
  /** A declared callback is about to run. */
  callback: CallbackEvent;
  /** A shadow type was registered for a patch, or is not any more. */
  registered: RegistrationEvent;
  unregistered: RegistrationEvent;
  /** The variables of an id became invisible, and then were destroyed. */
  collecting: CollectingEvent;
  collected: CollectedEvent;
  /** The variables of an id that were left in an older version were migrated. */
  migrated: MigratedEvent;
  /** A transition has looked in vain for a while, and wakes those that hold it up. */
  poke: PokeEvent;
  /** A module came, went, or was refused. */
  module: ModuleEvent;
  /** A forced transition left registrations of a patch in force, and `unpin()` gave them up. */
  pinned: PinnedPatch;
  unpinned: PinnedPatch;
  /** Something failed that stops nothing. */
  warning: ShadowError;
  /** A thread was found dead, in the thread that found it so: once for each death. */
  death: ThreadDeath;
  /** What a dead thread left was dealt with, in the thread that did it. Once, with `complete: true`; before that it may be told that something is left to do. */
  recovered: RecoveryReport;
  /** This thread has waited for a lock, 10 ms or longer; see `overMilliseconds`. */
  'lock-wait': LockWait;
}

/** Options of `observe()`. */
export interface ObserveOptions {
  /** For 'lock-wait': how long a wait is that the listener hears of, ms. Default 10. */
  readonly overMilliseconds?: number;
}

const known: Readonly<Record<keyof UmbraChannels, Channel>> = CHANNELS;

/**
 * Has `listener` called with what is published on `umbra:<name>` in this thread; @returns what ends that. It is called with no lock held and may use the store.
 * What it throws is reported as an uncaught exception, and disturbs nothing else. What is subscribed to directly, with `node:diagnostics_channel`, hears of waits for locks
 * that are as long as the default, or as somebody else wants to hear of.
 * @throws ERR_SHADOW_OPTION
 */
export function observe<K extends keyof UmbraChannels>(
  name: K,
  listener: (message: UmbraChannels[K]) => void,
  options: ObserveOptions = {},
): () => void {
  check(name, listener, options);
  const { overMilliseconds = TOLD_MILLISECONDS } = options;
  const isWait = name === 'lock-wait';
  const heard = (message: unknown): void => {
    if (!isWait || (message as LockWait).milliseconds >= overMilliseconds) listener(message as UmbraChannels[K]);
  };
  const channelName = known[name].name;
  const untell = isWait ? tellWaits(overMilliseconds) : undefined;
  subscribe(channelName, heard);
  return () => {
    unsubscribe(channelName, heard);
    untell?.();
  };
}

function check(name: string, listener: unknown, options: ObserveOptions): void {
  if (!Object.hasOwn(known, name))
    throw new ShadowError('ERR_SHADOW_OPTION', `there is no channel ${describe(name)}; there are ${Object.keys(known).join(', ')}`);
  if (typeof listener !== 'function') throw new ShadowError('ERR_SHADOW_OPTION', `observe() takes a function, not ${describe(listener)}`);
  if (typeof options !== 'object' || (options as unknown) === null || Object.keys(options).some((key) => key !== 'overMilliseconds'))
    throw new ShadowError('ERR_SHADOW_OPTION', `the options of observe() are { overMilliseconds }, not ${describe(options)}`);
  const { overMilliseconds } = options;
  if (overMilliseconds === undefined) return;
  if (name !== 'lock-wait') throw new ShadowError('ERR_SHADOW_OPTION', `overMilliseconds is for 'lock-wait', not for ${describe(name)}`);
  if (typeof overMilliseconds !== 'number' || !(overMilliseconds >= 0))
    throw new ShadowError(
      'ERR_SHADOW_OPTION',
      `overMilliseconds is ${describe(overMilliseconds)}; give a number of milliseconds, 0 or more`,
    );
}
