/**
 * The main job, `umbra run`: options, input, run, verdict, exit code. Touches the process: its signals and streams.
 */
import { randomInt } from 'node:crypto';
import type { Dashboard } from '../dashboard/dashboard.js';
import { ShadowError } from '../errors.js';
import { EXIT_FAULT, EXIT_UNUSABLE } from './command.js';
import { type Input, requestCount } from './input.js';
import { Interrupts } from './interrupts.js';
import { personOutput, requireWritable, writeJson } from './json.js';
import { openLiveView } from './live-view.js';
import { type Options, parseOptions } from './options.js';
import { grouped, Progress } from './progress.js';
import { Replay } from './replay.js';
import { summary } from './summary.js';
import { LEAST_REQUESTS } from './stages.js';
import { readTrace } from './trace.js';
import { judge } from './verdict.js';
import { generateWorkload } from './workload.js';

/** Everything between the arguments and the exit code. */
export async function runMainJob(args: readonly string[]): Promise<number> {
  let prepared: { readonly options: Options; readonly input: Input };
  try {
    const options = parseOptions(args, randomInt(2 ** 32));
    prepared = { options, input: await prepareInput(options) };
  } catch (error) {
    if (!(error instanceof ShadowError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_UNUSABLE;
  }
  return run(prepared.options, prepared.input);
}

/** Everything that can be wrong with what was asked for is found here, before a thread starts. */
async function prepareInput(options: Options): Promise<Input> {
  const { input, extent, batch, json, sabotage, seed } = options;
  await requireWritable(json, input.kind === 'trace' ? input.file : undefined);
  if (sabotage === 'mixed-version' && batch < 2) {
    throw new ShadowError('ERR_CLI_OPTION', '--sabotage mixed-version needs tasks of two requests or more; give a larger --batch');
  }
  const loaded = input.kind === 'trace' ? await readTrace(input.file, input.columns) : generateWorkload({ ...input, seed });
  const requests = requestCount(loaded) * (extent.kind === 'passes' ? extent.passes : Infinity);
  const least = sabotage === 'mixed-version' ? LEAST_REQUESTS * 2 : LEAST_REQUESTS;
  if (requests < least) {
    const repeat = Math.ceil(least / requestCount(loaded));
    throw new ShadowError(
      'ERR_CLI_OPTION',
      `the input has ${requests} requests, too few for every stage of the run to see some; use --repeat ${repeat} or --seconds`,
    );
  }
  return loaded;
}

async function run(options: Options, input: Input): Promise<number> {
  const progress = new Progress(personOutput(options.json));
  let replay: Replay | undefined;
  let view: Dashboard | undefined;
  try {
    replay = new Replay(options, input, (transition) => progress.transition(transition));
    if (options.dashboard !== undefined) view = await openLiveView(replay, options.dashboard);
  } catch (error) {
    // The store refuses what the options could not know, its size above all, and so does whoever has the port; nothing has run by then.
    await replay?.close();
    replay?.store[Symbol.dispose]();
    if (!(error instanceof ShadowError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_UNUSABLE;
  }
  const interrupts = new Interrupts((text) => progress.line(text));
  interrupts.ends('finishing the tasks in flight', () => replay.interrupt());

  const { workers, concurrentTasks, seed } = options;
  progress.line(`${input.description}: ${grouped(requestCount(input))} requests on ${grouped(input.objects.length)} objects`);
  progress.line(`${workers} workers × ${concurrentTasks} tasks of ${replay.tally.batch} requests, ${extentText(options)}, seed ${seed}`);
  if (options.sabotage !== undefined) progress.line(`sabotage: ${options.sabotage} is planted on purpose`);
  if (view !== undefined) progress.line(`live view, until the run is over:\n${view.url}`);

  progress.start(() => replay.status);
  await replay.run();
  interrupts.ends('the verdict is on its way', () => undefined);
  progress.stop();
  await view?.close(); // before all is freed: that is the verdict's business
  const verdict = await judge(replay);
  for (const line of summary(verdict, replay)) progress.line(line);
  replay.store[Symbol.dispose]();
  const written = await writeJson(options.json, verdict);
  interrupts.close();
  return verdict.verdict === 'pass' && written ? 0 : EXIT_FAULT;
}

function extentText({ extent }: Options): string {
  if (extent.kind === 'seconds') return `repeated for ${extent.seconds} s`;
  return extent.passes === 1 ? 'one pass' : `${grouped(extent.passes)} passes`;
}
