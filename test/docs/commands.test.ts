/** Every command that the documents name exists, and its help knows the options. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { type Document, proseOf, readDocuments, ROOT } from './documents.js';

const manifest = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
};

interface Named {
  readonly where: string;
  readonly command: string;
}

const commands: readonly Named[] = readDocuments().flatMap(commandsOf);
const helps = new Map<string, string>();

/** In blocks of shell each line, but those that examples.test.ts runs; in the prose what stands between backquotes and begins like a command. */
function commandsOf(document: Document): Named[] {
  const lines = document.blocks.flatMap(({ language, code, line }) =>
    language === 'sh' ? code.split('\n').map((text, index) => ({ where: `${document.path}:${line + index}`, command: text })) : [],
  );
  const inline = [...proseOf(document).matchAll(/`((?:npm|npx|umbra|node|\.ci\/\w+)(?: [^`]*)?)`/g)].map(([, command]) => ({
    where: document.path,
    command: command!,
  }));
  return [...lines, ...inline]
    .flatMap(({ where, command }) => command.split('&&').map((part) => ({ where, command: part.replace(/\s#.*$/, '').trim() })))
    .filter(({ command }) => command !== '' && !/^(?:umbra|npm|npx|node)$/.test(command));
}

/** What the help of a compiled program says, whichever way it ends. */
function helpOf(args: readonly string[]): string {
  const key = args.join(' ');
  const known = helps.get(key);
  if (known !== undefined) return known;
  const { stdout, status } = spawnSync(process.execPath, [...args, '--help'], {
    cwd: fileURLToPath(ROOT),
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.equal(status, 0, `${key} --help ends with ${status}`);
  helps.set(key, stdout);
  return stdout;
}

/** The program behind a command, and what it is given; null for commands that are not ours. */
function resolve(command: string): { readonly program: readonly string[]; readonly given: readonly string[] } | null {
  const words = command.split(/\s+/);
  const main = manifest.bin['umbra']!;
  if (words[0] === 'umbra' || (words[0] === 'npx' && words[1] === 'umbra')) {
    const [name, ...given] = words.slice(words[0] === 'npx' ? 2 : 1);
    return name === undefined || name.startsWith('-')
      ? { program: [main], given: [name, ...given].filter((word) => word !== undefined) }
      : { program: [main, name], given };
  }
  if (words[0] === 'npm') {
    if (/^(?:ci|install|pack)$/.test(words[1]!)) return null;
    const name = words[1] === 'run' ? words[2]! : words[1]!;
    const script = manifest.scripts[name];
    assert.ok(script !== undefined, `there is no script ${name}`);
    const given = words.slice(words.indexOf('--') + 1);
    const program = script.split(' ').slice(1);
    return { program, given: words.includes('--') ? given : [] };
  }
  if (words[0]!.startsWith('.ci/')) {
    assert.ok(existsSync(new URL(words[0]!, ROOT)), `there is no ${words[0]}`);
    return null;
  }
  if (words[0] === 'node') return null; // of an example, or of dist
  if (words[0] === 'npx') return null;
  throw new Error('no test knows such a command');
}

test('every command of the documents exists, and knows the options that they give it', () => {
  const faults: string[] = [];
  for (const { where, command } of commands) {
    try {
      const resolved = resolve(command);
      if (resolved === null) continue;
      const options = resolved.given.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]!);
      const isUmbra = resolved.program[0] === manifest.bin['umbra'];
      if (options.length === 0 && !isUmbra) continue;
      const help = helpOf(resolved.program);
      for (const option of options) if (!new RegExp(`${option}\\b`).test(help)) faults.push(`${where}: ${command}: no ${option}`);
    } catch (error) {
      faults.push(`${where}: ${command}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(commands.length > 20);
});
