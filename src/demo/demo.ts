/**
 * The demo between its arguments and its exit code: starts service, clients and page, lets the story run, judges, tidies up. Touches the
 * process: its streams and, by interrupts, its signals. Imports everything else in demo/.
 */
import { randomInt } from 'node:crypto';

import { EXIT_FAULT } from '../cli/command.js';
import { personOutput, requireWritable, writeJson } from '../cli/json.js';
import { grouped } from '../cli/progress.js';
import { tableWidth } from '../cli/terminal.js';
import type { Dashboard } from '../dashboard/dashboard.js';
import { ClientThread } from './client-thread.js';
import { Interrupts } from '../cli/interrupts.js';
import { type DemoOptions, parseDemoOptions } from './options.js';
import { openDemoPage } from './page.js';
import { type DemoResult, linesOf, resultOf } from './result.js';
import { Service } from './service.js';
import { idleMilliseconds, Story } from './story.js';
import { judge } from './verdict.js';
import { seconds } from './words.js';

/** Reserved for each request that may come; what is not used costs nothing. */
const BYTES_PER_REQUEST = 2048;
const LEAST_BYTES = 2 ** 26;
/** The clients end by themselves if the story takes so much longer than planned. */
const SPARE_SECONDS = 200;

type Tell = (line: string) => void;

/** @throws ERR_CLI_OPTION before any request has come */
export async function runDemo(args: readonly string[]): Promise<number> {
  const options = parseDemoOptions(args, randomInt(2 ** 32));
  await requireWritable(options.json);
  const output = personOutput(options.json);
  const tell = (line: string): void => void output.write(`${line}\n`);
  const interrupts = new Interrupts(tell);
  try {
    interrupts.ends('starting', () => undefined);
    const service = await Service.start({
      workers: options.workers,
      idleMilliseconds: idleMilliseconds(options.seconds),
      maxBytes: LEAST_BYTES + options.seconds * options.rate * BYTES_PER_REQUEST,
    });
    try {
      return await serve(service, options, interrupts, tell, tableWidth(output));
    } finally {
      await service.close();
    }
  } finally {
    interrupts.close();
  }
}

async function serve(service: Service, options: DemoOptions, interrupts: Interrupts, tell: Tell, width: number): Promise<number> {
  let page: Dashboard | undefined;
  const startedAt = performance.now();
  const story = new Story(service, options, (text) => {
    tell(`${seconds((performance.now() - startedAt) / 1000).padStart(7)}  ${text}`);
    page?.note(text);
  });
  try {
    page = options.page === undefined ? undefined : await openDemoPage(service, story, options.page);
    introduce(service, options, page, tell);
    interrupts.ends('the last requests are answered', () => story.interrupt());
    const result = await watch(service, story, options);
    for (const line of linesOf(result, width)) tell(line);
    const written = await writeJson(options.json, result);
    if (page !== undefined && options.keep && !story.interrupted) await keep(service, page, interrupts, tell);
    return result.verdict === 'pass' && written ? 0 : EXIT_FAULT;
  } finally {
    await page?.close();
  }
}

/** Clients come, the story takes its course, clients go; and then it is judged. */
async function watch(service: Service, story: Story, options: DemoOptions): Promise<DemoResult> {
  const { port } = service;
  const clients = new ClientThread({ port, rate: options.rate, seed: options.seed, longestSeconds: options.seconds + SPARE_SECONDS });
  try {
    await story.run(clients);
    const report = await clients.stop();
    await service.rest();
    return resultOf(options, story, report, judge(service, story, report));
  } finally {
    await clients.terminate();
  }
}

function introduce({ port }: Service, { workers, rate, seed, sabotage }: DemoOptions, page: Dashboard | undefined, tell: Tell): void {
  if (page !== undefined) tell(`live page: ${page.url}`);
  tell(`A shop on http://127.0.0.1:${port}: ${workers} worker threads handle its requests, its sessions live in memory that they share.`);
  tell(`Clients send ${grouped(rate)} requests a second (seed ${seed}): many come once, some come back, two hammer.`);
  tell('While they do, two patches come and go. Nothing is restarted, and no request may notice.');
  if (sabotage !== undefined) tell(`sabotage: ${sabotage} is planted on purpose; the verdict has to fail`);
}

async function keep(service: Service, page: Dashboard, interrupts: Interrupts, tell: Tell): Promise<void> {
  tell(`The page stays, and so does the service, without clients: ${page.url}   Ctrl-C ends it.`);
  service.work();
  const alive = setInterval(() => undefined, 60_000);
  await new Promise<void>((resolve) => interrupts.ends('closing', resolve));
  clearInterval(alive);
}
