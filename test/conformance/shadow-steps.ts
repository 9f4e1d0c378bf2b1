/**
 * Owns the replay of the shadow sequence: the same calls with a type per call, with one type per id, and with types that a patch registers;
 * each from one worker and from all of them in turn. Imports the stage and what the workers understand.
 */
import type { ShadowType } from '../../src/index.js';
import { UnknownForm } from './fixture-table.js';
import type { ShadowAnswer, ShadowCall, ShadowSeen } from './fixtures/shadow-calls.js';
import { sequenceType } from './fixtures/shadow-calls.js';
import { attempt, type ReplayOptions, type Result } from './replay.js';
import { Stage } from './stage.js';

export interface ShadowStep {
  /** [operation, obj, id, parameters?], without obj for free_all. */
  readonly call: readonly unknown[];
  /** Name of the variable that is returned, null, or "void". */
  readonly expect: unknown;
  /** ["ctor", obj, variable, data] and ["dtor", obj, variable] */
  readonly events?: readonly (readonly unknown[])[];
  readonly content?: string;
}

export interface ShadowApi {
  readonly steps?: readonly ShadowStep[];
  readonly variants?: readonly { readonly name: string }[];
  readonly edge_rules_from_source?: readonly { readonly case: string }[];
}

type Variant = 'mainline' | 'typed' | 'registered';

const NO_FIXTURES = { modules: {}, patches: {}, objects: [] };
const SILENT = 'free_all';

/** The runs that a catalogue asks for. */
export function shadowRuns({ steps = [], variants = [] }: ShadowApi): { id: string; run: (options: ReplayOptions) => Promise<Result> }[] {
  if (steps.length === 0) return [];
  const names = ['mainline', ...variants.map(({ name }) => name)];
  return names.flatMap((name) =>
    [true, false].map((everywhere) => {
      const id = `shadowApi/${/^\w+/.exec(name)?.[0] ?? name}${everywhere ? '' : '-in-one-thread'}`;
      return { id, run: (options: ReplayOptions) => runSequence(id, name, steps, everywhere, options) };
    }),
  );
}

async function runSequence(
  id: string,
  name: string,
  steps: readonly ShadowStep[],
  everywhere: boolean,
  options: ReplayOptions,
): Promise<Result> {
  const ids = [...new Set(steps.map(({ call }) => idOf(call)))];
  const title = `${name}, ${everywhere ? 'each call from another thread' : 'all calls from one thread'}`;
  const types = (): ShadowType[] =>
    name.startsWith('registered') ? [] : ids.map((type) => sequenceType(type, {}) as unknown as ShadowType);
  return attempt(
    { id, title, events: [] },
    options,
    () => Stage.open(NO_FIXTURES, options.workers, [], types()),
    async (stage) => {
      const variant = ['mainline', 'typed', 'registered'].find((known): known is Variant => name.startsWith(known));
      if (variant === undefined) throw new UnknownForm(`unknown variant ${JSON.stringify(name)}`);
      await new Sequence(stage, variant, ids).play(steps, everywhere);
      stage.ledger.log.length = 0;
    },
  );
}

class Sequence {
  readonly #stage: Stage;
  readonly #variant: Variant;
  readonly #ids: readonly number[];
  readonly #stamps = new Int32Array(new SharedArrayBuffer(4));
  /** Stamps by the names that the catalogue gives to variables. */
  readonly #variables = new Map<string, number>();
  /** Ids of the variables that are there, by stamp. */
  readonly #alive = new Map<number, number>();

  constructor(stage: Stage, variant: Variant, ids: readonly number[]) {
    this.#stage = stage;
    this.#variant = variant;
    this.#ids = ids;
  }

