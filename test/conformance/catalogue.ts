/**
 * Owns the reading of catalogue files: which scenarios a file holds, under whatever key, and which fixtures they use. A file that brings no
 * fixtures of its own, or not all, is completed from the project's own copy. Imports the forms of events and fixtures.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { ConformanceEvent } from './events.js';
import type { FixtureTable, ModuleFixture, PatchFixture } from './fixture-table.js';
import type { ShadowApi } from './shadow-steps.js';

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** Callbacks of the patches belong to their states instead of their objects. */
  readonly stateCallbacks: boolean;
  readonly steps: readonly ConformanceEvent[];
  readonly events: readonly ConformanceEvent[];
}

export interface Catalogue {
  readonly file: string;
  readonly scenarios: readonly Scenario[];
  readonly fixtures: FixtureTable;
  readonly shadowApi: ShadowApi | undefined;
}

/** The file is not a catalogue; the message says why. */
export class CatalogueError extends Error {
  override readonly name = 'CatalogueError';
}

type Json = Readonly<Record<string, unknown>>;

const NO_FIXTURES: FixtureTable = { modules: {}, patches: {}, objects: [] };
const OWN_COPY = 'test/conformance/scenarios.json';

/** The project's own catalogue, found from the compiled file, wherever that lies, or from the working directory. */
export function ownCatalogue(): string {
  for (const start of [dirname(fileURLToPath(import.meta.url)), process.cwd()]) {
    for (let folder = start; ; folder = dirname(folder)) {
      const file = join(folder, OWN_COPY);
      if (existsSync(file)) return file;
      if (dirname(folder) === folder) break;
    }
  }
  throw new CatalogueError(`found no ${OWN_COPY} above ${fileURLToPath(import.meta.url)} or ${process.cwd()}; name a file`);
}

/** @throws CatalogueError */
export function readCatalogue(path: string): Catalogue {
  const file = resolve(path);
  const content = readJson(file);
  const lists: [string, readonly unknown[]][] = Array.isArray(content)
    ? [['', content as unknown[]]]
    : isScenario(content)
      ? [['', [content]]]
      : Object.entries(requireRecord(content, file)).filter((entry): entry is [string, unknown[]] => isScenarioList(...entry));
  const scenarios = lists.flatMap(([key, list]) => list.map((value, index) => readScenario(value, key, `${file}: ${key}[${index}]`)));
  const shadowApi = isRecord(content) && content.shadowApi !== undefined ? readShadowApi(content.shadowApi, file) : undefined;
  if (scenarios.length === 0 && shadowApi === undefined)
    throw new CatalogueError(`${file} holds no scenario: no list of { id, steps, events }`);
  const names = new Set<string>();
  for (const { id } of scenarios) {
    if (names.has(id)) throw new CatalogueError(`${file} has two scenarios called ${id}`);
    names.add(id);
  }
  const own = ownCatalogue();
  const fixtures = merge(file === own ? NO_FIXTURES : readFixtures(readJson(own), own), readFixtures(content, file));
  return { file, scenarios, fixtures, shadowApi };
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CatalogueError(`cannot read ${file}: ${(error as Error).message}`);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new CatalogueError(`${file} is not JSON: ${(error as Error).message}`);
  }
}

function readScenario(value: unknown, key: string, where: string): Scenario {
  if (!isScenario(value)) throw new CatalogueError(`${where} is not a scenario: it needs an id, steps and events`);
  const { id, title, steps, events } = value;
  for (const [name, list] of Object.entries({ steps, events })) {
    if (!list.every((entry) => Array.isArray(entry))) throw new CatalogueError(`${where} (${id}): ${name} is a list of lists`);
  }
  return {
    id,
    title: typeof title === 'string' ? title : '',
    stateCallbacks: /proposal/i.test(key) || id.startsWith('proposal'),
    steps: steps as ConformanceEvent[],
    events: events as ConformanceEvent[],
  };
}

/** By its name or by what it holds. */
function isScenarioList(key: string, value: unknown): boolean {
  return Array.isArray(value) && (/scenario/i.test(key) || value.some(isScenario));
}

function isScenario(value: unknown): value is { id: string; title?: unknown; steps: unknown[]; events: unknown[] } {
  return isRecord(value) && typeof value.id === 'string' && Array.isArray(value.steps) && Array.isArray(value.events);
}

function readFixtures(content: unknown, file: string): FixtureTable {
  const fixtures = isRecord(content) && content.fixtures !== undefined ? requireRecord(content.fixtures, `${file}: fixtures`) : {};
  const part = (name: string): Json => (fixtures[name] === undefined ? {} : requireRecord(fixtures[name], `${file}: fixtures.${name}`));
  for (const [name, fixture] of Object.entries({ ...part('modules'), ...part('patches') }))
    requireRecord(fixture, `${file}: fixture ${name}`);
  return {
    modules: part('modules') as Record<string, ModuleFixture>,
    patches: part('patches') as Record<string, PatchFixture>,
    objects: Object.keys(part('objects')),
  };
}

/** What a file says about a fixture goes before what the project's copy says. */
function merge(defaults: FixtureTable, own: FixtureTable): FixtureTable {
  return {
    modules: { ...defaults.modules, ...own.modules },
    patches: { ...defaults.patches, ...own.patches },
    objects: [...defaults.objects, ...own.objects],
  };
}

function readShadowApi(value: unknown, file: string): ShadowApi {
  const api = requireRecord(value, `${file}: shadowApi`);
  for (const name of ['steps', 'variants', 'edge_rules_from_source']) {
    if (api[name] !== undefined && !Array.isArray(api[name])) throw new CatalogueError(`${file}: shadowApi.${name} is a list`);
  }
  return api;
}

function requireRecord(value: unknown, where: string): Json {
  if (!isRecord(value)) throw new CatalogueError(`${where} is not an object`);
  return value;
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
