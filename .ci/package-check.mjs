// Packs the package once, the way `npm publish` does, and lets publint and attw look at the tarball; then knip at what nobody uses.
// Fails when one of them has anything to say.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'umbra-pack-'));
const failed = [];
try {
  const { status, stdout, stderr } = spawnSync('npm', ['pack', '--json', '--pack-destination', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm pack failed\n${stderr}${stdout}`);
  // What prepack's build says comes first.
  const [{ filename, size, unpackedSize, entryCount }] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
  console.log(`${filename}: ${kilobytes(size)}, unpacked ${kilobytes(unpackedSize)} in ${entryCount} files`);
  const tarball = join(folder, filename);
  check('publint', ['run', tarball, '--strict']);
  check('attw', [tarball, '--profile', 'esm-only']);
  check('knip', ['--no-progress', '--treat-config-hints-as-errors']);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (failed.length > 0) {
  console.error(`package: ${failed.join(', ')} found something`);
  process.exitCode = 1;
}

function check(command, args) {
  console.log(`\n${command}`);
  const { status } = spawnSync('npx', ['--no', '--', command, ...args], { stdio: 'inherit' });
  if (status !== 0) failed.push(command);
}

function kilobytes(bytes) {
  return `${Math.round(bytes / 1000)} kB`;
}
