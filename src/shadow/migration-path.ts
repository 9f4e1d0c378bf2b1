/**
 * Owns the search for the functions that lead from one version of an id to another. Touches no shared memory; imports type.
 *
 * Every type that names a `previous` is an edge between two versions, and one back if it has `migrateBack`. A version is a number and a size: two
 * declarations of one version with different sizes are not the same.
 */
import type { AnyShadowType, MigrateFunction } from './type.js';

/** One function on the way, and the declarations by which its two views are typed. */
export interface Step {
  readonly from: AnyShadowType;
  readonly to: AnyShadowType;
  readonly run: MigrateFunction;
}

/**
 * The shortest way from version `from` to the version of `to`: empty if they are the same, undefined if none of `to`, `known` and what they name as
 * `previous` leads there. `fromSize`, in bytes, is what is stored, where that is known.
 */
export function migrationPath(
  id: number,
  from: number,
  to: AnyShadowType,
  known: Iterable<AnyShadowType>,
  fromSize?: number,
): Step[] | undefined {
  if (to.id !== id) return undefined;
  if (from === to.version) return fromSize === undefined || fromSize === to.size ? [] : undefined;
  const steps = stepsOf(id, to, known);
  const seen = new Set<string>();
  let ways: Step[][] = steps
    .filter((step) => step.from.version === from && (fromSize ?? step.from.size) === step.from.size)
    .map((step) => [step]);
  while (ways.length > 0) {
    const longer: Step[][] = [];
    for (const way of ways) {
      const reached = way.at(-1)!.to;
      if (reached.version === to.version && reached.size === to.size) return way;
      if (seen.has(nodeOf(reached))) continue;
      seen.add(nodeOf(reached));
      for (const step of steps) if (nodeOf(step.from) === nodeOf(reached)) longer.push([...way, step]);
    }
    ways = longer;
  }
  return undefined;
}

/** A declaration of this very version and size: the type itself, one that it leads back to, or one that this thread knows. */
export function declarationOf(
  type: AnyShadowType | undefined,
  version: number,
  size: number,
  known: Iterable<AnyShadowType>,
  id: number,
): AnyShadowType | undefined {
  for (const candidate of declarations(id, type, known)) if (candidate.version === version && candidate.size === size) return candidate;
  return undefined;
}

function stepsOf(id: number, to: AnyShadowType, known: Iterable<AnyShadowType>): Step[] {
  const steps: Step[] = [];
  for (const type of declarations(id, to, known)) {
    const { previous, migrate, migrateBack } = type;
    if (previous === undefined) continue;
    if (migrate !== undefined) steps.push({ from: previous, to: type, run: migrate });
    if (migrateBack !== undefined) steps.push({ from: type, to: previous, run: migrateBack });
  }
  return steps;
}

/** The type first, then what it leads back to, then the others; each once. */
function declarations(id: number, type: AnyShadowType | undefined, known: Iterable<AnyShadowType>): Set<AnyShadowType> {
  const found = new Set<AnyShadowType>();
  for (const each of [type, ...known]) {
    for (let one = each; one?.id === id && !found.has(one); one = one.previous) found.add(one);
  }
  return found;
}

function nodeOf({ version, size }: AnyShadowType): string {
  return `${version}:${size}`;
}
