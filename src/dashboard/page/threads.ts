/**
 * Owns the table of threads: what the store says of each, and what the coordinator says of those that follow it. Imports dom, format and the types of wire.
 */
import type { Sample, State, ThreadLine, WorkerLine } from '../wire.js';
import { byId, el, Keyed, setText, show } from './dom.js';
import { NOTHING, plural, whole } from './format.js';

interface Row {
  readonly key: string;
  readonly thread: number;
  readonly store: ThreadLine | undefined;
  readonly worker: WorkerLine | undefined;
  readonly direction: 'patching' | 'unpatching' | null;
}

export class Threads {
  readonly #rows = new Keyed<Row, HTMLTableRowElement>(byId('threads', HTMLElement), createRow, updateRow);
  readonly #others = byId('other-threads', HTMLElement);
  #sample: Sample | undefined;
  #state: State | undefined;

  showSample(sample: Sample): void {
    this.#sample = sample;
    this.#show();
  }

  showState(state: State): void {
    this.#state = state;
    this.#show();
  }

  #show(): void {
    const { threads = [], otherThreads = 0 } = this.#sample ?? {};
    const { workers = [], transition = null } = this.#state ?? {};
    const direction = transition?.direction ?? null;
    const followers = new Map(workers.map((worker) => [worker.thread, worker]));
    const rows = threads.map((store): Row => ({
      key: `slot ${store.slot}`,
      thread: store.threadId,
      store,
      worker: followers.get(store.threadId),
      direction,
    }));
    const known = new Set(rows.map(({ thread }) => thread));
    const unknown = workers.filter(({ thread }) => !known.has(thread));
    rows.push(...unknown.map((worker) => ({ key: `thread ${worker.thread}`, thread: worker.thread, store: undefined, worker, direction })));
    rows.sort((a, b) => Number(isStraggler(b)) - Number(isStraggler(a)) || a.thread - b.thread);
    this.#rows.show(rows, ({ key }) => key);
    show(this.#others, otherThreads > 0);
    setText(this.#others, `${plural(otherThreads, 'more thread')}.`);
  }
}

function isStraggler({ worker }: Row): boolean {
  return worker !== undefined && worker.straggler !== null;
}

function createRow(): HTMLTableRowElement {
  const figures = Array.from({ length: 3 }, () => el('td', { class: 'figure' }));
  return el('tr', {}, el('th', { scope: 'row' }), el('td', {}, el('span', { class: 'badge' })), ...figures, el('td'));
}

function updateRow(row: HTMLTableRowElement, { thread, store, worker, direction }: Row): void {
  const texts = [
    worker === undefined ? NOTHING : tellVersion(worker.version),
    worker === undefined ? NOTHING : whole(worker.tasks),
    store === undefined ? NOTHING : whole(store.retired),
    store === undefined ? NOTHING : tellGrace(store),
  ];
  texts.forEach((text, index) => {
    const cell = row.cells[index + 2];
    if (cell !== undefined) setText(cell, text);
  });
  const [heading] = row.cells;
  if (heading !== undefined) setText(heading, thread === 0 ? 'main' : String(thread));
  const badge = row.querySelector('.badge');
  const [kind, text] = tellSwitch(worker, direction);
  if (badge === null) return;
  setText(badge, text);
  badge.className = `badge ${kind}`;
}

function tellVersion(version: number): string {
  if (version === -1) return 'none yet';
  return version === -2 ? 'two' : String(version);
}

function tellGrace({ inside, epochsBehind }: ThreadLine): string {
  if (!inside) return 'quiet';
  return epochsBehind === 0 ? 'inside' : `inside, ${plural(epochsBehind, 'epoch')} behind`;
}

/** The words alone say it; the kind is for the looks. */
function tellSwitch(worker: WorkerLine | undefined, direction: Row['direction']): [string, string] {
  if (worker === undefined) return ['none', NOTHING];
  if (worker.straggler !== null) return ['late', 'holds it up'];
  if (direction === null || worker.patchState === -1 || worker.version === -1) return ['none', NOTHING];
  return worker.patchState === (direction === 'patching' ? 1 : 0) ? ['done', 'switched'] : ['open', 'not yet'];
}
