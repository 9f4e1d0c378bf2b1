/**
 * Owns the phases of the demo: how long each takes, what it is there to show, and how one sees that it has. Imports the types of what it looks at.
 */
export const PHASES = ['unpatched', 'patch 1', 'patch 2', 'downgrade', 'disabled'] as const;
export type PhaseName = (typeof PHASES)[number];

/** Of the whole time. */
export const SHARES: Readonly<Record<PhaseName, number>> = {
  unpatched: 0.2,
  'patch 1': 0.3,
  'patch 2': 0.2,
  downgrade: 0.15,
  disabled: 0.15,
};

/** How full the store is. */
export interface Level {
  readonly sessions: number;
  /** Data of all variables that are alive. */
  readonly bytes: number;
  /** What the store has taken for them so far: what is free again is kept for the next ones. */
  readonly pageBytes: number;
}

export interface PhaseLevels {
  readonly name: PhaseName;
  readonly begin: Level;
  readonly end: Level;
}

/** A level is kept if it does not rise by more than this, and by what comes in a moment in which the machine does something else. */
const LEVEL_TOLERANCE = 1.5;
const LEVEL_SLACK_SECONDS = 0.3;
const LEVEL_SLACK_PAGE_BYTES = 2 ** 20;
/** A climb by less than this could be chance. */
const LEAST_CLIMB = 50;

/** What else one sees of the service. */
export interface Seen {
  /** Requests that were refused so far. */
  readonly refused: number;
  /** Sessions that have ended so far. */
  readonly ended: number;
  /** Requests a second that clients send. */
  readonly rate: number;
}

/** Whether a phase has shown what it is there for. `before`: the phases before it. */
export function hasShown({ name, begin, end }: PhaseLevels, before: readonly PhaseLevels[], { refused, ended, rate }: Seen): boolean {
  switch (name) {
    case 'unpatched':
    case 'disabled':
      return end.sessions > begin.sessions + LEAST_CLIMB;
    case 'patch 1':
      return ended > 0 && end.sessions < begin.sessions;
    case 'patch 2':
      return refused > 0;
    case 'downgrade': {
      const settled = before.find((phase) => phase.name === 'patch 1')?.end ?? begin;
      return (
        end.sessions <= settled.sessions * LEVEL_TOLERANCE + rate * LEVEL_SLACK_SECONDS &&
        end.pageBytes <= settled.pageBytes * LEVEL_TOLERANCE + LEVEL_SLACK_PAGE_BYTES
      );
    }
  }
}
