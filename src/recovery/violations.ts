/**
 * Owns what check() has to say: the rules, one record per broken one, and how many of them are kept. Touches no shared memory; imports layout.
 */
import type { WordAddress } from '../memory/layout.js';

/**
 * The rules. `header`: the fixed words. `chain`: bucket chains. `entry`: what stands in them. `block`: block headers, and that a block is in one place.
 * `list`: lists of blocks. `page`: pages and their border. `count`: counters. `leak`: a block that is nowhere. `type`: the type table. `name`: strings and
 * object handles. `thread`: thread slots. `lock`: a lock that nobody holds, or that was not released. `busy`: a thread that never came to rest.
 */
export type Rule =
  'header' | 'chain' | 'entry' | 'block' | 'list' | 'page' | 'count' | 'leak' | 'type' | 'name' | 'thread' | 'lock' | 'busy';

/** One broken invariant. */
export interface Violation {
  /** Which rule, as a stable word. */
  readonly rule: Rule;
  readonly what: string;
  /** Word address in the reservation. */
  readonly address: WordAddress;
}

/** Violations beyond this number are counted only: a broken word tends to break many rules. */
const MOST_VIOLATIONS = 100;

/** Collects violations. What is to be said is worked out only for those that are kept. */
export class Findings {
  readonly kept: Violation[] = [];
  omitted = 0;
  readonly #rules = new Map<Rule, number>();

  add(rule: Rule, address: WordAddress, what: () => string): void {
    if (this.kept.length === MOST_VIOLATIONS) {
      this.omitted++;
      if (this.#rules.has(rule)) return;
      this.#makeRoom();
    }
    this.#keep({ rule, what: what(), address });
  }

  /** Takes over what another collection has. */
  join({ kept, omitted }: Findings): void {
    for (const violation of kept) this.add(violation.rule, violation.address, () => violation.what);
    this.omitted += omitted;
  }

  get none(): boolean {
    return this.kept.length === 0;
  }

  #keep(violation: Violation): void {
    this.kept.push(violation);
    this.#rules.set(violation.rule, (this.#rules.get(violation.rule) ?? 0) + 1);
  }

  /** No rule keeps another one from being heard at all: drops the last violation of the rule that has most. */
  #makeRoom(): void {
    const [[rule, count]] = [...this.#rules].sort(([, a], [, b]) => b - a) as [[Rule, number]];
    this.#rules.set(rule, count - 1);
    this.kept.splice(
      this.kept.findLastIndex((violation) => violation.rule === rule),
      1,
    );
  }
}
