/**
 * Owns what callers of patchable functions get: above each original the replacements of the installed patches, oldest first, and above
 * these whoever else holds the entry (intercept.ts). A call reads one plain field (trampoline.ts); the agent makes sure that the fields
 * change only when nothing that changes is under way.
 *
 * During a pinned switch (pin.ts) there are two stacks, and where their chains differ a choice between them. The versions of the second
 * stack are counted apart, so that it can be told when the calls of one stack have all ended.
 *
 * Touches no shared memory but the activation counters. Imports activity, declared, loaded and trampoline.
 */
import { claimCounter, isRaised, releaseCounter, UNTRACKED } from './activity.js';
import { allDeclared, type Declared } from './declared.js';
import type { Layer, LoadedPatch } from './loaded.js';
import { BASE_OBJECT, type PatchFunction } from './patch.js';
import { Body, Slot, trampoline } from './trampoline.js';

/** Patches, oldest first. */
export type Stack = readonly LoadedPatch[];

/** What has a version of a function: the original, or a layer above it. */
type Holder = { original: Body } | { body: Body };

/** The second of two stacks. */
interface Second {
  readonly stack: Stack;
  /** Whether the call that is being made belongs to the second stack. */
  readonly isMeant: () => boolean;
  /** Versions as they are counted for calls of the second stack. */
  readonly bodies: Map<Holder, Body>;
}

let installed: Stack = [];
let second: Second | undefined;
let live: ReadonlySet<string> = new Set();

/** Switches this thread to exactly these patches. Synchronous: nobody sees half of it. */
export function install(stack: Stack): void {
  if (second !== undefined) settleSecond(second, stack === second.stack);
  installed = stack;
  relink();
}

/** From now on each call goes to the installed stack or, if `isMeant` says so, to this one; until `install()` ends that. */
export function installBeside(stack: Stack, isMeant: () => boolean): void {
  second = { stack, isMeant, bodies: new Map() };
  relink();
}

/** Says which modules are live from now on, and patches or unpatches their functions. */
export function setLive(modules: ReadonlySet<string>): void {
  if (modules.size === live.size && [...modules].every((module) => live.has(module))) return;
  live = modules;
  relink();
}

/** Whether a call is active that would see the version of its function turn into another if this stack was all there is from now on. */
export function isBusy(stack: Stack): boolean {
  if (second !== undefined && stack !== second.stack) {
    for (const { counter } of second.bodies.values()) if (isRaised(counter)) return true;
  }
  for (const declared of allDeclared()) if (leaving(declared, stack).some(({ counter }) => isRaised(counter))) return true;
  return false;
}

/** Strings the layers of one function together: each above the next lower one. */
export function link(declared: Declared): void {
  let top = string(declared.original, layers(declared, installed));
  if (second !== undefined && differs(declared, second.stack)) top = linkBoth(declared, second);
  declared.slot.body = string(top, declared.interceptions);
}

function string(bottom: Body, above: readonly Layer[]): Body {
  let current = bottom;
  for (const layer of above) {
    layer.below.body = current;
    current = layer.body;
  }
  return current;
}

/** A layer that is in both chains reaches the next lower one of the stack that is meant; so does the entry. */
function linkBoth(declared: Declared, { stack, isMeant, bodies }: Second): Body {
  const { name } = declared;
  const first = layers(declared, installed);
  let current = counted(declared, declared.original);
  for (const layer of layers(declared, stack)) {
    layer.below.body = first.includes(layer) ? choice(name, layer.below.body, current, isMeant) : current;
    current = counted(layer, layer.body);
  }
  return choice(name, first.at(-1)?.body ?? declared.original, current, isMeant);

  function counted(holder: Holder, body: Body): Body {
    const known = bodies.get(holder);
    if (known !== undefined) return known;
    const patch = [...installed, ...stack].find((loaded) => loaded.replacement(declared.object, name) === holder);
    const apart = new Body(body.call, claimCounter(`${declared.object}.${name}`, patch?.patch.name ?? null));
    bodies.set(holder, apart);
    return apart;
  }
}

function choice(name: string, first: Body, other: Body, isMeant: () => boolean): Body {
  const [callFirst, callOther] = [first, other].map((body) => trampoline(name, 0, new Slot(body))) as [PatchFunction, PatchFunction];
  const choose = function (this: unknown, ...args: never[]): unknown {
    return Reflect.apply(isMeant() ? callOther : callFirst, this, args);
  };
  return new Body(choose, UNTRACKED);
}

/** If the second stack stays, its calls that are under way go on being counted where they are. */
function settleSecond({ bodies }: Second, stays: boolean): void {
  for (const [holder, apart] of bodies) {
    const former = 'original' in holder ? holder.original : holder.body;
    releaseCounter(stays ? former.counter : apart.counter);
    if (!stays) continue;
    if ('original' in holder) holder.original = apart;
    else holder.body = apart;
  }
  second = undefined;
}

/**
 * The versions of a function that another stack gives up: those that are not in its chain at the same place, and the newest one if others
 * come above it. Older ones below a common version are only called from it.
 */
function leaving(declared: Declared, stack: Stack): Body[] {
  const from = layers(declared, installed);
  const common = commonLayers(from, layers(declared, stack));
  if (common === from.length && !differs(declared, stack)) return [];
  const versions = [declared.original, ...from.map(({ body }) => body)];
  return versions.slice(Math.min(common + 1, from.length));
}

function differs(declared: Declared, stack: Stack): boolean {
  const [from, to] = [layers(declared, installed), layers(declared, stack)];
  return from.length !== to.length || commonLayers(from, to) < from.length;
}

function commonLayers(from: readonly Layer[], to: readonly Layer[]): number {
  const end = from.findIndex((layer, index) => layer !== to[index]);
  return end < 0 ? from.length : end;
}

function layers({ object, name }: Declared, stack: Stack): Layer[] {
  if (object !== BASE_OBJECT && !live.has(object)) return [];
  return stack.map((patch) => patch.replacement(object, name)).filter((layer) => layer !== undefined);
}

function relink(): void {
  for (const declared of allDeclared()) link(declared);
}
