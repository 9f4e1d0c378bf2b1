/**
 * Owns the replay of steps: every form that the vocabulary knows, and nothing else. Imports the stage and the plans.
 */
import { errnoOf } from './errnos.js';
import { attributeValue, type ConformanceEvent, sameEvent } from './events.js';
import { type FixtureTable, isPatch, type Params, planModule, planPatch, UnknownForm } from './fixture-table.js';
import { ORIGINAL } from './fixtures/functions.js';
import { readAttribute } from './attributes.js';
import { Notes } from './notes.js';
import type { Stage } from './stage.js';

export class Player {
  readonly #stage: Stage;
  readonly #fixtures: FixtureTable;
  readonly #stateCallbacks: boolean;
  readonly #notes: Notes;
  /** The patch that was loaded last. */
  #newest: string | undefined;

  constructor(stage: Stage, fixtures: FixtureTable, stateCallbacks: boolean) {
    this.#stage = stage;
    this.#fixtures = fixtures;
    this.#stateCallbacks = stateCallbacks;
    this.#notes = new Notes(stage);
  }

  /** @throws UnknownForm, and an Error for what a note says and is not so */
  async play(step: ConformanceEvent): Promise<void> {
    const [component, ...rest] = step;
    if (component === 'note') await this.#notes.follow(rest.join(' '));
    else if (component === 'observe') await this.#observe(step);
    else if (component === 'op') {
      this.#stage.ledger.add(step);
      await this.#operate(step);
    } else throw unknown(step);
  }

  async #operate(step: ConformanceEvent): Promise<void> {
    const [, operation, subject, argument] = step;
    const { coordinator, ledger, modules } = this.#stage;
    if (operation === 'set-redirection') {
      if (typeof subject !== 'boolean') throw unknown(step);
      try {
        coordinator.setRedirection(subject);
      } catch (error) {
        this.#fail(operation, subject ? 'on' : 'off', error);
      }
      return;
    }
    if (operation === 'shadow-alloc') return this.#allocate(subject, argument, step);
    if (typeof subject !== 'string') throw unknown(step);
    switch (operation) {
      case 'load':
        return this.#load(subject, readParams(argument, step));
      case 'unload':
        return isPatch(this.#fixtures, subject) ? this.#unloadPatch(subject) : this.#unloadModule(subject);
      case 'disable':
        await this.#change(operation, subject, () => coordinator.disable(subject));
        return;
      case 'reverse':
        await this.#change(operation, subject, () => coordinator.reverse());
        return;
      case 'force':
        await this.#change(operation, subject, () => coordinator.force('asked for by the scenario'));
        return;
      case 'set-pre-patch-result':
        if (typeof argument !== 'number') throw unknown(step);
        ledger.prePatchResults.set(subject, argument);
        return;
      case 'set-block':
        if (typeof argument !== 'boolean') throw unknown(step);
        if (!(await modules.setBlock(subject, argument))) ledger.add(['op-error', operation, subject, 'ENODEV']);
        return this.#stage.quiesce();
      case 'query':
        return this.#query(subject);
      default:
        throw unknown(step);
    }
  }

  async #load(name: string, params: Params): Promise<void> {
    const { coordinator, ledger, modules, replay } = this.#stage;
    if (!isPatch(this.#fixtures, name)) {
      try {
        await modules.load(planModule(this.#fixtures, name, params));
      } catch (error) {
        if (error instanceof UnknownForm) throw error;
        this.#fail('load', name, error);
      }
      return;
    }
    const plan = planPatch(this.#fixtures, name, params, this.#stateCallbacks);
    ledger.prePatchResults.set(name, plan.prePatchResult);
    const query = new URLSearchParams({ replay: String(replay), plan: JSON.stringify(plan) });
    const location = new URL(`./fixtures/patch.js?${query.toString()}`, import.meta.url);
    const loaded = await this.#change('load', name, () => coordinator.enable(location));
    if (loaded) this.#newest = name;
  }

  /** Waits for what an operation on a patch leads to. */
  async #change(operation: string, name: string, change: () => Promise<unknown>): Promise<boolean> {
    const outcome = await this.#stage.settle(change);
    if (outcome.kind === 'failed') this.#fail(operation, name, outcome.error);
    return outcome.kind !== 'failed';
  }

  /** A patch can be unloaded once it is off the list, unless its code may still run somewhere. */
  async #unloadPatch(name: string): Promise<void> {
    const { coordinator, ledger } = this.#stage;
    const listed = () => coordinator.patches.find((patch) => patch.name === name);
    await this.#stage.quiesce();
    if (listed() !== undefined || coordinator.pinned.some((pinned) => JSON.stringify(pinned).includes(JSON.stringify(name))))
      ledger.add(['op-error', 'unload', name, 'EBUSY']);
  }

  async #unloadModule(name: string): Promise<void> {
    try {
      await this.#stage.modules.unload(name);
    } catch (error) {
      this.#fail('unload', name, error);
    }
  }

  async #allocate(id: unknown, obj: unknown, step: ConformanceEvent): Promise<void> {
    if (typeof id !== 'number' || (obj !== null && typeof obj !== 'string' && typeof obj !== 'number')) throw unknown(step);
    try {
      await this.#stage.crew.one(0, { kind: 'alloc', id, obj });
    } catch (error) {
      this.#fail('shadow-alloc', id, error);
    }
  }

  async #query(name: string): Promise<void> {
    const { provider, detail } = await this.#call(name);
    this.#stage.ledger.add(['observe', 'output-by', 'operator', name, provider, detail], provider === ORIGINAL);
  }

  async #call(name: string) {
    const object = this.#stage.objectOf(name);
    if (object === undefined) throw new UnknownForm(`no fixture declares the function ${name}`);
    return this.#stage.crew.call(object, name);
  }

  async #observe(step: ConformanceEvent): Promise<void> {
    const [, kind, subject, expected] = step;
    if (typeof subject !== 'string') throw unknown(step);
    let seen: ConformanceEvent;
    if (kind === 'output') seen = ['observe', kind, subject, (await this.#call(subject)).provider];
    else if (kind === 'value') seen = ['observe', kind, subject, this.#value(subject, expected, step[4]), ...step.slice(4)];
    else if (kind === 'output-by' && subject === 'operator' && typeof expected === 'string') {
      const { provider, detail } = await this.#call(expected);
      seen = ['observe', kind, subject, expected, provider, detail];
    } else throw unknown(step);
    this.#stage.ledger.add(seen, sameEvent(step, seen));
  }

  #value(name: string, expected: unknown, owner: unknown): string {
    const { coordinator, hammers } = this.#stage;
    return readAttribute(name, owner, attributeValue(expected), {
      coordinator,
      newest: this.#newest,
      isPatch: (candidate) => isPatch(this.#fixtures, candidate),
      pendingWorkers: () => hammers.pending + coordinator.stragglers().length,
    });
  }

  #fail(operation: string, subject: unknown, error: unknown): void {
    this.#stage.ledger.add(['op-error', operation, subject, errnoOf(error)]);
  }
}

function readParams(value: unknown, step: ConformanceEvent): Params {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw unknown(step);
  return value as Params;
}

function unknown(step: ConformanceEvent): UnknownForm {
  return new UnknownForm(`unknown step ${JSON.stringify(step)}`);
}
