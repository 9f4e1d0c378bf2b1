/**
 * Owns a second opinion: linearizability by trying every order, with a model of a variable that shares nothing with specification.ts. Good for a handful
 * of operations. Imports operations.
 */
import { Kind, type Operation, Outcome } from './operations.js';

/** A variable, none, or the type's absence. */
export type Model = { readonly instance: number; readonly value: number } | 'nothing' | 'unregistered';

/** What an operation may come to: the outcome and what it tells, as one string, and the model after it. */
export interface Possible {
  readonly told: string;
  readonly after: Model;
}

function told(outcome: Outcome, constructed = 0, instance = 0, value = 0): string {
  return [outcome, constructed, instance, value].join();
}

/** Whatever an operation may come to if it happens now, alone. */
export function possibilities({ kind, number }: Operation, model: Model): Possible[] {
  const variable = typeof model === 'object' ? model : undefined;
  switch (kind) {
    case Kind.GET:
      return [{ told: variable ? told(Outcome.FOUND, 0, variable.instance, variable.value) : told(Outcome.ABSENT), after: model }];
    case Kind.ALLOC:
    case Kind.GET_OR_ALLOC: {
      if (model === 'unregistered') return [{ told: told(Outcome.UNREGISTERED), after: model }];
      if (model === 'nothing') {
        return [
          { told: told(Outcome.CREATED, 1), after: { instance: number, value: number } },
          { told: told(Outcome.REFUSED, 1), after: model },
          { told: told(Outcome.EXHAUSTED), after: model },
        ];
      }
      if (kind === Kind.ALLOC) return [{ told: told(Outcome.EXISTS), after: model }];
      return [{ told: told(Outcome.FOUND, 0, model.instance, model.value), after: model }];
    }
    case Kind.ADD:
    case Kind.EXCHANGE:
    case Kind.UPDATE:
    case Kind.WITH_LOCK: {
      if (variable === undefined) return [{ told: told(Outcome.ABSENT), after: model }];
      const value = kind === Kind.ADD ? (variable.value + number) | 0 : number;
      const changed = { told: told(Outcome.FOUND, 0, variable.instance, variable.value), after: { instance: variable.instance, value } };
      return kind === Kind.UPDATE ? [changed, { told: told(Outcome.EXHAUSTED), after: model }] : [changed];
    }
    case Kind.FREE:
      if (variable === undefined) return [{ told: told(Outcome.ABSENT), after: model }];
      return [{ told: told(Outcome.REMOVED, 0, variable.instance), after: 'nothing' }];
    case Kind.FREE_ALL:
      if (variable === undefined) return [{ told: told(Outcome.DONE), after: model }];
      return [{ told: told(Outcome.REMOVED, 0, variable.instance), after: 'nothing' }];
    case Kind.UNREGISTER:
      return model === 'unregistered' ? [] : [{ told: told(Outcome.DONE), after: 'unregistered' }];
    case Kind.REGISTER:
      return model === 'unregistered' ? [{ told: told(Outcome.DONE), after: 'nothing' }] : [];
    default:
      return [];
  }
}

/** Whether some order of the operations gives what they tell. Those that did not return, and the optional ones, may be left out of it. */
export function isLinearizable(operations: readonly Operation[], optional: ReadonlySet<Operation> = new Set()): boolean {
  return someOrder([...operations], optional, 'nothing');
}

function someOrder(left: readonly Operation[], optional: ReadonlySet<Operation>, model: Model): boolean {
  if (left.every((operation) => operation.isPending || optional.has(operation))) return true;
  return left.some((first) => {
    const others = left.filter((other) => other !== first);
    if (others.some(({ returned }) => returned < first.call)) {
      // Not before those; they have to come first, or be left out, which the optional among them can.
      const missed = others.filter(({ returned }) => returned < first.call);
      if (missed.some((other) => !optional.has(other))) return false;
      return someOrder([first, ...others.filter((other) => !missed.includes(other))], optional, model);
    }
    const tells = told(first.outcome, first.constructed, first.instance, first.value);
    return possibilities(first, model).some(
      (possible) => (first.isPending || possible.told === tells) && someOrder(others, optional, possible.after),
    );
  });
}
