/**
 * Owns the form of a conformance event, and the prose that the catalogue leaves open: names of state callbacks and details of observations.
 * Touches no shared memory. Imports nothing.
 */

/** `[component, …]`, see `vocabulary` in scenarios.json. */
export type ConformanceEvent = readonly unknown[];

/** One line of the log of a replayed scenario. */
export interface Entry {
  event: ConformanceEvent;
  /** An observation that the step itself has confirmed already, or of what is implied by silence: the catalogue may leave it out. */
  readonly implied: boolean;
}

/** The callbacks of states have one name in the 2023 proposal and another in the one of 2025. */
const STATE_CALLBACKS = new Map<unknown, string>([
  ['pre_patch', 'setup'],
  ['post_patch', 'enable'],
  ['pre_unpatch', 'disable'],
  ['post_unpatch', 'release'],
]);

/** What a patched function tells about its patch's state; null = nothing. */
export const STATE_ACTIVE = 'state active';
export const STATE_INACTIVE = 'state not yet active';

/** Whether two events say the same. Values of attributes are text; details are prose that tells whether a state is active. */
export function sameEvent(one: ConformanceEvent, other: ConformanceEvent): boolean {
  return JSON.stringify(normalise(one)) === JSON.stringify(normalise(other));
}

function normalise(event: ConformanceEvent): ConformanceEvent {
  const [component, kind] = event;
  if (component === 'state-callback') return [component, STATE_CALLBACKS.get(kind) ?? kind, ...event.slice(2)];
  if (component === 'observe' && kind === 'value') return [component, kind, event[2], attributeValue(event[3]), ...event.slice(4)];
  if (component === 'observe' && kind === 'output-by') return [...event.slice(0, 5), detail(event[5]), ...event.slice(6)];
  return event;
}

/** What an attribute of a patch that is not there reads as. */
export const ABSENT = 'absent';

/** Attributes read as text, and a flag as 1 or 0. */
export function attributeValue(value: unknown): string {
  if (value === null || value === undefined) return ABSENT;
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' ? String(Number(value)) : Array.isArray(value) ? value.join(',') : JSON.stringify(value);
}

/** "state not yet active", "state no longer active" and "state inactive" say the same about a state. */
function detail(text: unknown): unknown {
  if (typeof text !== 'string' || !/active/i.test(text)) return text ?? null;
  return /\b(not|no)\b|inactive|deactiv/i.test(text) ? STATE_INACTIVE : STATE_ACTIVE;
}
