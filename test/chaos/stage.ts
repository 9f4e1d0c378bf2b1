/**
 * Owns one store in which one operation is interrupted, and everything that has to hold afterwards. Imports the world, audit and master.
 */
import { Layout } from '../../src/memory/layout.js';
import { isSlotGone, osThreadOf, threadSlotAddress, threadState } from '../../src/memory/threads.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { ANONYMOUS, brokenInvariants, heldLocks, takenSlots } from './audit.js';
import type { Puppet } from './master.js';
import { watched } from './watchdog.js';
import type { Operation } from './operation.js';
import { built, type Contents, contentsOf, fateOf, hashOf, fillers, fleeting, keeper, newLedger, observe, TYPES, World } from './world.js';

const MAX_BYTES = 2 ** 22;
const MAX_THREADS = 8;
const VANISHING_MILLISECONDS = 5000;
/** Variables that probes create. */
const OF_PROBES = `${fillers[fillers.length - 1]!.id} v1 `;
const WITH_DESTRUCTOR = [built, keeper, fleeting].map(({ id }) => `${id} v1 `);

/** What the operation finds and what it leaves. */
export interface Effect {
  readonly before: Contents;
  readonly after: Contents;
}

export class Stage {
  readonly operation: Operation;
  readonly world: World;
  readonly ledger = newLedger();
  /** Threads that died before the operation. */
  readonly #corpses = new Set<number>();

  constructor(operation: Operation) {
    this.operation = operation;
    const options = { maxBytes: operation.maxBytes ?? MAX_BYTES, maxThreads: MAX_THREADS, types: TYPES };
    const store = ShadowStore.$createWithNameHash(options, hashOf(operation.colliding === true));
    observe(store.handle, this.ledger);
    this.world = new World(store);
    operation.prepare?.(this.world);
  }

  get store(): ShadowStore {
    return this.world.store;
  }

  /** Attaches a puppet to the store, and brings it to where the operation begins. */
  async cast(puppet: Puppet, arm: boolean, name = this.operation.name): Promise<void> {
    const { colliding = false } = this.operation;
    await puppet.perform({ kind: 'attach', handle: this.store.handle, ledger: this.ledger, colliding });
    if (arm) await puppet.perform({ kind: 'arm', operation: name });
  }

  /** Whether this thread does not hear of deaths, but for that of one thread: threads of other stages exit at any time, and who hears of one looks for all. */
  deafen(deaf: boolean, but?: Puppet): void {
    for (const store of [this.store, ...this.world.others]) {
      const { recovery } = store.internals;
      delete (recovery as Partial<typeof recovery>).died; // that of its class again
      if (!deaf) continue;
      const died = recovery.died.bind(recovery);
      recovery.died = (thread) => (thread === but?.thread ? died(thread) : []);
    }
  }

  /** Whether this thread does not look for the dead while it waits for memory: those of whom nobody has noticed yet are for the operation to find. */
  blind(blind: boolean): void {
    for (const { internals } of [this.store, ...this.world.others]) {
      internals.thread.onLaggard = () => {
        if (!blind) internals.recovery.repairGone();
      };
    }
  }

  /** What happens when the exit event of a thread comes. */
  hear(thread: number): void {
    watched(`recovery after an exit in "${this.operation.name}"`, () => this.store.internals.recovery.died(thread));
  }

  /** Whether a puppet has a thread slot. */
  isTaken(puppet: Puppet): boolean {
    return takenSlots(this.store).some(({ thread }) => thread === puppet.thread || thread === ANONYMOUS);
  }

  buried(puppet: Puppet): void {
    this.#corpses.add(puppet.thread);
  }

  /** How often the thread of a puppet has had to wait for a lock. */
  waitsOf(puppet: Puppet): number {
    const { words, memory } = this.store.internals;
    return Atomics.load(words, memory.threads + puppet.slot * Layout.THREAD_WORDS + Layout.THREAD_LOCK_WAITS);
  }