  async play(steps: readonly ShadowStep[], everywhere: boolean): Promise<void> {
    const { crew, coordinator, replay } = this.#stage;
    const registered = this.#variant === 'registered';
    if (registered)
      await coordinator.enable(new URL(`./fixtures/shadow-patch.js?replay=${replay}&ids=${this.#ids.join(',')}`, import.meta.url));
    for (const [index, step] of steps.entries()) {
      const operation = step.call[0];
      if (registered && operation === SILENT) {
        if (coordinator.patches.length > 0) await this.#unregister();
        continue;
      }
      const answer = await crew.one(everywhere ? index % crew.size : 0, { kind: 'shadow', call: this.#callOf(step) });
      const wrong = this.#judge(step, answer as ShadowAnswer);
      if (wrong !== undefined) throw new Error(`step ${index} ${JSON.stringify(step.call)}: ${wrong}`);
    }
    if (registered && coordinator.patches.length > 0) await this.#unregister();
    if (registered) this.#checkGone();
  }

  async #unregister(): Promise<void> {
    await this.#stage.coordinator.disable('sequence');
    await this.#stage.waitUntil(() => this.#stage.recorder.swept);
  }

  #checkGone(): void {
    for (const { id, live, registrations } of this.#stage.store.stats().types) {
      if (this.#ids.includes(id)) throw new Error(`type ${id} still has ${live} variables and ${registrations} references`);
    }
  }

  #callOf({ call }: ShadowStep): ShadowCall {
    const [operation] = call;
    if (!['get', 'alloc', 'get_or_alloc', 'free', SILENT].includes(operation as string)) {
      throw new UnknownForm(`unknown call ${JSON.stringify(call)}`);
    }
    const given = (call.at(-1) ?? {}) as { ctor?: string | null; dtor?: string | null; ctorData?: string };
    for (const [name, known] of [
      [given.ctor, 'copyPtr'],
      [given.dtor, 'log'],
    ]) {
      if (name !== undefined && name !== null && name !== known)
        throw new UnknownForm(`unknown function ${name} in ${JSON.stringify(call)}`);
    }
    const typed = this.#variant !== 'mainline';
    return {
      operation: operation as ShadowCall['operation'],
      obj: operation === SILENT ? null : (call[1] as string | null),
      id: idOf(call),
      ctor: typed || (given.ctor ?? null) !== null,
      dtor: typed || (given.dtor ?? null) !== null,
      data: given.ctorData ?? null,
      stamps: this.#stamps,
    };
  }

  /** What is wrong with an answer. */
  #judge({ call, expect, events = [], content }: ShadowStep, { variable, seen, error }: ShadowAnswer): string | undefined {
    const id = idOf(call);
    const created = seen.find(({ kind }) => kind === 'ctor');
    if (created !== undefined) {
      const name = typeof expect === 'string' ? expect : '';
      if (this.#variables.has(name)) return `the constructor of ${name} ran again`;
      this.#variables.set(name, created.stamp);
      this.#alive.set(created.stamp, id);
    }
    const told = seen.map((entry) => JSON.stringify(this.#tell(entry)));
    const silent = call[0] === SILENT && this.#variant !== 'mainline';
    const wanted = silent ? [...this.#alive.values()].filter((type) => type === id).length : events.map((event) => JSON.stringify(event));
    if (silent ? told.length !== wanted : told.join() !== String(wanted))
      return `expected ${String(wanted)}, got ${told.join() || 'nothing'}`;
    for (const { kind, stamp } of seen) if (kind === 'dtor') this.#alive.delete(stamp);
    if (call[0] === SILENT) for (const [stamp, type] of this.#alive) if (type === id) this.#alive.delete(stamp);
    if (error !== null) return `it failed with ${error}`;
    if (expect === 'void') return undefined;
    const got = variable === null ? null : this.#nameOf(variable.stamp);
    if (got !== expect) return `expected ${String(expect)}, got ${String(got)}`;
    return variable === null || content === undefined || variable.content === content
      ? undefined
      : `expected the content ${content}, got ${variable.content}`;
  }

  #tell({ kind, obj, stamp, content }: ShadowSeen): unknown[] {
    return kind === 'ctor' ? [kind, obj, this.#nameOf(stamp), content] : [kind, obj, this.#nameOf(stamp)];
  }

  #nameOf(stamp: number): string {
    return [...this.#variables].find(([, known]) => known === stamp)?.[0] ?? `variable ${stamp}`;
  }
}

function idOf(call: readonly unknown[]): number {
  return Number(call[0] === SILENT ? call[1] : call[2]);
}
