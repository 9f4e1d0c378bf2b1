/**
 * Owns what the buttons do: asking first where it cannot be taken back, sending it, and showing the answer. Imports dom and the types of wire.
 */
import type { Action, Answer } from '../wire.js';
import { byId, el, setText, show } from './dom.js';

export interface Question {
  readonly heading: string;
  readonly text: string;
  /** What the button that does it says. */
  readonly verb: string;
  /** What has to be ticked, next to a reason that has to be given; null: neither. */
  readonly sure: string | null;
}

export class Actions {
  readonly #answer = byId('answer', HTMLElement);
  readonly #dialog = byId('dialog', HTMLDialogElement);
  readonly #reason = byId('reason', HTMLInputElement);
  readonly #sure = byId('sure', HTMLInputElement);
  #onYes: (reason: string) => void = () => undefined;

  constructor() {
    byId('dialog-cancel', HTMLButtonElement).addEventListener('click', () => this.#dialog.close());
    this.#dialog.querySelector('form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#dialog.close();
      this.#onYes(this.#reason.value);
    });
  }

  /** Sends it; the button can be used again when the answer is there. */
  async send(action: Action, button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    const name = 'patch' in action ? `${action.action} ${action.patch}` : action.action;
    this.#say('asked', [`${name}: asked, no answer yet`]);
    try {
      const body = JSON.stringify(action);
      const response = await fetch('act', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
      const answer = (await response.json()) as Answer;
      if (answer.ok) this.#say('done', [answer.text]);
      else this.#say('refused', [el('strong', {}, `${name} was refused.`), ' ', answer.message]);
    } catch {
      this.#say('refused', [el('strong', {}, `${name}: no answer.`), ' The connection ended first; the events tell whether it was done.']);
    } finally {
      button.disabled = false;
    }
  }

  ask({ heading, text, verb, sure }: Question, onYes: (reason: string) => void): void {
    this.#onYes = onYes;
    setText(byId('dialog-heading', HTMLElement), heading);
    setText(byId('dialog-text', HTMLElement), text);
    setText(byId('dialog-do', HTMLElement), verb);
    setText(byId('sure-text', HTMLElement), sure ?? '');
    show(byId('dialog-asks', HTMLElement), sure !== null);
    this.#reason.required = this.#sure.required = sure !== null;
    this.#reason.value = '';
    this.#sure.checked = false;
    this.#dialog.showModal();
  }

  #say(kind: string, parts: readonly (Node | string)[]): void {
    this.#answer.className = kind;
    this.#answer.replaceChildren(...parts);
    show(this.#answer, true);
  }
}
