/**
 * Owns what simulated threads have in the place of Node's BroadcastChannel, with what its protocol relies on: a message is in the queue of a thread when posting
 * it there is over, one queue after the other, and messages of one thread keep their order. Rewritten like the code that is explored. Imports office.
 */
import { desk, type Opened } from './office.js';

export const threadId = desk.thread + 1;

export class BroadcastChannel implements Opened {
  onmessage: Opened['onmessage'] = () => undefined;

  constructor() {
    desk.open(this);
  }

  postMessage(message: unknown): void {
    const { mail } = desk;
    for (const other of desk.others()) {
      Atomics.add(mail, other, 1);
      desk.put(other, message);
      if (desk.sleeps(other)) Atomics.notify(mail, other);
    }
  }

  ref(): void {
    // The thread is simulated: nothing keeps it alive.
  }

  unref(): void {
    // As above.
  }

  close(): void {
    // Nobody asks any more.
  }
}

export function receiveMessageOnPort(): { readonly message: unknown } | undefined {
  const { mail, thread } = desk;
  if (Atomics.load(mail, thread) === 0) return undefined;
  Atomics.sub(mail, thread, 1);
  return { message: desk.take() };
}
