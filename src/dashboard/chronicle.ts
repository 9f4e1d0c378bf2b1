/**
 * Owns what has happened: the last lines about events of the coordinator, and those that the application or the page put there. Listens from the start, so that a page
 * which is opened afterwards sees them; these events are rare, and a line is all they cost. Imports errors and the types of coordinator and wire.
 */
import type { EventEmitter } from 'node:events';

import type { CoordinatorEvents, MilestoneEvent, TransitionEvent } from '../livepatch/events.js';
import { tellStraggler } from '../livepatch/stragglers.js';
import type { PatchCoordinator } from '../pool/coordinator.js';
import type { RecoveryReport } from '../recovery/recover.js';
import type { Line, LineKind } from './wire.js';

const MOST_LINES = 200;
const MOST_TEXT = 500;

/** How often `warning` is listened to by chronicles, which must not keep it from the process: see CoordinatorEmitter. */
const listening = new WeakMap<PatchCoordinator, Chronicle[]>();

type Listeners = { [K in keyof CoordinatorEvents]?: (event: CoordinatorEvents[K][0]) => void };

export class Chronicle {
  /** Called after each line. */
  onLine: () => void = () => undefined;
  readonly #coordinator: PatchCoordinator;
  readonly #lines: Line[] = [];
  #last = 0;
  /** The line about how far the pending transition has come. */
  #progress: Line | undefined;

  constructor(coordinator: PatchCoordinator) {
    this.#coordinator = coordinator;
    listening.set(coordinator, [...(listening.get(coordinator) ?? []), this]);
    for (const [name, listener] of Object.entries(this.#listeners)) (coordinator as EventEmitter).on(name, listener);
  }

  /** Those that came after the line of this number, oldest first. */
  since(number: number): Line[] {
    return this.#lines.filter((line) => line.number > number);
  }

  get last(): number {
    return this.#last;
  }

  add(kind: LineKind, text: string, replaced?: Line): Line {
    const short = text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text;
    const line = { number: ++this.#last, replaces: replaced?.number ?? null, at: Date.now(), kind, text: short };
    const place = replaced === undefined ? -1 : this.#lines.indexOf(replaced);
    if (place >= 0) this.#lines.splice(place, 1);
    this.#lines.push(line);
    if (this.#lines.length > MOST_LINES) this.#lines.shift();
    this.onLine();
    return line;
  }

  close(): void {
    const coordinator = this.#coordinator;
    listening.set(
      coordinator,
      (listening.get(coordinator) ?? []).filter((other) => other !== this),
    );
    for (const [name, listener] of Object.entries(this.#listeners)) (coordinator as EventEmitter).off(name, listener);
    this.onLine = () => undefined;
  }

  readonly #listeners: Listeners = {
    transition: (event) => this.#onTransition(event),
    milestone: (event) => {
      const text = tellMilestone(event);
      if (text !== null) this.add('transition', `${event.patch}: ${text}`);
    },
    collecting: ({ id, patch }) => this.add('collection', `type ${hex(id)}${of(patch)} is collected: its variables are invisible`),
    collected: ({ id, patch, variables, milliseconds }) =>
      this.add('collection', `type ${hex(id)}${of(patch)}: ${count(variables, 'variable')} destroyed, done after ${ms(milliseconds)}`),
    migrated: ({ id, from, to, variables, milliseconds }) =>
      this.add(
        'collection',
        `type ${hex(id)} went from version ${from} to ${to}: ${count(variables, 'variable')} swept in ${ms(milliseconds)}`,
      ),
    poke: ({ patch, attempt, stragglers }) =>
      this.add('transition', `${patch}: looked ${attempt} times in vain; waits for ${stragglers.map(tellStraggler).join('; ')}`),
    module: ({ name, phase }) => this.add('module', `module ${name} is ${phase}`),
    pinned: ({ patch, reason, types }) =>
      this.add('warning', `${patch} is pinned, since it was forced (${reason}); kept alive: ${types.map(hex).join(', ') || 'nothing'}`),
    unpinned: ({ patch }) => this.add('transition', `${patch} is not pinned any more`),
    recovered: (report) => this.add('death', tellRecovery(report)),
    warning: (error) => {
      this.add('warning', error.message);
      // A coordinator gives a warning to the process when nobody listens to it. A page that may be closed is nobody.
      const chronicles = listening.get(this.#coordinator) ?? [];
      if (chronicles[0] === this && this.#coordinator.listenerCount('warning') === chronicles.length) process.emitWarning(error);
    },
  };

  #onTransition({ patch, kind, phase, switched, workers, milliseconds }: TransitionEvent): void {
    const threads = `${switched} of ${count(workers, 'thread')}`;
    const told = {
      load: 'loading in all threads',
      resume: `taken over; ${threads} switched`,
      start: `switching: ${threads}`,
      progress: `switching: ${threads} after ${ms(milliseconds)}`,
      reverse: `turned round: ${threads} after ${ms(milliseconds)}`,
      stalled: `not complete in time: ${threads} after ${ms(milliseconds)}`,
      forced: `not waiting any longer: ${threads} after ${ms(milliseconds)}`,
      complete: `complete: ${threads} after ${ms(milliseconds)}`,
      failed: 'refused; nothing changed',
    }[phase];
    const isProgress = phase === 'start' || phase === 'progress';
    const line = this.add('transition', `${kind} ${patch}: ${told}`, phase === 'progress' ? this.#progress : undefined);
    this.#progress = isProgress ? line : undefined;
  }
}

/** What events of the transition do not say. */
function tellMilestone(event: MilestoneEvent): string | null {
  switch (event.milestone) {
    case 'forced':
      return `forced: ${event.reason}`;
    case 'incompatible':
      return 'its states do not fit those of an enabled patch';
    case 'pre-patch-failed':
      return `pre_patch of ${event.object ?? 'a state'} refused`;
    case 'patch-object-failed':
      return `object ${event.object} could not be patched`;
    case 'redirect-failed':
      return `${event.object}.${event.function} has another owner`;
    case 'apply-to-module':
      return `applied to module ${event.module}`;
    case 'revert-from-module':
      return `reverted from module ${event.module}`;
    case 'module-refused':
      return `refused module ${event.module}`;
    default:
      return null;
  }
}

function tellRecovery(report: RecoveryReport): string {
  const { thread, slot, operation, outcome, locksReleased, destructorsRun, destructorsOwed, blocksReturned, milliseconds } = report;
  const doing = operation === 'none' ? 'between operations' : `during ${operation}, which was ${outcome}`;
  const what = [
    locksReleased > 0 ? `${count(locksReleased, 'lock')} released` : '',
    destructorsRun > 0 ? `${count(destructorsRun, 'destructor')} run` : '',
    destructorsOwed > 0 ? `${count(destructorsOwed, 'destructor')} owed` : '',
    blocksReturned > 0 ? `${count(blocksReturned, 'block')} returned` : '',
  ].filter((part) => part !== '');
  return `thread ${thread} (slot ${slot}) died ${doing}; recovered in ${ms(milliseconds)}${what.length > 0 ? `: ${what.join(', ')}` : ''}`;
}

function of(patch: string): string {
  return patch === '' ? '' : ` of ${patch}`;
}

function hex(id: number): string {
  return `0x${id.toString(16)}`;
}

function count(many: number, what: string): string {
  return `${many.toLocaleString('en')} ${what}${many === 1 ? '' : 's'}`;
}

function ms(milliseconds: number): string {
  return milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${Math.round(milliseconds).toLocaleString('en')} ms`;
}
