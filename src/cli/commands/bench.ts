/** The command `umbra bench`: runs the benchmarks of bench/ in a process of their own. Imports child, installed, the help. */
import { readFile } from 'node:fs/promises';

import { ShadowError } from '../../errors.js';
import { BENCH_HELP } from '../bench-help.js';
import { runChild } from '../child.js';
import type { Command } from '../command.js';
import { isInstalled } from '../installed.js';

const MAIN = new URL('../../../bench/main.js', import.meta.url);
const MANIFEST = new URL('../../../../package.json', import.meta.url);
/** Peers of this package that nothing but the benchmarks needs. */
const NEEDED = ['tinybench', 'hdr-histogram-js'];

export const command: Command = {
  name: 'bench',
  summary: 'measure the store against a Map, other shared maps and message passing',
  help: BENCH_HELP,
  async run(args) {
    await requirePackages();
    return runChild(MAIN, args, { UMBRA_COMMAND: 'umbra bench' }); // a report says how it was made
  },
};

/** @throws ERR_CLI_PACKAGE */
async function requirePackages(): Promise<void> {
  const missing = NEEDED.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const { peerDependencies } = JSON.parse(await readFile(MANIFEST, 'utf8')) as { readonly peerDependencies: Record<string, string> };
  const versions = missing.map((name) => `"${name}@${peerDependencies[name]}"`);
  throw new ShadowError(
    'ERR_CLI_PACKAGE',
    `umbra bench needs ${missing.join(' and ')}, not installed here; npm install --save-dev ${versions.join(' ')}`,
  );
}
