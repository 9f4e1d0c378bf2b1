/**
 * Owns what can be done from the page: the coordinator's own operations, and of patches to enable only those that the application offers. Everything that was asked for
 * is a line among the events, and so is a refusal. Imports errors, and the types of dashboard and wire.
 */
import { describe, messageOf, ShadowError } from '../errors.js';
import type { TransitionResult } from '../livepatch/transition.js';
import type { PatchCoordinator } from '../pool/coordinator.js';
import type { Chronicle } from './chronicle.js';
import type { PatchChoice } from './dashboard.js';
import type { Action, Answer } from './wire.js';

const ACTIONS: readonly unknown[] = ['enable', 'disable', 'reverse', 'force'];

export class Actions {
  readonly #coordinator: PatchCoordinator;
  readonly #choices: readonly PatchChoice[];
  readonly #chronicle: Chronicle;

  constructor(coordinator: PatchCoordinator, choices: readonly PatchChoice[], chronicle: Chronicle) {
    this.#coordinator = coordinator;
    this.#choices = choices;
    this.#chronicle = chronicle;
  }

  get names(): string[] {
    return this.#choices.map(({ name }) => name);
  }

  /** Does what a body asks for; resolves when it is over, however it ended. */
  async perform(body: string): Promise<Answer> {
    let asked = 'the page asked for something';
    try {
      const action = this.#read(body);
      asked = tell(action);
      this.#chronicle.add('action', `${asked}: asked for from the page`);
      return { ok: true, text: `${asked}: ${tellResult(await this.#do(action))}` };
    } catch (error) {
      const message = messageOf(error);
      this.#chronicle.add('warning', `${asked}: ${message}`);
      return { ok: false, code: error instanceof ShadowError ? error.code : null, message };
    }
  }

  #do(action: Action): Promise<TransitionResult> {
    if (action.action === 'reverse') return this.#coordinator.reverse();
    if (action.action === 'force') return this.#coordinator.force(action.reason);
    if (action.action === 'disable') return this.#coordinator.disable(action.patch);
    const choice = this.#choices.find(({ name }) => name === action.patch);
    if (choice === undefined) {
      const offered = this.names.join(', ') || 'none';
      throw new ShadowError('ERR_DASHBOARD_REQUEST', `patch ${describe(action.patch)} is not offered here; offered are: ${offered}`);
    }
    return this.#coordinator.enable(choice.source, choice.options);
  }

  /** @throws ERR_DASHBOARD_REQUEST */
  #read(body: string): Action {
    const { action, patch, reason } = parse(body);
    if (!ACTIONS.includes(action))
      throw new ShadowError('ERR_DASHBOARD_REQUEST', `${describe(action)} is no action; known are ${ACTIONS.join(', ')}`);
    if (action === 'reverse') return { action };
    if (action === 'force') return { action, reason: typeof reason === 'string' ? reason : '' };
    if (typeof patch !== 'string') throw new ShadowError('ERR_DASHBOARD_REQUEST', `patch is ${describe(patch)}; give the name of one`);
    return { action: action as 'enable' | 'disable', patch };
  }
}

function parse(body: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new ShadowError('ERR_DASHBOARD_REQUEST', `the body is not JSON: ${messageOf(cause)}`, { cause });
  }
  if (typeof value !== 'object' || value === null)
    throw new ShadowError('ERR_DASHBOARD_REQUEST', `the body is ${describe(value)}; give an object`);
  return value as Readonly<Record<string, unknown>>;
}

function tell(action: Action): string {
  return 'patch' in action ? `${action.action} ${action.patch}` : action.action;
}

function tellResult({ patch, kind, reversed, forced, milliseconds, workers }: TransitionResult): string {
  const how = [reversed ? 'reversed' : '', forced === null ? '' : 'forced'].filter((word) => word !== '').join(', ');
  const time = milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds);
  return `${kind} ${patch} complete${how === '' ? '' : ` (${how})`} after ${time} ms; ${workers} thread${workers === 1 ? '' : 's'}`;
}
