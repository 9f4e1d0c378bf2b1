/**
 * Owns a thread's end of the line to the coordinator: taking its messages, asking it, and telling it what the numbers in the thread's slot
 * mean. Touches no shared memory. Imports activity, manifest and tasks.
 */
import { BroadcastChannel, type MessagePort, receiveMessageOnPort, threadId } from 'node:worker_threads';

import { activationNames, watchNames } from './activity.js';
import { type AgentMessage, channelName, type CoordinatorMessage } from './manifest.js';
import { taskNames, watchTaskNames } from './tasks.js';

/** The channel carries what other agents say as well; it is skipped. */
export type Message = CoordinatorMessage | AgentMessage;

export class Radio {
  readonly #channel: BroadcastChannel;
  #greeted = -1;
  #untold = true;
  #telling = false;

  /** `heard` gets messages that nobody took with `next()`. Nothing of this keeps the thread alive. */
  constructor(storeName: string, heard: (message: Message) => void) {
    this.#channel = new BroadcastChannel(channelName(storeName));
    this.#channel.onmessage = (event: unknown) => {
      heard((event as { readonly data: Message }).data);
    };
    this.#channel.unref();
    const renamed = (): void => {
      this.repeatNames();
    };
    watchNames(renamed);
    watchTaskNames(renamed);
    this.repeatNames();
  }

  /** Takes BroadcastChannels as well, by its documentation though not by its types. */
  next(): Message | undefined {
    return receiveMessageOnPort(this.#channel as unknown as MessagePort)?.message as Message | undefined;
  }

  /** Asks the coordinator for its manifest, once per epoch. */
  greet(epoch: number): void {
    if (this.#greeted === epoch) return;
    this.#greeted = epoch;
    this.post({ kind: 'hello' });
  }

  post(message: AgentMessage): void {
    this.#channel.postMessage(message);
  }

  /** Has the names told again soon: there are new ones, or somebody who has not heard them. */
  repeatNames(): void {
    this.#untold = true;
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.tellNames();
    });
  }

  tellNames(): void {
    if (!this.#untold) return;
    this.#untold = false;
    this.post({ kind: 'names', thread: threadId, tasks: taskNames(), activations: activationNames() });
  }

  /** Whether waiting for a message keeps the thread alive. */
  keepAlive(wanted: boolean): void {
    if (wanted) this.#channel.ref();
    else this.#channel.unref();
  }
}
