/**
 * Owns the question whether the results of an execution can be explained by its operations taking place one after the other, each at some moment between
 * its call and its return. The histories are tiny, so all orders are tried; states that were reached before are not tried again. What a dead thread had
 * begun may have taken place or not. Imports nothing.
 */

/** Variables by name, and whatever else the operations of a scenario change. Values are plain JSON. */
export type State = Record<string, unknown>;

/**
 * What an operation does to the state when nothing else happens meanwhile, and what it answers then. `answered` is what it did answer, for operations that
 * may choose; undefined if it never returned.
 */
export type Effect = (state: State, answered: unknown) => unknown;

export interface Recorded {
  readonly thread: number;
  readonly name: string;
  readonly effect: Effect;
  readonly called: number;
  /** Infinity while it has not returned. */
  returned: number;
  result: unknown;
}

/** Whether some order explains all results, and what is found in the end: null where nothing is. */
export function isExplained(initial: State, recorded: readonly Recorded[], final: State): boolean {
  const isFound = (state: State): boolean => Object.keys(final).every((key) => (state[key] ?? null) === final[key]);
  const tried = new Set<string>();
  const attempt = (left: readonly Recorded[], state: State): boolean => {
    const key = `${left.map(({ called }) => called).join()} ${JSON.stringify(sorted(state))}`;
    if (tried.has(key)) return false;
    tried.add(key);
    if (left.every(({ returned }) => returned === Infinity) && isFound(state)) return true;
    const firstReturn = Math.min(...left.map(({ returned }) => returned));
    return left.some((one) => {
      if (one.called > firstReturn) return false;
      const after = structuredClone(state);
      const result = one.effect(after, one.result);
      if (one.returned !== Infinity && JSON.stringify(result) !== JSON.stringify(one.result)) return false;
      return attempt(
        left.filter((other) => other !== one),
        after,
      );
    });
  };
  return attempt(recorded, initial);
}

/** One line for each operation, in the order of their calls. */
export function describeHistory(recorded: readonly Recorded[]): string {
  return [...recorded]
    .sort((a, b) => a.called - b.called)
    .map(({ thread, name, called, returned, result }) => {
      const answer = returned === Infinity ? 'never returned' : `${String(returned)}: ${JSON.stringify(result)}`;
      return `  thread ${thread} ${name} called ${called}, ${answer}`;
    })
    .join('\n');
}

/** What the history says, for recognising it again. */
export function historyKey(recorded: readonly Recorded[]): string {
  const order = recorded.flatMap((one, i) => [
    { at: one.called, what: `c${i}` },
    { at: one.returned, what: `r${i}` },
  ]);
  order.sort((a, b) => a.at - b.at);
  // Calls in a row, and returns in a row, have no order among themselves.
  let key = '';
  let run: string[] = [];
  for (const { what } of order) {
    if (run.length > 0 && run[0]![0] !== what[0]) {
      key += run.sort().join();
      run = [];
    }
    run.push(what);
  }
  return `${key}${run.sort().join()} ${recorded.map(({ result, returned, name }) => `${name}${returned === Infinity ? '?' : JSON.stringify(result)}`).join()}`;
}

function sorted(state: State): [string, unknown][] {
  return Object.entries(state)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
