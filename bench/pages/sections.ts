/**
 * The sections of the pages that are made: of a kept report, so that no figure is typed by hand, and of the table of error codes. Imports report, bar-table,
 * errors and this folder.
 */
import { join } from 'node:path';

import { ERROR_CODES } from '../../src/errors.js';
import { barTable } from '../bar-table.js';
import type { Report } from '../report.js';
import { RESULTS_FOLDER } from '../results.js';
import { difference, ours, ratio, type Select, selector, theirs } from './figure-of.js';
import { table } from './markdown.js';

/** The report whose figures the pages show: that of the oldest Node which is supported. */
export const PAGE_REPORT = join(RESULTS_FOLDER, '0.1.0-node20.json');
export const PAGES = ['README.md', 'docs/figures.md', 'docs/errors.md'];

const LARGE = 1_000_000;
const LARGEST = 10_000_000;
const SIZES = [10_000, 100_000, LARGE, LARGEST];

/** What a program would share data with otherwise, and what that can do; the words are ours, the figures the report's. */
const PEERS = [
  {
    name: 'sharedmap',
    label: 'npm `sharedmap`',
    shared: 'all threads',
    whole: 'one value at a time, under a lock',
    death: 'its locks stay taken: the others may hang',
  },
  {
    name: 'lmdb',
    label: 'npm `lmdb`',
    shared: 'all threads and processes; kept on disk',
    whole: 'transactions, one writer at a time',
    death: 'one killed while it writes may hang or abort the process',
  },
  {
    name: 'owner',
    label: 'a `Map` of one worker, asked by `postMessage`',
    shared: 'by asking; every answer is awaited',
    whole: 'what the owner does in one turn',
    death: "the owner's death loses everything",
  },
  {
    name: 'owner×64',
    label: 'the same, 64 requests a message',
    shared: 'by asking, in batches',
    whole: 'what the owner does in one turn',
    death: "the owner's death loses everything",
  },
  {
    name: 'Map',
    label: 'a `Map` in each worker',
    shared: 'nothing is shared',
    whole: 'nobody else sees it',
    death: 'its own entries are lost',
  },
] as const;

const MIXES = ['get', 'set', 'assign', '95/5'] as const;

export function makeSection(report: Report, name: string): string {
  const make = SECTIONS[name];
  if (make === undefined) throw new RangeError(`there is no section ${name}; known are ${Object.keys(SECTIONS).join(', ')}`);
  return make(report);
}

const SECTIONS: Readonly<Record<string, (report: Report) => string>> = {
  'errors-of-stores': () => errors(/^ERR_SHADOW_/),
  'errors-of-patches': () => errors(/^ERR_PATCH_/),
  'errors-of-commands': () => errors(/^ERR_(?!SHADOW_|PATCH_)/),
  comparison,
  costs,
  origin,
  'by-size': bySize,
  peers,
  others,
  bars,
};

function errors(prefix: RegExp): string {
  const rows = Object.entries(ERROR_CODES).flatMap(([code, rule]) => (prefix.test(code) ? [[`\`${code}\``, rule]] : []));
  return table(['code', 'what it says'], rows);
}

function comparison(report: Report): string {
  const select = selector(report);
  const rows = PEERS.map(({ name, label, shared, whole, death }) => [
    label,
    ...MIXES.slice(0, 3).map((mix) => ratio(peer(select, name, mix))),
    shared,
    whole,
    death,
  ]);
  return table(
    ['instead of Umbra', 'get', '`update()`', 'set fields', 'who sees the data', 'several fields as one', 'a thread is killed'],
    [
      ...rows,
      ['**Umbra**', '1', '1', '1', 'all threads of the process', '`update()`: all or nothing', 'locks freed, changes finished or undone'],
    ],
  );
}

function costs(report: Report): string {
  const select = selector(report);
  const rows = [
    ['a call of a patchable function, more than a direct call', `${difference(select('transition', 'patched call', 'dense', 20))} ns`],
    ['a `task()`, more than the async function alone', `${difference(select('transition', 'task entry + exit', 'dense', 20))} ns`],
    ['`enable()` of 8 workers: idle; all busy with 1 ms tasks', `${enabling(select, 8, 'idle')}; ${enabling(select, 8, 'compute')} ms`],
    [
      'a collected id: invisible everywhere after; destroyed at',
      `${ours(select('collect', 'invisible', 'sparse', LARGE))} ms; ${ours(select('collect', 'swept', 'sparse', LARGE))} million variables/s`,
    ],
    [
      'a worker dies with a lock: the next has it after, median; 99 %',
      `${ours(select('recover', 'bucket lock, terminated', 'sparse', 100_000))}; ${ours(select('recover', 'bucket lock, terminated, p99', 'sparse', 100_000))} µs`,
    ],
    [
      'memory per variable of 16 bytes (a `Map` entry in the heap)',
      `${ours(bytes(select, 16))} bytes (${theirs(bytes(select, 16))} bytes)`,
    ],
  ];
  return table(['what', 'costs'], rows);
}

function origin({ machine, node, startedAt, commit, command }: Report): string {
  return (
    `${machine.cpu}, ${machine.cores} cores, ${machine.arch}, Node ${node.replace(/^v/, '')}, ${startedAt.slice(0, 10)}, commit ` +
    `${commit?.slice(0, 12) ?? 'unknown'}, \`${command}\``
  );
}

function bars(report: Report): string {
  const { met, missed } = report.bars;
  return `${met} bars are met, ${missed} are missed.\n\n${barTable(report).trimEnd()}`;
}

