/**
 * Owns the words in which tests write small histories down: each function is one operation at one key, from its call to its return. The call is its number, as
 * in a recorded history: what it creates is the instance of that number, and what it writes is that number. A return of Infinity never came. Imports
 * operations.
 */
import { Kind, Operation, Outcome } from './operations.js';

type Change = Kind.ADD | Kind.EXCHANGE | Kind.UPDATE | Kind.WITH_LOCK;

export function say(kind: Kind, call: number, returned: number, outcome: Outcome, told: Partial<Operation> = {}): Operation {
  return Operation.of({ kind, number: call, call, returned, outcome: returned === Infinity ? Outcome.NONE : outcome, ...told });
}

/** A look-up that finds this instance with this value, or nothing. */
export function get(call: number, returned: number, instance = 0, value = 0): Operation {
  return say(Kind.GET, call, returned, instance === 0 ? Outcome.ABSENT : Outcome.FOUND, { instance, value });
}

/** An alloc that creates instance `call`. */
export function alloc(call: number, returned: number): Operation {
  return say(Kind.ALLOC, call, returned, Outcome.CREATED, { constructed: returned === Infinity ? 0 : 1 });
}

/** An alloc that is refused: ERR_SHADOW_EXISTS unless said otherwise. */
export function refused(call: number, returned: number, outcome = Outcome.EXISTS): Operation {
  return say(Kind.ALLOC, call, returned, outcome, { constructed: outcome === Outcome.REFUSED ? 1 : 0 });
}

/** A getOrAlloc that finds this instance with this value, or creates instance `call`. */
export function getOrAlloc(call: number, returned: number, instance = 0, value = 0): Operation {
  if (instance === 0) return say(Kind.GET_OR_ALLOC, call, returned, Outcome.CREATED, { constructed: returned === Infinity ? 0 : 1 });
  return say(Kind.GET_OR_ALLOC, call, returned, Outcome.FOUND, { instance, value });
}

/** A change of this instance, which had this value, or of nothing. */
export function change(kind: Change, call: number, returned: number, instance = 0, value = 0): Operation {
  return say(kind, call, returned, instance === 0 ? Outcome.ABSENT : Outcome.FOUND, { instance, value });
}

/** A free of this instance, or of nothing. */
export function free(call: number, returned: number, instance = 0): Operation {
  return say(Kind.FREE, call, returned, instance === 0 ? Outcome.ABSENT : Outcome.REMOVED, { instance });
}

/** A freeAll that frees this instance at the key, or nothing. */
export function freeAll(call: number, returned: number, instance = 0): Operation {
  return say(Kind.FREE_ALL, call, returned, instance === 0 ? Outcome.DONE : Outcome.REMOVED, { instance });
}

export function unregister(call: number, returned: number): Operation {
  return say(Kind.UNREGISTER, call, returned, Outcome.DONE);
}

export function register(call: number, returned: number): Operation {
  return say(Kind.REGISTER, call, returned, Outcome.DONE);
}
