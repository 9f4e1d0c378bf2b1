/**
 * Owns the coordinator's end of the line to the other threads: publishing manifests in **the order of publishing** (manifest.ts), answering
 * threads that ask, and collecting what they report. Writes PATCH_EPOCH, PATCH_TARGET and PATCH_COORDINATOR; nobody else does. Imports
 * layout, errors, local, manifest and the type of the store.
 */
import { BroadcastChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

import { Layout } from '../memory/layout.js';
import type { ShadowStore } from '../shadow/store.js';
import { abandonStore, claimStore } from './claim.js';
import { registerLocalStore, withdrawLocalStore } from './local.js';
import {
  type AgentMessage,
  type AgentReport,
  announce,
  channelName,
  type CoordinatorMessage,
  type Manifest,
  storeName,
  UNPATCHED,
  withdraw,
} from './manifest.js';
import type { SourcePolicy } from './root.js';

/** PATCH_TARGET: which way a transition goes. */
export const NO_TRANSITION = -1;
export const UNPATCHING = 0;
export const PATCHING = 1;
export type Direction = typeof NO_TRANSITION | typeof UNPATCHING | typeof PATCHING;

export class Line {
  /** Name of the store in channel names and announcements. */
  readonly storeName: string;
  readonly #store: ShadowStore;
  readonly #words: Int32Array;
  readonly #channel: BroadcastChannel;
  readonly #onReport: (report: AgentReport) => void;
  readonly #policy: Pick<Manifest, 'policy'>;
  #manifest: Manifest;
  /** How far the next epoch is from the present one. A coordinator that died may have sent the next manifest, and not raised the epoch. */
  #step = 1;
  readonly #predecessor: number;

  /**
   * `predecessor`: the claim of the dead coordinator whose place this one takes, 0 if it is the first.
   * @throws ERR_PATCH_COORDINATOR when the store has or had another coordinator
   */
  constructor(store: ShadowStore, policy: SourcePolicy | undefined, predecessor: number, onReport: (report: AgentReport) => void) {
    this.#policy = policy === undefined ? {} : { policy };
    this.#manifest = { ...UNPATCHED, ...this.#policy };
    this.#store = store;
    this.#words = store.internals.words;
    this.#onReport = onReport;
    claimStore(store, predecessor);
    this.#predecessor = predecessor;
    if (predecessor !== 0) this.#step = 2;
    this.storeName = storeName(this.#words);
    this.#channel = new BroadcastChannel(channelName(this.storeName));
    this.#channel.onmessage = (event: unknown) => {
      this.receive((event as { readonly data: AgentMessage }).data);
    };
    this.#channel.unref();
    announce(this.storeName, { handle: store.handle, manifest: this.#manifest });
    registerLocalStore(this.storeName, store);
    this.#post({ kind: 'newcomer' });
  }

  /** The manifest in force. */
  get manifest(): Manifest {
    return this.#manifest;
  }

  set direction(direction: Direction) {
    Atomics.store(this.#words, Layout.PATCH_TARGET, direction);
    // step: publish.directed
  }

  /** Tells every thread, present or future, what to run from now on. */
  publish(order: Omit<Manifest, 'epoch' | 'policy'>): Manifest {
    this.#manifest = { ...order, ...this.#policy, epoch: Atomics.load(this.#words, Layout.PATCH_EPOCH) + this.#step };
    this.#step = 1;
    announce(this.storeName, { handle: this.#store.handle, manifest: this.#manifest });
    // step: publish.announced
    this.#post({ kind: 'manifest', manifest: this.#manifest });
    // step: publish.posted
    Atomics.store(this.#words, Layout.PATCH_EPOCH, this.#manifest.epoch);
    // step: publish.raised
    this.poke(); // a thread that has come between the message and the epoch has seen neither
    return this.#manifest;
  }

  /** Takes `first` and every message that has arrived; what an agent posted before it wrote a word is here once that word is seen. */
  receive(first?: AgentMessage): void {
    for (let message = first ?? this.#nextMessage(); message !== undefined; message = this.#nextMessage()) {
      if (message.kind === 'hello') this.#post({ kind: 'manifest', manifest: this.#manifest });
      else this.#onReport(message);
    }
  }

  /** Asks every thread to look again. */
  poke(): void {
    this.#post({ kind: 'poke' });
  }

  /** Threads that still run keep what they run; one that asks is told that nobody answers any more. */
  close(): void {
    withdraw(this.storeName);
    withdrawLocalStore(this.storeName);
    Atomics.store(this.#words, Layout.PATCH_COORDINATOR, Layout.COORDINATOR_CLOSED);
    this.#post({ kind: 'closed' });
    this.#channel.close();
  }

  /** As if this had never been there. What a predecessor left stays for another successor. */
  giveUp(): void {
    withdraw(this.storeName);
    withdrawLocalStore(this.storeName);
    abandonStore(this.#store, this.#predecessor);
    this.#channel.close();
  }

  /** Takes BroadcastChannels as well, by its documentation though not by its types. */
  #nextMessage(): AgentMessage | undefined {
    return receiveMessageOnPort(this.#channel as unknown as MessagePort)?.message as AgentMessage | undefined;
  }

  #post(message: CoordinatorMessage): void {
    this.#channel.postMessage(message);
  }
}
