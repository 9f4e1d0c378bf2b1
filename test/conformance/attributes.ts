/**
 * Owns the reading of attributes: what `observe value` names, in the catalogue's ways of naming it: the attribute, and maybe a patch and an
 * object ("demo/target/patched", "base/patched", "transition:demo"). Without a patch it is the one that was loaded last
 * of those that are still there. Imports the public face.
 */
import { type PatchCoordinator, PATCH_ATTRIBUTES, type PatchInfo } from '../../src/index.js';
import { ABSENT } from './events.js';
import { UnknownForm } from './fixture-table.js';

export interface Surroundings {
  readonly coordinator: PatchCoordinator;
  /** The patch that was loaded last. */
  readonly newest: string | undefined;
  readonly isPatch: (name: string) => boolean;
  /** Workers that still have to be seen in the new version. */
  readonly pendingWorkers: () => number;
}

/** Words that a name for "how many patches are enabled", or "which", is made of; one of the second kind must be there. */
const COUNTING = new Set(['number', 'nr', 'of', 'active', 'enabled', 'applied', 'loaded', 'all', 'total', 'live']);
const COUNTED = new Set(['patch', 'patches', 'livepatch', 'livepatches', 'count', 'list']);

interface Path {
  readonly attribute: string;
  readonly patch: string | undefined;
  readonly object: string;
}

/** @throws UnknownForm */
export function readAttribute(name: string, owner: unknown, expected: unknown, around: Surroundings): string {
  if (name.startsWith('mode:')) return mode(parsePath(name.slice('mode:'.length), around).attribute, name);
  if (name === 'pending-workers') return String(around.pendingWorkers());
  const { patches } = around.coordinator;
  if (asksForPatches(name)) {
    return /^\d+$/.test(String(expected)) ? String(patches.length) : patches.map((patch) => patch.name).join(',');
  }
  const { attribute, patch, object } = parsePath(name, around);
  const named = typeof owner === 'string' ? owner : patch;
  const find = (wanted: string | undefined) => patches.find((candidate) => candidate.name === wanted);
  const info = named === undefined ? (find(around.newest) ?? patches.at(-1)) : find(named);
  return info === undefined ? ABSENT : value(info, attribute, object, name);
}

function asksForPatches(name: string): boolean {
  const words = name.toLowerCase().split(/[-_ ]/);
  return words.every((word) => COUNTING.has(word) || COUNTED.has(word)) && words.some((word) => COUNTED.has(word));
}

/** Which words name the attribute, the patch and the object, whatever stands between them. No attribute: the patch itself. */
function parsePath(name: string, { isPatch }: Surroundings): Path {
  const words = name.split(/[^\w-]+/).filter((word) => word !== '' && word !== 'of');
  const attribute = words.find((word) => word in PATCH_ATTRIBUTES) ?? '';
  const patch = words.find((word) => word !== attribute && isPatch(word));
  const [object, ...more] = words.filter((word) => word !== attribute && word !== patch);
  if (more.length > 0 || (object !== undefined && attribute !== 'patched'))
    throw new UnknownForm(`unknown attribute ${JSON.stringify(name)}`);
  return { attribute, patch, object: object ?? 'base' };
}

function value(info: PatchInfo, attribute: string, object: string, name: string): string {
  switch (attribute) {
    case 'enabled':
      return String(Number(info.enabled));
    case 'transition':
      return String(Number(info.transition));
    case 'replace':
      return String(Number(info.replace));
    case 'stack_order':
      return String(info.stackOrder);
    case 'patched': {
      const found = info.objects.find((candidate) => candidate.name === object);
      return found === undefined ? ABSENT : String(Number(found.patched));
    }
    default:
      throw new UnknownForm(`${JSON.stringify(name)} is no attribute that can be read`);
  }
}

/** The access to an attribute as a file system would show it: everybody reads what can be read, the owner writes what can be written. */
function mode(attribute: string, name: string): string {
  const access = PATCH_ATTRIBUTES[attribute];
  if (access === undefined) throw new UnknownForm(`unknown attribute ${JSON.stringify(name)}`);
  if (attribute === '') return 'dir-rwxr-xr-x';
  const others = access.read ? 'r--' : '---';
  return `${access.read ? 'r' : '-'}${access.write ? 'w' : '-'}-${others}${others}`;
}
