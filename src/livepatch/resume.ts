/**
 * Owns how a coordinator that has taken over goes on with what the dead one was in the middle of. What threads had been told of goes on in the direction it had
 * last; an enabling that no thread had been told of is given up, since whoever asked for it is gone, and a disabling goes on. Its caller holds the
 * coordinator's mutex. Touches no shared memory. Imports the parts of a coordinator, record and transition.
 */
import type { PatchEntry } from './entry.js';
import type { TransitionKind } from './events.js';
import type { Journal } from './journal.js';
import type { ModuleKeeper } from './module-keeper.js';
import { callKey, parseCallKey } from './record.js';
import type { Stages } from './stages.js';
import type { Standing } from './standing.js';
import { stageName, type Transition } from './transition.js';

/** What a coordinator that took over found. Plain JSON. */
export interface Resumption {
  /** The transition that was pending, if there was one. */
  readonly transition: { readonly patch: string; readonly kind: TransitionKind; readonly fate: 'resumed' | 'cancelled' } | null;
  /** The callback of which nobody can say whether it had run: it is run again, or answered. Null if there is none. */
  readonly uncertain: {
    readonly callback: string;
    readonly patch: string;
    readonly object: string | null;
    readonly state: number | null;
  } | null;
}

export interface ResumeHost {
  readonly standing: Standing;
  readonly journal: Journal;
  readonly keeper: ModuleKeeper;
  readonly stages: Stages;
  /** Tells threads what to run: what this transition says, or what they ran before. */
  tell(transition: Transition | undefined): void;
  /** Waits for threads, and completes the transition. */
  goOn(transition: Transition): void;
  start(transition: Transition): void;
  /** Undoes what was prepared, as after a refusal. */
  cancel(transition: Transition): Promise<void>;
  /** Has something done when the pending transition is complete. */
  afterwards(work: () => Promise<void>): void;
}

export async function resume(host: ResumeHost): Promise<Resumption> {
  const { standing, journal, keeper } = host;
  const { transition } = standing;
  const uncertain = uncertainCallback(host);
  const told = transition?.stage === 'pending' || transition?.stage === 'completing' ? transition : undefined;
  const inModule = journal.stage?.startsWith('module ') === true;
  // step: takeover.tell
  host.tell(told); // threads first: those that wait at the gate go on
  // step: takeover.told
  if (inModule) await keeper.resume();
  if (told !== undefined) host.goOn(told);
  else if (transition !== undefined) await endPreparation(host, transition);
  // Callbacks of a completion that was cut short come before those of modules.
  if (told?.stage === 'completing') {
    host.afterwards(() => keeper.resume());
  } else {
    await keeper.resume();
    await keeper.reconsider();
  }
  if (transition === undefined) return { transition: null, uncertain };
  // step: takeover.resumed
  const { entry, kind } = transition;
  const fate = told !== undefined || kind === 'disable' ? 'resumed' : 'cancelled';
  return { transition: { patch: entry.name, kind, fate }, uncertain };
}

/** No thread had been told of it. */
async function endPreparation(host: ResumeHost, transition: Transition): Promise<void> {
  const { journal, stages } = host;
  if (transition.kind === 'disable') {
    journal.enter(stageName(transition));
    await stages.prepareToLeave(transition);
    transition.entry.enabled = false;
    host.start(transition);
    return;
  }
  if (transition.stage === 'preparing') noteInterrupted(journal, transition);
  await host.cancel(transition);
}

/** An enabling was cut short in a callback, of which nobody can say whether it has run: as if it had, so that its counterpart runs. */
function noteInterrupted(journal: Journal, { entry, leaving }: Transition): void {
  const may = (callback: string, of: PatchEntry, object: string | null, state: number | null): boolean =>
    journal.mayHaveRun(callKey(callback, of.reference.serial, object, state));
  for (const record of entry.objects) if (may('prePatch', entry, record.object.name, null)) record.prePatched = true;
  for (const record of entry.states) if (may('prePatch', entry, null, record.declared.id)) record.prePatched = true;
  for (const held of leaving) if (may('preUnpatch', held.entry, null, held.record.declared.id)) held.record.postPatched = false;
}

function uncertainCallback({ journal, standing }: ResumeHost): Resumption['uncertain'] {
  if (journal.calling === null) return null;
  const { callback, serial, object, state } = parseCallKey(journal.calling);
  const patch = standing.patches.find(({ reference }) => reference.serial === serial)?.name ?? '';
  return { callback, patch, object, state };
}
