/** Operations on patches. Each stands twice in the list: threads are killed at the steps of the coordinator, and at those of a thread that follows. */
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { Deck, type PatchOperation, type Sailor } from './patch-operation.js';
import { PATCHES, typesOf } from './patches.js';
import { Passenger } from './passenger.js';
import { soon } from './soon.js';

const enable = ({ coordinator }: Sailor, name: string): Promise<unknown> => coordinator!.enable({ code: PATCHES[name]! });

/** The patch, and variables of its types. */
async function enableAndFill(captain: Sailor, name: string): Promise<void> {
  await enable(captain, name);
  for (let object = 0; object < 20; object++) for (const type of typesOf([name])) captain.store.alloc(object, type);
}

function release({ deck }: Sailor): void {
  Atomics.store(deck, Deck.HOLD, 0);
}

/** Begins a transition that cannot end as long as the mate is in its task; false if it has ended, since that one is dead. */
async function begin(captain: Sailor, transition: Promise<unknown>): Promise<boolean> {
  let ended = false;
  const end = (): void => void (ended = true);
  transition.then(end, end);
  await soon('the transition is pending', () => ended || captain.coordinator!.stragglers().length > 0);
  return !ended;
}

/** Of this thread. */
let passenger: Passenger | undefined;

const both: readonly Omit<PatchOperation, 'where'>[] = [
  { name: 'enable', runner: 'captain', run: (captain) => enable(captain, 'a'), before: [], after: ['a'] },
  {
    name: 'enable a module',
    runner: 'captain',
    run: ({ coordinator }) => coordinator!.enable(new URL('./patch-module.js', import.meta.url)),
    before: [],
    after: ['module'],
  },
  {
    name: 'enable a second patch',
    runner: 'captain',
    arm: (captain) => enableAndFill(captain, 'a'),
    run: (captain) => enable(captain, 'b'),
    before: ['a'],
    after: ['a', 'b'],
  },
  {
    name: 'enable by pinning',
    runner: 'captain',
    held: true,
    run: async (captain) => {
      const enabling = enable(captain, 'pinned');
      await begin(captain, enabling);
      release(captain);
      await enabling;
    },
    before: [],
    after: ['pinned'],
  },
  {
    name: 'replace with a migration',
    runner: 'captain',
    arm: (captain) => enableAndFill(captain, 'a'),
    run: (captain) => enable(captain, 'raising'),
    before: ['a'],
    after: ['raising'],
  },
  {
    name: 'disable',
    runner: 'captain',
    arm: (captain) => enableAndFill(captain, 'a'),
    run: ({ coordinator }) => coordinator!.disable('a'),
    before: ['a'],
    after: [],
  },
  {
    name: 'reverse',
    runner: 'captain',
    arm: (captain) => enableAndFill(captain, 'a'),
    held: true,
    run: async (captain) => {
      const pending = await begin(captain, enable(captain, 'b'));
      const back = pending ? captain.coordinator!.reverse() : captain.coordinator!.disable('b');
      release(captain);
      await back;
    },
    before: ['a'],
    after: ['a'],
    halfway: ['a', 'b'],
  },
  {
    name: 'force',
    runner: 'captain',
    arm: (captain) => enableAndFill(captain, 'a'),
    held: true,
    run: async (captain) => {
      if (await begin(captain, enable(captain, 'b'))) await captain.coordinator!.force('chaos');
      release(captain);
    },
    before: ['a'],
    after: ['a', 'b'],
  },
  {
    name: 'an enabling that is refused',
    runner: 'captain',
    run: (captain) => enable(captain, 'refused').catch(() => undefined),
    before: [],
    after: [],
  },
];

const ofOne: readonly PatchOperation[] = [
  {
    name: 'make a coordinator',
    where: 'captain',
    runner: 'captain',
    unmanned: 'new',
    run: (captain) => {
      captain.coordinator = new PatchCoordinator(captain.store);
      return Promise.resolve();
    },
    before: [],
    after: [],
  },
  {
    name: 'take over',
    where: 'captain',
    runner: 'captain',
    unmanned: 'dead',
    run: async (captain) => {
      const coordinator = (captain.coordinator = await PatchCoordinator.recover(captain.store));
      release(captain);
      await soon('the transition is complete', () => coordinator.transition === null);
    },
    before: ['a', 'b'],
    after: ['a', 'b'],
  },
  {
    name: 'a thread exits that the coordinator has started',
    where: 'captain',
    runner: 'captain',
    arm: async (captain) => {
      await enableAndFill(captain, 'a');
      passenger = await Passenger.board(captain.store.handle);
    },
    run: () => passenger!.leave(),
    before: ['a'],
    after: ['a'],
  },
  {
    name: 'follow',
    where: 'mate',
    runner: 'mate',
    ashore: true,
    arm: (captain) => enableAndFill(captain, 'a'),
    run: async (mate) => {
      mate.follow();
      await mate.task();
    },
    before: ['a'],
    after: ['a'],
  },
  {
    name: 'tasks',
    where: 'mate',
    runner: 'mate',
    arm: (captain) => enableAndFill(captain, 'a'),
    run: async (mate) => {
      for (let i = 0; i < 3; i++) await mate.task();
    },
    before: ['a'],
    after: ['a'],
  },
  {
    name: 'leave',
    where: 'mate',
    runner: 'mate',
    arm: (captain) => enableAndFill(captain, 'a'),
    run: ({ store }) => {
      store[Symbol.dispose]();
      return Promise.resolve();
    },
    before: ['a'],
    after: ['a'],
  },
];

/** Names tell where: "enable (captain)". */
export const PATCH_OPERATIONS: readonly PatchOperation[] = [
  ...both.flatMap((operation) => (['captain', 'mate'] as const).map((where) => ({ ...operation, where }))),
  ...ofOne,
].map((operation) => ({ ...operation, name: `${operation.name} (${operation.where})` }));

const byName = new Map(PATCH_OPERATIONS.map((operation) => [operation.name, operation]));

/** Undefined if it is no operation on patches. */
export function patchOperationNamed(name: string): PatchOperation | undefined {
  return byName.get(name);
}
