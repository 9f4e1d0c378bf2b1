/**
 * Owns the part about patches: the stack, what can be enabled, and the pending transition with those who hold it up. Imports actions, dom, format and the types of wire.
 */
import type { PatchLine, PinnedLine, State, TransitionLine, WorkerLine } from '../wire.js';
import type { Actions } from './actions.js';
import { byId, el, Keyed, setText, show } from './dom.js';
import { clock, duration, hex, plural } from './format.js';

const KINDS = { enable: 'Enabling', replace: 'Replacing by', disable: 'Disabling' } as const;

export class Patches {
  readonly #actions: Actions;
  readonly #stack: Keyed<PatchLine, HTMLLIElement>;
  readonly #choices: Keyed<string, HTMLLIElement>;
  readonly #pinned: Keyed<PinnedLine, HTMLLIElement>;
  readonly #stragglers: Keyed<WorkerLine, HTMLLIElement>;
  #offered: readonly string[] = [];
  #state: State | undefined;

  constructor(actions: Actions) {
    this.#actions = actions;
    this.#stack = new Keyed(byId('patches', HTMLElement), (patch) => this.#createPatch(patch), updatePatch);
    this.#choices = new Keyed(
      byId('choices', HTMLElement),
      (name) => this.#createChoice(name),
      () => undefined,
    );
    const item = (): HTMLLIElement => el('li');
    this.#pinned = new Keyed(byId('pinned', HTMLElement), item, (element, pin) => setText(element, tellPin(pin)));
    this.#stragglers = new Keyed(byId('stragglers', HTMLElement), item, (element, worker) => setText(element, tellStraggler(worker)));
    const reverse = byId('reverse', HTMLButtonElement);
    const force = byId('force', HTMLButtonElement);
    reverse.addEventListener('click', () => void actions.send({ action: 'reverse' }, reverse));
    force.addEventListener('click', () => this.#askForce(force));
  }

  setChoices(choices: readonly string[]): void {
    this.#offered = choices;
  }

  show(state: State): void {
    this.#state = state;
    const { patches, pinned, transition, workers } = state;
    this.#stack.show([...patches].reverse(), ({ name }) => name);
    show(byId('no-patches', HTMLElement), patches.length === 0);
    const choices = this.#offered.filter((name) => !patches.some((patch) => patch.name === name));
    this.#choices.show(choices, (name) => name);
    show(byId('offered', HTMLElement), choices.length > 0);
    this.#pinned.show(pinned, ({ patch, since }) => `${patch} ${since}`);
    show(byId('pinning', HTMLElement), pinned.length > 0);
    const stragglers = workers.filter(({ straggler }) => straggler !== null);
    this.#stragglers.show(transition === null ? [] : stragglers, ({ thread }) => String(thread));
    this.#showTransition(transition);
  }

  #showTransition(transition: TransitionLine | null): void {
    show(byId('transition', HTMLElement), transition !== null);
    if (transition === null) return;
    const { patch, kind, reversed, milliseconds, switched, workers } = transition;
    setText(byId('transition-heading', HTMLElement), `${KINDS[kind]} ${patch}${reversed ? ', turned round' : ''}`);
    const progress = byId('transition-progress', HTMLProgressElement);
    progress.max = Math.max(1, workers);
    progress.value = switched;
    const way = reversed ? 'back on the old code' : 'switched';
    setText(byId('transition-text', HTMLElement), `${switched} of ${plural(workers, 'thread')} ${way} after ${duration(milliseconds)}`);
  }

  #askForce(button: HTMLButtonElement): void {
    const patch = this.#state?.transition?.patch ?? '';
    this.#actions.ask(
      {
        heading: `Force the transition of ${patch}?`,
        text: 'Threads that have not switched will do so in the middle of what they are doing, and one task may run old and new code. What the old code may still use stays pinned.',
        verb: 'Force',
        sure: 'One task may see two versions, and I accept that',
      },
      (reason) => void this.#actions.send({ action: 'force', reason }, button),
    );
  }

  #createPatch({ name }: PatchLine): HTMLLIElement {
    const button = el('button', { type: 'button', 'aria-label': `Disable ${name}` }, 'Disable…');
    button.addEventListener('click', () => {
      this.#actions.ask(
        {
          heading: `Disable ${name}?`,
          text: 'Every thread goes back to the code below it, and variables of types that no other patch uses are destroyed.',
          verb: 'Disable',
          sure: null,
        },
        () => void this.#actions.send({ action: 'disable', patch: name }, button),
      );
    });
    const head = el('p', { class: 'head' }, el('strong', {}, name), ' ', el('span', { class: 'badge' }), button);
    return el('li', { 'data-patch': name }, head, el('p', { class: 'quiet' }));
  }

  #createChoice(name: string): HTMLLIElement {
    const button = el('button', { type: 'button', 'aria-label': `Enable ${name}` }, 'Enable');
    button.addEventListener('click', () => void this.#actions.send({ action: 'enable', patch: name }, button));
    return el('li', { class: 'head', 'data-choice': name }, el('span', {}, name), button);
  }
}

function updatePatch(item: HTMLLIElement, patch: PatchLine): void {
  const badge = item.querySelector('.badge');
  const detail = item.querySelector('.quiet');
  if (badge === null || detail === null) return;
  const [kind, text] = tellStanding(patch);
  badge.className = `badge ${kind}`;
  setText(badge, text);
  const { functions, otherFunctions, types, stackOrder, version, replace, forced } = patch;
  const parts = [
    `${stackOrder} on the stack, version ${version}${replace ? ', replaces all before it' : ''}`,
    functions.length === 0 ? 'no functions' : `${functions.join(', ')}${otherFunctions > 0 ? ` and ${otherFunctions} more` : ''}`,
    types.length === 0 ? '' : `types ${types.map(hex).join(', ')}`,
    forced === null ? '' : `forced: ${forced}`,
  ];
  setText(detail, parts.filter((part) => part !== '').join(' · '));
}

function tellStanding({ transition, enabled }: PatchLine): [string, string] {
  if (!transition) return ['done', 'enabled'];
  return ['open', enabled ? 'on its way in' : 'on its way out'];
}

function tellPin({ patch, reason, since, types }: PinnedLine): string {
  return `${patch} since ${clock(Date.parse(since))} (${reason}): keeps ${types.map(hex).join(', ') || 'nothing'} alive`;
}

function tellStraggler({ thread, version, straggler }: WorkerLine): string {
  const { tasks = [], calls = [] } = straggler ?? {};
  const doing = [
    ...tasks.map(({ name, serial, milliseconds }) => `${name === 'task' ? name : `task ${name}`} #${serial} for ${duration(milliseconds)}`),
    ...calls.map(({ name, patch, calls: count }) => `${plural(count, 'call')} of ${name} (${patch ?? 'original'})`),
  ];
  return `Held up by thread ${thread}, version ${version}: ${doing.join('; ') || 'it has not looked yet'}`;
}
