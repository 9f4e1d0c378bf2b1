/** Owns the guess at what somebody meant to type. Imports nothing. */

/**
 * The candidate that takes the fewest insertions, deletions, replacements and swaps of neighbours to come by, if they are few for its length.
 * What begins with the text counts as near, too.
 */
export function nearest(typed: string, candidates: readonly string[]): string | undefined {
  const text = typed.toLowerCase();
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of candidates) {
    const edits = text.length >= 2 && candidate.startsWith(text) ? 0.5 : distance(text, candidate);
    if (edits < least && edits < candidate.length && edits <= Math.max(1, Math.floor(candidate.length / 3))) {
      best = candidate;
      least = edits;
    }
  }
  return best;
}

function distance(from: string, to: string): number {
  let beforeLast: readonly number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let edits = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) edits = Math.min(edits, beforeLast[column - 2]! + 1);
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length]!;
}
