/**
 * Owns the thin layer that stands for Node around the code of live patching: the event loop of a worker, and the coordinator's wait, which is Wake.until() with
 * Atomics.wait in the place of a promise. Rewritten like the code that is explored. Imports layout, office, channel and the types of what it drives.
 */
import { Layout } from '../../../../src/memory/layout.js';
import type { Agent } from '../../../../src/livepatch/agent.js';
import type { Threads } from '../../../../src/livepatch/threads.js';
import type { ShadowStore } from '../../../../src/shadow/store.js';
import { receiveMessageOnPort } from './channel.js';
import { desk } from './office.js';

/** A promise that can be looked at. */
export interface Later<T> {
  readonly isSettled: boolean;
  /** @throws what it was rejected with */
  result(): T;
}

/** One turn of the event loop: what was put off, or one message. False if there is neither. */
export function turn(): boolean {
  const task = desk.immediates.shift();
  const received = task === undefined ? receiveMessageOnPort() : undefined;
  if (task !== undefined) task();
  else if (received === undefined) return false;
  else deliver(received.message);
  const endTurn = desk.endTurn;
  endTurn();
  return true;
}

function deliver(message: unknown): void {
  const channel = desk.opened();
  if (channel !== undefined) channel.onmessage({ data: message });
}

/** Turns of the event loop until something is so. */
export function loopUntil(isSo: () => boolean): void {
  const { mail, thread } = desk;
  while (!isSo()) {
    if (turn()) continue;
    desk.sleep(true);
    Atomics.wait(mail, thread, 0);
    desk.sleep(false);
  }
}

/** The entry of a task, which waits at the gate if it has to. */
export function enterTask(agent: Agent, kind: number): number {
  const entry = agent.enter(kind);
  if (entry >= 0) return entry;
  const admission = agent.admission(kind) as unknown as Later<number>;
  loopUntil(() => admission.isSettled);
  return admission.result();
}

/** Turns until the thread has acted on a manifest. */
export function follow(store: ShadowStore, epoch: number): void {
  const { words, slotAddress } = store.internals;
  loopUntil(() => Atomics.load(words, slotAddress + Layout.THREAD_PATCH_EPOCH) >= epoch);
}

/** What the coordinator has found out about all threads, besides the number of the version that they run. */
export const enum Declared {
  NOTHING = -1,
  /** No task is in flight anywhere, and none begins. */
  DRAINED = -2,
}

/**
 * What whoever calls a version of a function sees: no version but the declared one runs anywhere. The coordinator is at liberty to free what only others need.
 * @returns the version
 */
export function observed(version: number): number {
  const declared = Atomics.load(desk.mail, desk.declared) - 1;
  if (declared === Declared.DRAINED) throw new Error(`version ${version} runs although all threads were found to be drained`);
  if (declared >= 0 && declared !== version) throw new Error(`version ${version} runs although all threads were found to run ${declared}`);
  return version;
}

/** The coordinator has found that every thread runs a version, or says that this holds no longer. */
export function declare(version: number): void {
  Atomics.store(desk.mail, desk.declared, version + 1);
}

/** What was said before this moment does not reach the thread: it opens its channel now. */
export function tuneIn(): void {
  const { mail, thread } = desk;
  for (let left = Atomics.exchange(mail, thread, 0); left > 0; left--) desk.take();
}

/**
 * Waits until every thread has done what the coordinator has ordered. Threads that died are recovered, and questions answered, when nothing else happens.
 * @throws when the last one to switch has not woken the coordinator: in Node only the safety net would help, a second later
 */
export function awaitObeyed(threads: Threads, store: ShadowStore): void {
  const { words } = store.internals;
  for (;;) {
    // As in wake.ts: what happens during the look is not missed.
    const seen = Atomics.load(words, Layout.PATCH_WAKE);
    if (threads.isObeyed()) return;
    if (Atomics.wait(words, Layout.PATCH_WAKE, seen) !== 'timed-out') continue;
    if (desk.isQuiet() && threads.isObeyed()) throw new Error('all have done their part, and nobody has woken the coordinator');
    threads.line.receive();
    store.recover();
  }
}

/** Looks once more, after threads were found to have done what was ordered: that stays so. @throws if it does not */
export function lookAgain(threads: Threads, version: number): void {
  // One that was found to have switched may still be about to say that it is not switching any more.
  const isSo = version === Declared.DRAINED ? threads.isObeyed() : threads.agents().every((agent) => runsNothingElse(agent, version));
  if (!isSo) throw new Error('a thread has done what was ordered, and then something else');
}

function runsNothingElse(agent: { readonly version: number }, version: number): boolean {
  return agent.version === version || agent.version === Layout.PATCH_NOT_RUNNING;
}

/** Answers questions until a thread that was starting has acted on the manifest in force. */
export function serve(threads: Threads, store: ShadowStore): void {
  const { words } = store.internals;
  for (;;) {
    const seen = Atomics.load(words, Layout.PATCH_WAKE);
    const { epoch } = threads.line.manifest;
    if (threads.agents().some(({ acted }) => acted === epoch)) return;
    if (Atomics.wait(words, Layout.PATCH_WAKE, seen) !== 'timed-out') continue;
    if (desk.isAnyDead()) return;
    threads.line.receive();
  }
}
