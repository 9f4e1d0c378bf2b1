/**
 * Owns the judgement on what tasks did: each of them must have kept to one version, and the versions of functions that it ran must be those
 * of the stack with that number. Touches no shared memory. Imports the declaration of patches and the form of the evidence.
 */
import type { Patch } from '../livepatch/patch.js';
import type { FindingKind, FindingList } from './findings.js';
import type { Call } from './protocol.js';

/** A task that did not do what it should. */
interface Complaint {
  readonly kind: FindingKind;
  readonly n: number;
  readonly what: string;
  /** Of the code that it ran; undefined if none of that is patchable. */
  readonly version: number | undefined;
}

export class EvidenceBook {
  readonly #findings: FindingList;
  /** Oldest first, by the number of the version. */
  readonly #stacks = new Map<number, readonly Patch[]>([[0, []]]);
  /** Not judged yet, without repetitions. */
  readonly #pending = new Map<string, readonly Call[]>();
  #complaints: Complaint[] = [];

  constructor(findings: FindingList) {
    this.#findings = findings;
  }

  /** Which patches the version with this number consists of. */
  learn(version: number, stack: readonly Patch[]): void {
    this.#stacks.set(version, stack);
  }

  add(calls: readonly Call[]): void {
    if (calls.length > 0) this.#pending.set(JSON.stringify(calls), calls);
  }

  /** Task `n`, which made these calls, did not do what it should. */
  complain(kind: FindingKind, n: number, what: string, calls: readonly Call[]): void {
    this.#complaints.push({ kind, n, what, version: calls[0]?.version });
  }

  /** Judges what has come in since the last time. `isLive`: of modules that are away nothing is patched. */
  judge(isLive: (object: string) => boolean): void {
    for (const calls of this.#pending.values()) {
      const verdict = mixedIn(calls) ?? this.#strayIn(calls, isLive);
      if (verdict === undefined) continue;
      const patch = calls.findLast((call) => call.patch !== null)?.patch ?? null;
      this.#findings.add('mixed-task', patch, verdict);
    }
    this.#pending.clear();
    for (const { kind, n, what, version } of this.#complaints) {
      const names = (version === undefined ? undefined : this.#stacks.get(version))?.map(({ name }) => name);
      const under = names === undefined ? '' : `under ${names.join(', ') || 'no patch'}: `;
      this.#findings.add(kind, names?.length === 1 ? names[0]! : null, under + what, ` (task ${n})`);
    }
    this.#complaints = [];
  }

  /** Code that does not belong to the version of its task. */
  #strayIn(calls: readonly Call[], isLive: (object: string) => boolean): string | undefined {
    for (const call of calls) {
      const { name, patch, version } = call;
      const stack = this.#stacks.get(version);
      if (stack === undefined) continue; // of a step that did not come to its end
      const separator = name.lastIndexOf('.');
      const object = name.slice(0, separator);
      const key = name.slice(separator + 1);
      const owner = isLive(object)
        ? stack.findLast(({ objects }) => objects.some((o) => o.name === object && o.functions.has(key)))
        : undefined;
      if ((owner?.name ?? null) !== patch)
        return `one task ran ${tell(call)} of ${name} in the version that consists of ${stack.map((p) => p.name).join(', ') || 'no patch'}`;
    }
    return undefined;
  }
}

function mixedIn(calls: readonly Call[]): string | undefined {
  for (const call of calls) {
    const other = calls.find(({ name, patch }) => name === call.name && patch !== call.patch);
    if (other !== undefined) return `one task ran ${tell(call)} and ${tell(other)} of ${call.name}${lateNote(other)}`;
  }
  const first = calls[0]!;
  const other = calls.find(({ version }) => version !== first.version);
  if (other === undefined) return undefined;
  return `one task ran ${tell(first)} of ${first.name}, and ${tell(other)} of ${other.name} in another version${lateNote(other)}`;
}

function tell({ patch }: Call): string {
  return patch === null ? 'the original' : `the version of patch ${patch}`;
}

/** Calls come in the order in which they were made. */
function lateNote({ late }: Call): string {
  return late ? ' after it had been answered: it has to await what it starts, or what it starts belongs outside tasks' : '';
}
