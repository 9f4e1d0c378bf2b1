/**
 * The browser of the tests: the one that CHROMIUM_PATH names, else one that is installed, else the one of the package @sparticuz/chromium, which is unpacked once per
 * machine and brings the system libraries with it that small images lack.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium as playwright } from 'playwright-core';

const INSTALLED = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];

type Environment = Record<string, string>;

/** Undefined where there is none and the package has none for this machine either. */
export async function launchBrowser(): Promise<Browser | undefined> {
  const path = process.env['CHROMIUM_PATH'] ?? INSTALLED.find((candidate) => existsSync(candidate));
  if (path !== undefined) return launch(path, {});
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const folder = await unpack();
  const executable = join(folder, 'chromium');
  const fonts: Environment = existsSync('/etc/fonts/fonts.conf') ? {} : { FONTCONFIG_PATH: join(folder, 'fonts') };
  try {
    return await launch(executable, fonts);
  } catch {
    return launch(executable, { ...fonts, LD_LIBRARY_PATH: join(folder, 'al2023', 'lib') });
  }
}

function launch(executablePath: string, env: Environment): Promise<Browser> {
  return playwright.launch({ executablePath, args: ARGUMENTS, headless: true, env: { ...(process.env as Environment), ...env } });
}

/** The package unpacks to the temporary folder, and takes what is there already for whole. So each goes to a folder of its own first. */
async function unpack(): Promise<string> {
  const folder = join(tmpdir(), 'umbra-test-chromium-143');
  if (existsSync(folder)) return folder;
  const { default: chromium } = await import('@sparticuz/chromium');
  const made = await mkdtemp(`${folder}-`);
  const before = { TMPDIR: process.env['TMPDIR'], VERCEL: process.env['VERCEL'] };
  Object.assign(process.env, { TMPDIR: made, VERCEL: '1' }); // the second has it unpack the libraries too
  try {
    await chromium.executablePath();
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
  await rename(made, folder).catch(() => rm(made, { recursive: true })); // somebody else was faster
  return folder;
}
