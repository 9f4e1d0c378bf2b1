/**
 * Owns the coordinator's record in the store: written as a whole at every step that a successor has to know of, and **before** threads are told of it, so that
 * no thread ever runs what no record names. Callbacks cannot be done and noted in one instant: each is noted before it runs and after, and a successor that finds
 * it between the two runs it again. Writes shared memory through shadow/records.ts. Imports errors, record and records.
 */
import { ShadowError } from '../errors.js';
import type { Records } from '../shadow/records.js';
import type { PatchReference } from './manifest.js';
import type { CoordinatorRecord, JournalRecord } from './record.js';

/** What of a record the rest of the coordinator tells. */
export type Snapshot = Omit<CoordinatorRecord, 'journal'>;

export class Journal {
  readonly #records: Records;
  readonly #warn: (error: ShadowError) => void;
  readonly #snapshot: () => Snapshot;
  #newest = '';
  #lost = false;
  #closed = false;
  #stage: string | null = null;
  /** Callbacks that have certainly run, by stage. */
  readonly #told = new Map<string, Set<string>>();
  /** The callback that is about to run or running. */
  #calling: string | null = null;
  /** Callbacks that the coordinator before this one may have run in what it was in the middle of. */
  #before: ReadonlySet<string> = new Set();
  /** Serial numbers of scripts whose text is kept. */
  readonly #texts = new Set<number>();

  constructor(records: Records, warn: (error: ShadowError) => void, snapshot: () => Snapshot) {
    this.#records = records;
    this.#warn = warn;
    this.#snapshot = snapshot;
  }

  /** Goes on with what the coordinator before this one had noted. */
  resume({ stage, told, calling }: JournalRecord, texts: readonly number[]): void {
    for (const [of, keys] of told) this.#told.set(of, new Set(keys));
    this.#stage = stage;
    this.#calling = calling;
    this.#before = new Set([...told.flatMap(([, keys]) => keys), ...(calling === null ? [] : [calling])]);
    for (const serial of texts) this.#texts.add(serial);
    this.#records.clean(this.#texts, false);
  }

  /** The first record of a store. @throws ERR_SHADOW_EXHAUSTED */
  begin(): void {
    this.#records.clean(this.#texts, true);
    this.#write(JSON.stringify(this.#whole()));
  }

  /** Notes how things are now. Never throws: what cannot be noted must not stop what is under way, but nobody could take over from here on. */
  save(): void {
    if (this.#closed) return;
    const snapshot = this.#whole();
    const text = JSON.stringify(snapshot);
    if (text === this.#newest) return;
    try {
      this.#write(text);
      this.#lost = false;
    } catch (cause) {
      if (!this.#lost) this.#lose(cause);
      return;
    }
    const needed = new Set(snapshot.entries.map(({ serial }) => serial));
    for (const serial of this.#texts) {
      if (needed.has(serial)) continue;
      // step: record.drop
      this.#records.drop(serial);
      this.#texts.delete(serial);
    }
  }

  /** Keeps the text of a script, if it is one, until no patch of the record is of that number. @throws ERR_SHADOW_EXHAUSTED: nothing is kept */
  keep({ serial, code }: PatchReference): void {
    if (code === null || this.#closed) return;
    // step: record.keep
    this.#records.keep(serial, code);
    // step: record.kept
    this.#texts.add(serial);
  }

  /** Something that has callbacks begins, or goes on if the coordinator before this one was in the middle of it. */
  enter(stage: string): void {
    this.#stage = stage;
    if (!this.#told.has(stage)) this.#told.set(stage, new Set());
    this.save();
  }

  /** It is over; whoever says so saves. */
  leave(): void {
    if (this.#stage !== null) this.#told.delete(this.#stage);
    this.#stage = null;
    this.#calling = null;
  }

  /** What the coordinator is in the middle of, or the one before it was. */
  get stage(): string | null {
    return this.#stage;
  }

  /** The callback that is running, or of which the coordinator before this one left uncertain whether it has run. */
  get calling(): string | null {
    return this.#calling;
  }

  /** Whether a callback has certainly run in this stage. */
  hasRun(key: string): boolean {
    return this.#stage !== null && this.#told.get(this.#stage)?.has(key) === true;
  }

  /** Whether the coordinator before this one ran it in what it was in the middle of, or may have. */
  mayHaveRun(key: string): boolean {
    return this.#before.has(key);
  }

  /** It is about to run. */
  call(key: string): void {
    // step: callback.call
    this.#calling = key;
    this.save();
  }

  /** It has run; one that refused has nothing that would have to be answered. */
  called(key: string, agreed: boolean): void {
    this.#calling = null;
    // step: callback.called
    if (agreed && this.#stage !== null) this.#told.get(this.#stage)?.add(key);
    this.save();
  }

  /** The coordinator is closed: nobody will take over. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#records.clean(new Set(), true);
  }

  #whole(): CoordinatorRecord {
    const told = [...this.#told].map(([stage, keys]) => [stage, [...keys]] as const);
    return { ...this.#snapshot(), journal: { stage: this.#stage, told, calling: this.#calling } };
  }

  #write(text: string): void {
    this.#records.write(text);
    this.#newest = text;
  }

  #lose(cause: unknown): void {
    this.#lost = true;
    this.#newest = '';
    this.#records.lose();
    const what = 'there is no memory for the record of the coordinator: while that is so, nobody can take over if its thread dies';
    this.#warn(new ShadowError('ERR_SHADOW_EXHAUSTED', what, { cause }));
  }
}
