/**
 * Variables in many versions: each knows whose it is, the serial number of its life and the version it was born in, whatever its size, and shared memory
 * counts every step that a migration function took with it.
 */
import { bytes } from '../../src/shadow/fields.js';
import type { Parent } from '../../src/shadow/objects.js';
import { defineShadowType, type ShadowType } from '../../src/shadow/type.js';
import type { ViewOf } from '../../src/shadow/view-classes.js';
import { type Ledger, nameOf, whose } from './payload.js';

export const VERSIONED_ID = 0x70;
export const LAST_VERSION = 6;
/** Counters of one life: by the version it was migrated to. */
const COUNTERS = 8;
/** Bytes behind the fields, by version: blocks of small and large classes in turn. */
const FILL = [0, 20, 1500, 1, 300, 5000, 20];

interface VersionFields extends Readonly<Record<string, 'u32' | 'f64' | ReturnType<typeof bytes>>> {
  readonly serial: 'u32';
  readonly whose: 'f64';
  readonly born: 'u32';
  readonly version: 'u32';
  readonly touched: 'u32';
  readonly fill: ReturnType<typeof bytes>;
  readonly last: 'u32';
}
export type VersionView = ViewOf<VersionFields>;
export type VersionType = ShadowType<VersionFields>;

export class MigrationFailure extends Error {}

export interface VersionedWorld {
  readonly ledger: Ledger;
  /** Uint8, one per life and version. */
  readonly steps: SharedArrayBuffer;
  readonly linger: () => void;
  /** Whether the next migration is to throw. */
  readonly fails: () => boolean;
}

/** The types of all versions; index = version, 0 is unused. */
export function versionTypes(world: VersionedWorld): readonly VersionType[] {
  const types: VersionType[] = [undefined as never];
  for (let version = 1; version <= LAST_VERSION; version++) types.push(versionType(world, version, types[version - 1]));
  return types;
}

function versionType({ ledger, steps, linger, fails }: VersionedWorld, version: number, previous: VersionType | undefined): VersionType {
  const counters = new Uint8Array(steps);
  const fill = FILL[version]!;
  const declaration = {
    id: VERSIONED_ID,
    version,
    fields: { serial: 'u32', whose: 'f64', born: 'u32', version: 'u32', touched: 'u32', fill: bytes(fill), last: 'u32' } as VersionFields,
    ctor(parent: Parent, view: VersionView): void {
      const serial = ledger.conceive();
      write(view, serial, whose(parent), version, version, linger);
      ledger.born(serial);
    },
    dtor(parent: Parent, view: VersionView): void {
      ledger.died(verifyVersion(ledger, version, parent, view));
    },
  };
  if (previous === undefined) return defineShadowType<VersionFields>(declaration);
  return defineShadowType<VersionFields, unknown, VersionFields>({
    ...declaration,
    previous,
    migrate(parent, old, view) {
      const serial = verifyVersion(ledger, version - 1, parent, old);
      if (view.serial !== 0 || view.last !== 0) throw new Error('the memory of a migrated variable is not zeroed');
      linger();
      if (fails()) throw new MigrationFailure();
      if (ledger.isDead(serial)) throw new Error(`life ${serial} is migrated, but it is over`);
      write(view, serial, old.whose, old.born, version, linger);
      view.touched = old.touched;
      const before = Atomics.add(counters, serial * COUNTERS + version, 1);
      if (before !== 0) throw new Error(`life ${serial} was migrated to version ${version} ${before + 1} times`);
    },
  });
}

function write(view: VersionView, serial: number, owner: number, born: number, version: number, linger: () => void): void {
  view.serial = serial;
  view.whose = owner;
  linger();
  view.born = born;
  view.version = version;
  view.fill = new Uint8Array(FILL[version]!).fill(serial & 0xff);
  view.last = serial;
}

/** Throws unless the view shows a whole variable of this parent and version. Returns the serial number of its life. */
export function verifyVersion(ledger: Ledger, version: number, parent: Parent, view: VersionView): number {
  const { serial, last, fill } = view;
  if (view.whose !== whose(parent) || view.version !== version || serial !== last || fill.some((byte) => byte !== (serial & 0xff)))
    throw new Error(
      `version ${version} of ${nameOf(parent)} shows serial ${serial}/${last} in version ${view.version} of ${view.whose}; it is foreign, torn or unfinished`,
    );
  ledger.requireBorn(serial);
  return serial;
}

/** How often a life was migrated to a version. */
export function stepsOf(steps: SharedArrayBuffer, serial: number, version: number): number {
  return new Uint8Array(steps)[serial * COUNTERS + version]!;
}

export function stepsForLives(lives: number): SharedArrayBuffer {
  return new SharedArrayBuffer(lives * COUNTERS);
}

/** What the test and its workers share. */
export interface VersionsData {
  readonly ledger: SharedArrayBuffer;
  readonly steps: SharedArrayBuffer;
  readonly keys: number;
  readonly marks: SharedArrayBuffer;
  /** Variables of another id that each worker creates meanwhile, so that buckets are split. */
  readonly growth: number;
  /** One migration in so many throws; 0 = none. */
  readonly failOneIn: number;
}

/** Version in force, or about to be. */
export const VERSION_MARK = 0;
/** Operations of all workers. */
export const OPERATIONS_MARK = 1;

export interface VersionsPart {
  readonly hits: number;
  readonly outdated: number;
  readonly failed: number;
}
