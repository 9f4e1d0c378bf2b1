/**
 * Owns the text that is explored: the compiled modules that a scenario needs, with tiny sizes in the place of the real ones and, for a mutation, with one
 * fault planted. A change that no longer fits the text fails loudly: it would show nothing. Reads dist/src; imports layout, text-change.
 */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';

import { layoutWith, type LayoutValues, substitute } from './layout.js';
import { applyChange, type TextChange } from './text-change.js';

export interface Tuning {
  readonly layout: LayoutValues;
  readonly texts: readonly TextChange[];
}

/** One compiled module. */
export interface Source {
  /** Path below dist/src. */
  readonly path: string;
  readonly text: string;
}

const COMPILED = new URL('../../../src/', import.meta.url);
/** What stands around the code, see plumbing/: named as if it lay in dist/src. */
const AROUND = new URL('./', import.meta.url);
const PLUMBING = 'plumbing/';
const IMPORT = /^(?:import|export)\s[^;]*?from '(\.[^']+)';/gm;

/** The modules that `entries` lead to, those in `replaced` excepted. */
export function readSources(
  entries: readonly string[],
  tuning: Tuning,
  faults: readonly TextChange[] = [],
  replaced: ReadonlySet<string> = new Set(),
): Source[] {
  const before = layoutWith({});
  const after = layoutWith(tuning.layout);
  const changes = [...tuning.texts, ...faults];
  const missed = new Set(changes);
  const sources = new Map<string, Source>();
  const queue = [...entries];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    if (sources.has(path) || replaced.has(path)) continue;
    let text = compiled(path);
    for (const change of changes) {
      if (change.module !== path) continue;
      text = applyChange(text, change, before);
      missed.delete(change);
    }
    sources.set(path, { path, text: substitute(text, before, after) });
    for (const [, specifier] of text.matchAll(IMPORT)) queue.push(posix.join(posix.dirname(path), specifier!));
  }
  for (const { module } of missed) throw new Error(`a change is meant for ${module}, which is not among the modules explored`);
  return [...sources.values()];
}

/** The text of a module, or of what stands around the code. */
export function compiled(path: string): string {
  return readFileSync(new URL(path, path.startsWith(PLUMBING) ? AROUND : COMPILED), 'utf8');
}
