/** The patches that are enabled and disabled while threads die: scripts, and the types that they register. */
import { type AnyShadowType, defineShadowType } from '../../src/shadow/type.js';

/** Of the application, and never collected. */
export const application = defineShadowType({ id: 900, fields: { n: 'u32' } });

const HEAD = `
  const { definePatch, defineShadowType } = require('umbra/worker');
  const one = defineShadowType({ id: 60, fields: { n: 'u32' } });
  const two = defineShadowType({ id: 60, version: 2, fields: { n: 'f64' }, previous: one, migrate(obj, older, newer) { newer.n = older.n; } });
  const other = defineShadowType({ id: 61, fields: { n: 'u32' }, dtor() {} });`;

function script(name: string, more: string): string {
  return `${HEAD}
  module.exports = definePatch({ name: '${name}', ${more}
    objects: [{ name: 'base', callbacks: { prePatch() {}, postPatch() {}, preUnpatch() {}, postUnpatch() {} } },
              { name: 'sessions', functions: { touch: () => '${name}' } }] });`;
}

/** Source by name. The functions of each answer with its name. */
export const PATCHES: Readonly<Record<string, string>> = {
  a: script('a', 'shadowTypes: [one, other],'),
  b: script('b', 'shadowTypes: [other],'),
  raising: script('raising', `replace: true, migrate: 'eager', shadowTypes: [two],`),
  pinned: `${HEAD}
    module.exports = definePatch({ name: 'pinned', consistency: 'pin', objects: [{ name: 'sessions', functions: { touch: () => 'pinned' } }] });`,
  refused: `${HEAD}
    module.exports = definePatch({ name: 'refused', shadowTypes: [other],
      objects: [{ name: 'base', callbacks: { prePatch() { return -19; }, postUnpatch() {} } }] });`,
};

/** Ids that the patches of this list keep, with the number of their registrations. */
export function registrationsOf(names: readonly string[]): Record<number, number> {
  const ids: Readonly<Record<string, readonly number[]>> = { a: [60, 61], b: [61], raising: [60] };
  const counts: Record<number, number> = { [application.id]: 1 };
  for (const id of names.flatMap((name) => ids[name] ?? [])) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

const sixty1 = defineShadowType({ id: 60, fields: { n: 'u32' } });
const sixty2 = defineShadowType({
  id: 60,
  version: 2,
  fields: { n: 'f64' },
  previous: sixty1,
  migrate: (_obj, older, newer) => void (newer.n = older.n),
});
const sixtyOne = defineShadowType({ id: 61, fields: { n: 'u32' } });

/** What there is of a type that patches bring. */
export function typesOf(names: readonly string[]): readonly AnyShadowType[] {
  if (names.includes('raising')) return [sixty2];
  return names.includes('a') ? [sixty1, sixtyOne] : names.includes('b') ? [sixtyOne] : [];
}
