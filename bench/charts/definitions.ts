/**
 * The charts of the README: which figures each shows, found by suite and name.
 */
import type { Figure } from '../figures.js';
import type { ChartDefinition, Point } from './chart.js';

const STAGED: Readonly<Record<string, string>> = {
  'cursor hit': 'cursor get',
  'getMany hit': 'getMany of 32',
  'alloc + free': 'alloc + free',
};

export const CHARTS: readonly ChartDefinition[] = [
  {
    file: 'throughput-by-size',
    title: 'One thread: throughput ÷ a thread-local Map',
    note: '16-byte values, uniform random keys, medians; whiskers: quartiles of the rounds. Higher is better.',
    kind: 'bars',
    scale: 'linear',
    xName: 'variables in the store',
    yName: 'throughput, ours ÷ Map',
    yFormat: 'plain',
    parity: { value: 1, label: 'Map' },
    points: (figures) =>
      find(figures, /^(?:get|write|scale)$/, /^(cursor hit|getMany hit|alloc \+ free)$/).flatMap(({ figure, groups: [name] }) =>
        ofRatio(figure, { group: STAGED[name!]!, variant: `${figure.keys} keys`, x: figure.variables }),
      ),
  },
  {
    file: 'peers',
    title: 'Two workers: throughput ÷ each peer',
    note: '16-byte values, each peer in its own best way of use, medians; whiskers: quartiles. Higher is better for us.',
    kind: 'bars',
    scale: 'log',
    xName: 'peer, and how many entries',
    yName: 'throughput, ours ÷ peer',
    yFormat: 'plain',
    parity: { value: 1, label: 'peer' },
    points: (figures) => {
      const found = find(figures, /^peers$/, /^(.+) (get|set|95\/5), 2 workers$/);
      return found.flatMap(({ figure, groups: [peer, mix] }) => {
        const sizes = found.filter((other) => other.groups[0] === peer).map((other) => other.figure.variables);
        if (figure.variables !== Math.min(...sizes)) return [];
        return ofRatio(figure, { group: mix!, x: `${peer!}\n${figure.variables.toLocaleString('en')}` });
      });
    },
  },
  {
    file: 'growth',
    title: 'Latency while two workers grow a store to 10 million variables',
    note: 'Every operation by itself, 40 ns of the clock included, beside the same operations at fixed size. Lower is better.',
    kind: 'lines',
    scale: 'log',
    xName: 'percentile',
    yName: 'latency',
    yFormat: 'nanoseconds',
    points: (figures) =>
      find(figures, /^growth$/, /^(get hit|insert), (p[\d.]+|max)$/).flatMap(({ figure, groups: [operation, percentile] }) =>
        bothSides(figure, operation!, percentile!),
      ),
  },
  {
    file: 'oversubscribed',
    title: 'Many more workers than processors, on a few hot variables',
    note: 'All workers together, until the last one is done; whiskers: quartiles. A line that stays level does not collapse. Higher is better.',
    kind: 'lines',
    scale: 'linear',
    xName: 'workers',
    yName: 'million operations per second',
    yFormat: 'plain',
    points: (figures) =>
      find(figures, /^oversubscribed$/, /^(.+), (\d+) workers$/).flatMap(({ figure, groups: [load, workers] }) => {
        const { ours, reference } = figure;
        const shared: Point = { group: load!, x: Number(workers), summary: ours.summary };
        if (reference?.label === '1 worker') return [shared, { group: load!, x: 1, summary: reference.summary }];
        return reference === null ? [shared] : [shared, { ...shared, variant: reference.label, summary: reference.summary }];
      }),
  },
  {
    file: 'transitions',
    title: 'Patching a pool at work: until every worker runs the new version',
    note: 'From the patch loaded everywhere to the last worker switched, tasks of 1 ms, medians; whiskers: quartiles. Lower is better.',
    kind: 'bars',
    scale: 'linear',
    xName: 'workers',
    yName: 'milliseconds',
    yFormat: 'plain',
    points: (figures) =>
      find(figures, /^transition$/, /^(enable|replace), (\d+) workers(?:,| that) (.+)$/).map(
        ({ figure, groups: [what, workers, load] }) => ({
          group: load!,
          variant: what!,
          x: Number(workers),
          summary: figure.ours.summary,
        }),
      ),
  },
  {
    file: 'scale',
    title: 'One thread: cost of an operation as the store grows',
    note: '16-byte values, uniform random sparse keys, beside a thread-local Map as far as one can hold as many. Lower is better.',
    kind: 'lines',
    scale: 'linear',
    xName: 'variables in the store',
    yName: 'nanoseconds per operation',
    yFormat: 'plain',
    points: (figures) =>
      find(figures, /^scale$/, /^(cursor hit|add|alloc \+ free)$/).flatMap(({ figure, groups: [operation] }) => {
        if (figure.keys !== 'sparse') return [];
        const place = { group: operation!, x: figure.variables };
        const ours: Point = { ...place, summary: figure.ours.summary };
        return figure.reference === null ? [ours] : [ours, { ...place, variant: 'Map', summary: figure.reference.summary }];
      }),
  },
  {
    file: 'collection',
    title: 'Look-ups of one id while another one is collected',
    note: 'A reader beside the collection of a million variables, every look-up by itself; whiskers: quartiles. Lower is better.',
    kind: 'bars',
    scale: 'linear',
    xName: 'of all look-ups of a round',
    yName: 'nanoseconds',
    yFormat: 'plain',
    order: ['median', 'p99'],
    points: (figures) =>
      find(figures, /^collect$/, /^readers of another id, (.+)$/).flatMap(({ figure, groups: [which] }) =>
        [figure.ours, figure.reference].flatMap((side) => (side === null ? [] : [{ group: side.label, x: which!, summary: side.summary }])),
      ),
  },
];

interface Found {
  readonly figure: Figure;
  /** What the parentheses of the pattern have caught. */
  readonly groups: readonly (string | undefined)[];
}

function find(figures: readonly Figure[], suite: RegExp, name: RegExp): Found[] {
  return figures.flatMap((figure) => {
    const match = suite.test(figure.suite) ? name.exec(figure.name) : null;
    return match === null ? [] : [{ figure, groups: match.slice(1) }];
  });
}

function ofRatio(figure: Figure, place: Omit<Point, 'summary'>): Point[] {
  return figure.ratio === null ? [] : [{ ...place, summary: figure.ratio }];
}

/** Ours and the reference as two variants of one group. */
function bothSides(figure: Figure, group: string, x: string | number): Point[] {
  return [figure.ours, figure.reference].flatMap((side) =>
    side === null ? [] : [{ group, variant: side.label, x, summary: side.summary }],
  );
}
