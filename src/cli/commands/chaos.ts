/** The command `umbra chaos`: runs the chaos machinery of test/chaos in a process of its own. Imports child, the help. */
import { CHAOS_HELP } from '../chaos-help.js';
import { runChild } from '../child.js';
import type { Command } from '../command.js';

const MAIN = new URL('../../../test/chaos/main.js', import.meta.url);

export const command: Command = {
  name: 'chaos',
  summary: 'kill threads at work, and prove that nothing is lost, doubled or stuck',
  help: CHAOS_HELP,
  run: (args) => runChild(MAIN, args),
};
