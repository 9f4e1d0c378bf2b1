/**
 * Owns the sequential specification of one variable: what each operation may do and tell when operations come one after another. Imports operations.
 *
 * A state is two numbers: the instance that stands at the key, or ABSENT, or UNREGISTERED while nothing keeps the type alive; and its value.
 *
 * A view that was found by a call may be used until the call ends, also when another thread frees the variable meanwhile: what is done to it then counts as
 * done before the free, whose call had not returned when the view was found. That is why finding a variable and changing it are one operation here.
 */
import { Kind, type Operation, Outcome } from './operations.js';

/** No variable stands at the key. Instances are positive. */
export const ABSENT = 0;
/** None does, and none can: the type has no registration. */
export const UNREGISTERED = -1;

/** Whether an operation, as far as its outcome tells, leaves every state as it is. */
export function changesNothing({ kind, outcome }: Operation): boolean {
  switch (outcome) {
    case Outcome.NONE:
      return kind === Kind.GET;
    case Outcome.FOUND:
      return kind === Kind.GET || kind === Kind.GET_OR_ALLOC;
    case Outcome.CREATED:
    case Outcome.REMOVED:
      return false;
    case Outcome.DONE:
      return kind === Kind.FREE_ALL; // at this key it has removed nothing
    default:
      return true;
  }
}

/** Whether an operation that changes nothing may have this outcome in this state. */
export function mayTell(operation: Operation, instance: number, value: number): boolean {
  const { outcome, constructed } = operation;
  if (constructed !== (outcome === Outcome.REFUSED ? 1 : 0)) return false;
  switch (outcome) {
    case Outcome.NONE:
    case Outcome.DONE:
      return outcome === Outcome.NONE || instance <= ABSENT;
    case Outcome.ABSENT:
      return instance <= ABSENT;
    case Outcome.FOUND:
      return instance > ABSENT && instance === operation.instance && value === operation.value;
    case Outcome.EXISTS:
      return instance > ABSENT;
    case Outcome.REFUSED:
      return instance === ABSENT;
    case Outcome.EXHAUSTED:
      return operation.kind === Kind.UPDATE ? instance > ABSENT : instance === ABSENT;
    case Outcome.UNREGISTERED:
      return instance === UNREGISTERED;
    default:
      return false;
  }
}

/** The state that change() has led to. */
export let nextInstance = ABSENT;
export let nextValue = 0;

/** Whether an operation that changes something may happen in this state with this outcome. Then nextInstance and nextValue are the state after it. */
export function change(operation: Operation, instance: number, value: number): boolean {
  if (operation.outcome === Outcome.NONE) return changeUntold(operation, instance, value);
  const { kind, outcome, number, constructed } = operation;
  if (constructed !== (outcome === Outcome.CREATED ? 1 : 0)) return false;
  switch (outcome) {
    case Outcome.CREATED:
      return instance === ABSENT && to(number, number);
    case Outcome.FOUND:
      return (
        instance > ABSENT && instance === operation.instance && value === operation.value && to(instance, written(kind, number, value))
      );
    case Outcome.REMOVED:
      return instance > ABSENT && instance === operation.instance && to(ABSENT, 0);
    default: // DONE
      return changeUntold(operation, instance, value);
  }
}

/** The same for an operation of which nothing but the call is known. False where it would change nothing: it need not have happened at all. */
function changeUntold({ kind, number }: Operation, instance: number, value: number): boolean {
  switch (kind) {
    case Kind.ALLOC:
    case Kind.GET_OR_ALLOC:
      return instance === ABSENT && to(number, number);
    case Kind.ADD:
    case Kind.EXCHANGE:
    case Kind.UPDATE:
    case Kind.WITH_LOCK:
      return instance > ABSENT && to(instance, written(kind, number, value));
    case Kind.FREE:
    case Kind.FREE_ALL:
      return instance > ABSENT && to(ABSENT, 0);
    case Kind.UNREGISTER:
      return instance !== UNREGISTERED && to(UNREGISTERED, 0);
    case Kind.REGISTER:
      return instance === UNREGISTERED && to(ABSENT, 0);
    default:
      return false;
  }
}

/** What a change writes over a value. */
function written(kind: Kind, number: number, value: number): number {
  return kind === Kind.ADD ? (value + number) | 0 : number;
}

function to(instance: number, value: number): true {
  nextInstance = instance;
  nextValue = value;
  return true;
}
