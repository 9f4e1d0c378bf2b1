import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { shelfFor } from './shelf.js';

test('builds stand below what they are of, where that can be written', (t) => {
  const compiled = mkdtempSync(join(tmpdir(), 'umbra-shelf-'));
  t.after(() => {
    rmSync(compiled, { recursive: true });
  });
  assert.equal(shelfFor(compiled), join(compiled, 'builds'));
});

test('elsewhere they stand in a temporary folder, where modules find what they import, and which goes with the process', (t) => {
  const compiled = mkdtempSync(join(tmpdir(), 'umbra-shelf-'));
  t.after(() => {
    rmSync(compiled, { recursive: true });
  });
  writeFileSync(join(compiled, 'builds'), 'a file, no folder');
  const script = `
    import { writeFileSync } from 'node:fs';
    import { join } from 'node:path';
    import { pathToFileURL } from 'node:url';
    const { shelfFor } = await import(${JSON.stringify(new URL('./shelf.js', import.meta.url).href)});
    const folder = shelfFor(${JSON.stringify(compiled)});
    if (shelfFor(${JSON.stringify(compiled)}) !== folder) throw new Error('another one');
    writeFileSync(join(folder, 'a.js'), "import 'piscina'; export { Mutex } from 'async-mutex';");
    const { Mutex } = await import(pathToFileURL(join(folder, 'a.js')).href);
    console.log(JSON.stringify([folder, typeof Mutex]));
  `;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  const [folder, kind] = JSON.parse(said) as [string, string];
  assert.equal(kind, 'function');
  assert.ok(!folder.startsWith(compiled));
  assert.equal(existsSync(folder), false);
});
