/**
 * Owns the verdict on a run of the demo: what clients got, what the store holds and what the coordinator said must fit together. Runs when no
 * request is under way and no housekeeping either. Imports application and the types of what it judges.
 */
import { grouped } from '../cli/progress.js';
import type { ShadowStore } from '../shadow/store.js';
import { books, session } from './application.js';
import { hasShown, type Level, type PhaseLevels, type PhaseName } from './course.js';
import type { Service } from './service.js';
import type { Story as WholeStory } from './story.js';
import type { Report } from './tally.js';
import { megabytes } from './words.js';

export const RULES = ['answered', 'one-version', 'refused', 'sessions', 'memory', 'collected', 'store'] as const;
type Rule = (typeof RULES)[number];

/** One rule, and what was found. */
export interface Check {
  readonly rule: Rule;
  readonly ok: boolean;
  readonly what: string;
}

/** What the verdict needs to know of the service and of its story. */
export type Judged = Pick<Service, 'store' | 'answered' | 'connections'>;
export type Story = Readonly<Pick<WholeStory, 'versions' | 'collected' | 'patchTypes' | 'error' | 'interrupted' | 'byOthers' | 'seen'>> & {
  readonly phases: readonly PhaseLevels[];
};

/** What was to be shown, apart from what must never happen. It is not asked of a run that ended early, or that somebody else has steered. */
function isWhole(story: Story): boolean {
  return !story.interrupted && story.error === undefined && story.byOthers === 0;
}

export function judge(service: Judged, story: Story, report: Report): Check[] {
  return [
    answered(report, service, story),
    oneVersion(report, story),
    refused(report, story),
    sessions(report, service.store),
    memory(story),
    collected(service.store, story),
    inOrder(service.store),
  ];
}

function answered({ sent, served, refused: limited, failed }: Report, service: Judged, story: Story): Check {
  const gotAll = served + limited === service.answered && sent === served + limited + failed;
  const what = `${grouped(sent)} requests over ${grouped(service.connections)} connections: ${grouped(served)} served, ${grouped(limited)} refused with 429, ${grouped(failed)} failed`;
  return {
    rule: 'answered',
    ok: failed === 0 && gotAll && (sent > 0 || !isWhole(story)),
    what: gotAll || failed > 0 ? what : `${what}; the service says that it answered ${grouped(service.answered)}`,
  };
}

/** Of what each request saw; and the version that its task ran was that of the code that it saw. */
function oneVersion({ mixed, versions, served, refused: limited }: Report, story: Story): Check {
  const wrong = versions.filter(({ version, code }) => !story.versions.some((known) => known.version === version && known.code === code));
  const right = served + limited - mixed - wrong.reduce((sum, { answers }) => sum + answers, 0);
  const unexpected = wrong.map(
    ({ version, code, answers }) => `; ${grouped(answers)} saw ${code} in version ${version}, which is another one`,
  );
  return {
    rule: 'one-version',
    ok: mixed === 0 && wrong.length === 0,
    what: `${grouped(right)} requests ran one version from beginning to end, ${grouped(mixed)} more than one${unexpected.join('')}`,
  };
}

function refused({ wronglyRefused, refused: limited, phases }: Report, story: Story): Check {
  const missing = isWhole(story) && !haveShown(story, ['patch 2']);
  const where = phases.flatMap(({ refused: some }, i) => (some > 0 ? [story.phases[i]?.name ?? 'the last phase'] : []));
  return {
    rule: 'refused',
    ok: wronglyRefused === 0 && !missing,
    what:
      limited === 0
        ? 'nobody was refused'
        : `only clients that hammer were refused, and only by limit-rate (${where.join(', ')})` +
          (wronglyRefused === 0 ? '' : `; but for ${grouped(wronglyRefused)} requests of others`),
  };
}

/** Nothing that was answered is lost: what live sessions have counted, and what those that ended left in the books, is what clients got. */
function sessions({ served, opened }: Report, store: ShadowStore): Check {
  let live = 0;
  let hits = 0;
  for (const [, view] of store.entries(session)) {
    live++;
    hits += view.hits;
  }
  const past = store.get(null, books)?.read() ?? { sessions: 0, hits: 0 };
  const hitsFound = hits + past.hits;
  const opensFound = live + past.sessions;
  return {
    rule: 'sessions',
    ok: hitsFound === served && opensFound === opened,
    what:
      `${grouped(hitsFound)} requests counted in sessions, ${grouped(served)} served; ` +
      `${grouped(live)} sessions alive + ${grouped(past.sessions)} ended = ${grouped(opensFound)}, ${grouped(opened)} opened`,
  };
}

function memory(story: Story): Check {
  if (!isWhole(story)) {
    const why = story.byOthers > 0 ? 'somebody has used the buttons of the page' : 'the run ended early';
    return { rule: 'memory', ok: true, what: `not judged: ${why}` };
  }
  const end = (name: PhaseName): Level => story.phases.find((one) => one.name === name)?.end ?? NOTHING;
  const kept = end('downgrade');
  return {
    rule: 'memory',
    ok: haveShown(story, ['unpatched', 'patch 1', 'downgrade', 'disabled']),
    what:
      `climbed to ${grouped(end('unpatched').sessions)} sessions without a patch, fell to ${grouped(end('patch 1').sessions)} with the first one, ` +
      `and was ${grouped(kept.sessions)} (${megabytes(kept.bytes)}) before the last one went`,
  };
}

const NOTHING: Level = { sessions: 0, bytes: 0, pageBytes: 0 };

/** Whether these phases were there, and have shown what they are there for. */
function haveShown({ phases, seen }: Story, names: readonly PhaseName[]): boolean {
  return names.every((name) => phases.some((phase, i) => phase.name === name && hasShown(phase, phases.slice(0, i), seen)));
}

function collected(store: ShadowStore, story: Story): Check {
  const left = store.stats().types.filter(({ id, live, registrations }) => story.patchTypes.has(id) && (live > 0 || registrations > 0));
  const sum = story.collected.reduce((total, { variables }) => total + variables, 0);
  const rest = left.map(
    ({ id, live, registrations }) => `; type 0x${id.toString(16)} has ${grouped(live)} variables and ${registrations} registrations left`,
  );
  const never = isWhole(story) && sum === 0;
  return {
    rule: 'collected',
    ok: left.length === 0 && !never,
    what: `${grouped(sum)} variables of the patches were collected, of ${story.patchTypes.size} types${rest.join('')}`,
  };
}

function inOrder(store: ShadowStore): Check {
  const { violations } = store.check();
  const [first] = violations;
  return {
    rule: 'store',
    ok: first === undefined,
    what:
      first === undefined ? 'the store proves its invariants' : `${violations.length} violations, the first: ${first.rule}: ${first.what}`,
  };
}
