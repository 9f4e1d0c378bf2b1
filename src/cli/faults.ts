/**
 * What a run can find wrong: one record per finding, counted by kind. Plain data, structured-clone friendly. Imports nothing.
 */

/** The five kinds of the JSON verdict, and `accounting` for every other figure that does not add up. */
export const FAULT_KINDS = ['lostUpdates', 'duplicateVariables', 'mixedTasks', 'unconstructedReads', 'leakedBlocks', 'accounting'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** What was looked at, with its object and id where it has them. */
  readonly what: string;
  readonly expected: string | number;
  readonly found: string | number;
}

/** Findings beyond this number per kind are counted but not kept: one broken rule may show in every object. */
export const KEPT_FAULTS = 20;

/** Collects findings. */
export class FaultList {
  readonly counts: Record<FaultKind, number> = {
    lostUpdates: 0,
    duplicateVariables: 0,
    mixedTasks: 0,
    unconstructedReads: 0,
    leakedBlocks: 0,
    accounting: 0,
  };
  private kept: Fault[] = [];
  private readonly keptOfKind = new Map<FaultKind, number>();

  /** `times`: how many findings of the kind this record stands for. */
  add(fault: Fault, times = 1): void {
    this.counts[fault.kind] += times;
    const kept = this.keptOfKind.get(fault.kind) ?? 0;
    if (kept >= KEPT_FAULTS) return;
    this.keptOfKind.set(fault.kind, kept + 1);
    this.kept.push(fault);
  }

  /** Takes over what another thread collected. */
  merge(findings: Findings): void {
    for (const fault of findings.faults) this.add(fault, 0);
    for (const kind of FAULT_KINDS) this.counts[kind] += findings.counts[kind];
  }

  /** What was found since the last call. */
  drain(): Findings {
    const findings = { faults: this.kept, counts: { ...this.counts } };
    this.kept = [];
    for (const kind of FAULT_KINDS) this.counts[kind] = 0;
    return findings;
  }

  get total(): number {
    return FAULT_KINDS.reduce((sum, kind) => sum + this.counts[kind], 0);
  }

  get faults(): readonly Fault[] {
    return this.kept;
  }
}

export interface Findings {
  readonly faults: readonly Fault[];
  readonly counts: Readonly<Record<FaultKind, number>>;
}

/** "object 17, id 0x10" */
export function pairName(object: unknown, id: number): string {
  return `object ${String(object)}, id 0x${id.toString(16)}`;
}