  /** Resolves when the operating system knows nothing of a puppet any more, which may be a moment after its exit event: for one whose event nobody hears. */
  async gone(puppet: Puppet): Promise<void> {
    const { words, memory } = this.store.internals;
    const address = threadSlotAddress(memory, puppet.slot);
    const deadline = performance.now() + VANISHING_MILLISECONDS;
    while (osThreadOf(words, address) !== 0 && threadState(words, address) !== Layout.THREAD_FREE && !isSlotGone(words, address)) {
      if (performance.now() > deadline) throw new Error('the operating system does not forget a dead thread');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Repairs whoever is dead while `holder` stands at its step, which no repair waits for; what is wrong if that one holds other locks then than before. */
  repairBeside(holder: Puppet): string[] {
    const held = (): string[] => heldLocks(this.store).filter((lock) => lock.endsWith(` slot ${holder.slot}`));
    const before = held();
    watched(`a repair beside "${this.operation.name}"`, () => {
      this.store.internals.recovery.repairGone();
    });
    const after = held();
    return before.filter((lock) => !after.includes(lock)).map((lock) => `no longer so after the repair of another thread: ${lock}`);
  }

  /** What anybody may do who suspects that threads have died. Once has to do, where the operating system has forgotten them or their exit event has come. */
  recover(): void {
    watched(`recovery after a death in "${this.operation.name}"`, () => this.store.recover());
  }

  /** What the store holds now. */
  contents(): Contents {
    return withoutProbes(contentsOf(this.world));
  }

  /**
   * Everything that is wrong after the death of `victim`. Every variable has to be as before or as after the operation, or as after it if that was
   * acknowledged; what the thread alone could have freed is gone.
   */
  wrongs(effect: Effect, victim: Puppet | undefined, acknowledged: boolean): string[] {
    return watched(`the look after a death in "${this.operation.name}"`, () => this.#wrongs(effect, victim, acknowledged));
  }

  #wrongs(effect: Effect, victim: Puppet | undefined, acknowledged: boolean): string[] {
    if (victim !== undefined) this.operation.finish?.(this.world);
    const wrongs = [...heldLocks(this.store), ...brokenInvariants(this.store)];
    for (const { slot, thread } of takenSlots(this.store)) {
      if (thread === victim?.thread || thread === ANONYMOUS || this.#corpses.has(thread))
        wrongs.push(`slot ${slot} is still that of the dead thread`);
    }
    const now = this.contents();
    const { own = () => false } = this.operation;
    for (const key of new Set([...Object.keys(effect.before), ...Object.keys(effect.after), ...Object.keys(now)])) {
      const allowed = acknowledged ? [effect.after[key]] : [effect.before[key], effect.after[key]];
      if (own(key) && victim !== undefined && !acknowledged) allowed.splice(0, 2, undefined);
      if (!allowed.includes(now[key]))
        wrongs.push(`${key} is ${now[key] ?? 'missing'}, not ${allowed.map((one) => one ?? 'missing').join(' or ')}`);
      const wrong = WITH_DESTRUCTOR.some((id) => key.startsWith(id)) ? this.#wrongFate(effect.before[key], now[key]) : undefined;
      if (wrong !== undefined) wrongs.push(`${key}: ${wrong}`);
    }
    return wrongs;
  }

  /** A variable that is there was not destroyed; one that is gone was, once at least. */
  #wrongFate(before: string | undefined, now: string | undefined): string | undefined {
    const text = now ?? before;
    if (text === undefined) return undefined;
    const { serial } = JSON.parse(text) as { readonly serial: number };
    const { destroyed } = fateOf(this.ledger, serial);
    if (now !== undefined) return destroyed === 0 ? undefined : `it is there, but its destructor ran ${destroyed} times`;
    return destroyed >= 1 ? undefined : 'it is gone, but its destructor did not run';
  }

  /** What the operation itself finds wrong. */
  async judge(acknowledged: boolean): Promise<string[]> {
    return (await this.operation.judge?.(this.world, acknowledged)) ?? [];
  }

  /** Ends the attachments of this thread. */
  close(): void {
    this.operation.clean?.(this.world);
    for (const other of this.world.others) other[Symbol.dispose]();
    this.store[Symbol.dispose]();
  }
}

function withoutProbes(contents: Contents): Contents {
  return Object.fromEntries(Object.entries(contents).filter(([key]) => !key.startsWith(OF_PROBES)));
}
