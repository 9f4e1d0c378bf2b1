/**
 * Owns the diagnostics channels of Umbra, one object each for the life of the thread: everything that publishes asks `hasSubscribers` of it first, which costs about a
 * nanosecond. What their messages are: observe/channels.ts. Touches no shared memory; imports nothing of Umbra.
 */
import { channel, type Channel } from 'node:diagnostics_channel';

export const CHANNELS = {
  transition: channel('umbra:transition'),
  milestone: channel('umbra:milestone'),
  callback: channel('umbra:callback'),
  registered: channel('umbra:registered'),
  unregistered: channel('umbra:unregistered'),
  collecting: channel('umbra:collecting'),
  collected: channel('umbra:collected'),
  migrated: channel('umbra:migrated'),
  poke: channel('umbra:poke'),
  module: channel('umbra:module'),
  pinned: channel('umbra:pinned'),
  unpinned: channel('umbra:unpinned'),
  warning: channel('umbra:warning'),
  death: channel('umbra:death'),
  recovered: channel('umbra:recovered'),
  'lock-wait': channel('umbra:lock-wait'),
} as const;

/**
 * Publishes when the work at hand is done. For what is learnt while locks are held or a constructor runs: a subscriber may use the store, and would wait for this very
 * thread. All of that is synchronous, so none of it is under way in a microtask.
 */
export function publishLater(to: Channel, message: object): void {
  queueMicrotask(() => {
    to.publish(message);
  });
}
