/**
 * Owns the command line of the conformance runner: options, exit codes, where the report goes. Exit codes: 0 all passed, 1 something
 * failed, 2 wrong use. Imports the rest of the runner.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { CatalogueError, ownCatalogue, readCatalogue } from './catalogue.js';
import type { Result } from './replay.js';
import { tellResult, tellSummary, toJson } from './report.js';
import { type Run, runsOf } from './runs.js';

const USAGE = `Usage: npm run conformance -- [FILE...] [--only ID]... [--workers N] [--json FILE]

Replays catalogues of livepatch scenarios with real worker threads and compares what happens, exactly and in order.

  FILE         a catalogue; default: the project's own, test/conformance/scenarios.json
  --only ID    only this scenario, or all whose ids begin with it if it ends in "/"; may be repeated
  --workers N  workers of the pool, 1 to 64; default 2
  --json FILE  also writes all results, with everything that happened
  --help`;

/** Wrong use: exit code 2. */
class UsageError extends Error {}

interface Options {
  readonly files: readonly string[];
  readonly only: readonly string[];
  readonly workers: number;
  readonly json: string | undefined;
}

function readOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parse(args);
  if (values.help === true) return undefined;
  const { workers = '2' } = values;
  if (!/^\d+$/.test(workers) || Number(workers) < 1 || Number(workers) > 64)
    throw new UsageError(`--workers is a whole number from 1 to 64, not ${JSON.stringify(workers)}`);
  return {
    files: positionals.length > 0 ? positionals : [ownCatalogue()],
    only: values.only ?? [],
    workers: Number(workers),
    json: values.json,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        only: { type: 'string', multiple: true },
        workers: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function choose(runs: readonly Run[], only: readonly string[]): readonly Run[] {
  const matches = (id: string, wanted: string): boolean => id === wanted || (wanted.endsWith('/') && id.startsWith(wanted));
  for (const wanted of only) {
    if (!runs.some(({ id }) => matches(id, wanted)))
      throw new UsageError(`no scenario is called ${wanted}; there are ${runs.map(({ id }) => id).join(', ')}`);
  }
  return only.length === 0 ? runs : runs.filter(({ id }) => only.some((wanted) => matches(id, wanted)));
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    write(USAGE);
    return 0;
  }
  const { files, only, workers, json } = options;
  const runs = choose(
    files.flatMap((file) => runsOf(readCatalogue(file))),
    only,
  );
  const width = Math.max(...runs.map(({ id }) => id.length));
  const results: Result[] = [];
  for (const { run } of runs) {
    const result = await run({ workers });
    results.push(result);
    write(tellResult(result, width));
  }
  write(tellSummary(results));
  if (json !== undefined) save(json, toJson(files, results));
  return results.every(({ passed }) => passed) ? 0 : 1;
}

function save(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new UsageError(`cannot write ${file}: ${(error as Error).message}`);
  }
}

try {
  // What a scenario that failed has left behind must not keep the process alive.
  process.exitCode = await main(process.argv.slice(2));
  process.exit();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof CatalogueError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}\n`);
  process.exit(2);
}