function bySize(report: Report): string {
  const select = selector(report);
  const rows: readonly (readonly [title: string, name: string, sizes: number])[] = [
    ['cursor, found: dense / sparse', 'cursor hit', 4],
    ['cursor, missing: dense / sparse', 'cursor miss', 3],
    ['`get` with a view, found: dense / sparse', 'view hit', 3],
    ['`getMany` of 32, found: dense / sparse', 'getMany hit', 3],
    ['`alloc` + `free`, ÷ `set` + `delete`', 'alloc + free', 4],
  ];
  const cell = (name: string, variables: number): string => {
    const suite = variables === LARGEST ? 'scale' : name.startsWith('alloc') ? 'write' : 'get';
    return ['dense', 'sparse'].map((keys) => ratio(select(suite, name, keys, variables))).join(' / ');
  };
  return table(
    ['throughput, ours ÷ `Map<number, object>`', ...SIZES.map((size) => size.toLocaleString('en'))],
    rows.map(([title, name, sizes]) => [title, ...SIZES.map((size, index) => (index < sizes ? cell(name, size) : ''))]),
  );
}

function peers(report: Report): string {
  const select = selector(report);
  return table(
    ['throughput, ours ÷ that of', 'get', 'set: `update()`', 'set: fields one by one', '95 % gets, 5 % `update()`'],
    PEERS.map(({ name, label }) => [label, ...MIXES.map((mix) => ratio(peer(select, name, mix)))]),
  );
}

function others(report: Report): string {
  const select = selector(report);
  const sizes = [LARGE, LARGEST, 50_000_000].map((size) =>
    ratio(select(size === LARGE ? 'get' : 'scale', 'getMany ÷ cursor', 'sparse', size)),
  );
  const scaling = (mix: string): string => ratio(select('threads', `${mix}, store: 2 ÷ 1`, 'sparse', LARGE));
  const hot = (name: string, variables: number): string => ratio(select('oversubscribed', name, 'sparse', variables));
  const growth = (name: string): string => ratio(select('growth', name, 'sparse', LARGEST));
  const collect = (name: string): string => ours(select('collect', name, 'sparse', LARGE));
  const bare = [10_000, LARGE].map((size) => ratio(select('write', 'add ÷ bare', 'sparse', size)));
  const enablings = (load: string): string => [2, 8, 32].map((workers) => enabling(select, workers, load)).join('; ');
  const rows = [
    ['`getMany` of 32 ÷ 32 single cursor gets, 1 M; 10 M; 50 M variables', sizes.join('; ')],
    ['find and `add`, ÷ a get and a bare `Atomics.add`, 10 k; 1 M', bare.join('; ')],
    ['2 workers ÷ 1, 1 M variables, gets', scaling('100/0')],
    ['2 workers ÷ 1, 1 M variables, 95 % gets, 5 % `update()`', scaling('95/5')],
    ['2 workers ÷ 1, 1 M variables, half gets, half `update()`', scaling('50/50')],
    ['2 workers ÷ 1, 1 M variables, half gets, a quarter inserts, a quarter deletes', scaling('churn 50/25/25')],
    [
      '32 workers ÷ 2 on 2 processors: one hot variable, `update()`; `add`; zipf over 100,000 (a `Map` each)',
      `${hot('one key update, store: 32 ÷ 2', 1)}; ${hot('one key add, store: 32 ÷ 2', 1)}; ${hot('zipf 50/50, store: 32 ÷ 2', 100_000)} (${hot('zipf 50/50, Maps: 32 ÷ 2', 100_000)})`,
    ],
    [
      'p99.9 while the store grows to 10 M ÷ at a fixed size: insert; get; with `commit: true`',
      `${growth('insert, p99.9')}; ${growth('get hit, p99.9')}; ${growth('insert, p99.9, committed')}; ${growth('get hit, p99.9, committed')}`,
    ],
    [
      'collection of 1 M variables beside 1 M others: invisible after; swept; p99 of other look-ups ÷ without',
      `${collect('invisible')} ms; ${collect('swept')} M/s; ${ratio(select('collect', 'readers of another id, p99', 'sparse', LARGE))}`,
    ],
    [
      'bytes per variable, 1 M of 16 bytes; of 8 bytes (`Map` in heap)',
      `${ours(bytes(select, 16))}; ${ours(bytes(select, 8))} (${theirs(bytes(select, 16))}; ${theirs(bytes(select, 8))})`,
    ],
    [
      'call of a patched function − the same function called directly; `task()` − the async function alone',
      `${difference(select('transition', 'patched call', 'dense', 20))} ns; ${difference(select('transition', 'task entry + exit', 'dense', 20))} ns`,
    ],
    ['enable a patch, 2; 8; 32 workers: idle', `${enablings('idle')} ms`],
    ['the same while all run 1 ms tasks that compute', `${enablings('compute')} ms`],
    [
      'a worker dies with a lock: from its exit event until another has the lock, median; 99 %',
      `${ours(select('recover', 'bucket lock, terminated', 'sparse', 100_000))}; ${ours(select('recover', 'bucket lock, terminated, p99', 'sparse', 100_000))} µs`,
    ],
  ];
  return table(['other', ''], rows);
}

function peer(select: Select, name: string, mix: string): ReturnType<Select> {
  return select('peers', `${name} ${mix}, 2 workers`, 'sparse', 100_000);
}

function enabling(select: Select, workers: number, load: string): string {
  return ours(select('transition', `enable, ${workers} workers, ${load}`, 'dense', 20));
}

function bytes(select: Select, size: number): ReturnType<Select> {
  return select('memory', `${size}-byte values, stats()`, 'sparse', LARGE);
}
