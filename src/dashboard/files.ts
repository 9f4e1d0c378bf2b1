/**
 * Owns the files of the page: which there are, and what a browser has to know of each. Only what is in this list can be asked for, so no address leads out of the
 * folder. Read when it is asked for. Imports nothing of Umbra.
 */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = new URL('./page/', import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

export interface PageFile {
  readonly type: string;
  read(): Promise<Buffer>;
}

/** By their path below the address of the page, which itself is ''. */
export function pageFiles(): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const entry of readdirSync(fileURLToPath(FOLDER), { recursive: true, encoding: 'utf8' })) {
    const path = entry.replaceAll('\\', '/');
    const type = TYPES[extname(path)];
    if (type !== undefined) files.set(path === 'index.html' ? '' : path, { type, read: () => readFile(new URL(path, FOLDER)) });
  }
  return files;
}
