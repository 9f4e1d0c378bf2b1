/** Owns how the README names files: a line that begins with `name.js` in backquotes and ends with a colon, then a block of code. */
import { readFile } from 'node:fs/promises';

/** The named files of the README, in order: name and content. */
export async function namedFiles(): Promise<Map<string, string>> {
  const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
  return new Map(
    [...readme.matchAll(/^`([\w.]+\.js)`[^\n]*:\n\n```js\n([\s\S]*?)```/gm)].map(([, name, code]) => [name ?? '', code ?? '']),
  );
}
