/**
 * Owns the book of callbacks that still have to be undone. prePatch is undone by postUnpatch, postPatch by preUnpatch: of the same object or
 * state, and of the same patch or of one that took its place. A patch that has nothing to undo says so by an empty counterpart. The other way
 * round, what an object of a patch has to do and to undo happens in turns. Touches no shared memory. Imports the coordinator's events and the
 * declaration of patches.
 */
import type { CallbackEvent, MilestoneEvent } from '../livepatch/events.js';
import type { Patch } from '../livepatch/patch.js';
import type { FindingList } from './findings.js';

type Begun = 'prePatch' | 'postPatch';
const UNDOES = { postUnpatch: 'prePatch', preUnpatch: 'postPatch' } as const;
const COUNTERPART = { prePatch: 'postUnpatch', postPatch: 'preUnpatch' } as const;

interface Armed {
  readonly callback: Begun;
  readonly patch: string;
  readonly object: string | null;
  readonly state: number | null;
}

export class CallbackWatch {
  readonly #patches: readonly Patch[];
  readonly #findings: FindingList;
  /** Oldest first. */
  #armed: Armed[] = [];

  constructor(patches: readonly Patch[], findings: FindingList) {
    this.#patches = patches;
    this.#findings = findings;
  }

  /** A callback is about to run. `enabled`: names of the patches that are enabled or in transition. */
  ran({ callback, patch, object, state }: CallbackEvent, enabled: readonly string[]): void {
    this.#checkTurn(callback, patch, object);
    if (callback === 'prePatch' || callback === 'postPatch') {
      this.#armed.push({ callback, patch, object, state });
      return;
    }
    const undone = UNDOES[callback];
    this.#armed = this.#armed.filter((armed) => {
      const same = armed.callback === undone && armed.object === object && armed.state === state;
      // A state is one thing, whoever holds it. On an object each patch undoes its own, and what those left that it has replaced.
      return !(same && (state !== null || armed.patch === patch || !enabled.includes(armed.patch)));
    });
  }

  /** A prePatch that refused has done nothing, or has undone it itself. */
  passed(event: MilestoneEvent): void {
    if (event.milestone !== 'pre-patch-failed') return;
    const { patch, object } = event;
    const index = this.#armed.findLastIndex(
      (armed) =>
        armed.callback === 'prePatch' && armed.patch === patch && (object === null ? armed.state !== null : armed.object === object),
    );
    if (index >= 0) this.#armed.splice(index, 1);
  }

  /** Nothing is enabled any more: tells what nobody has undone, and starts afresh. */
  settle(): void {
    for (const { callback, patch, object, state } of this.#armed) {
      const whose = object === null ? `state ${state}` : `object ${object}`;
      this.#findings.add(
        'callback-not-undone',
        patch,
        `${callback} of ${whose} ran, and no ${COUNTERPART[callback]} of ${whose} after it, neither of ${patch} nor of a patch that took its ` +
          `place; add one, an empty one if there is nothing to undo`,
      );
    }
    this.#armed = [];
  }

  /** A state is left out: who undoes it need not be who has done it. */
  #checkTurn(callback: CallbackEvent['callback'], patch: string, object: string | null): void {
    const begins = callback === 'prePatch' || callback === 'postPatch';
    const begun = begins ? callback : UNDOES[callback];
    const declared = this.#patches.find(({ name }) => name === patch)?.objects.find(({ name }) => name === object)?.callbacks;
    if (declared?.[begun] === undefined || declared[COUNTERPART[begun]] === undefined) return;
    const done = this.#armed.some((armed) => armed.callback === begun && armed.patch === patch && armed.object === object);
    if (done !== begins) return;
    const wrong = begins ? `ran again before ${COUNTERPART[begun]}` : `ran although ${begun} had not, or once more`;
    this.#findings.add('callback-out-of-turn', patch, `${callback} of object ${object} ${wrong}`);
  }
}
