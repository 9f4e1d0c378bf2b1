/** The command `umbra run`, which `npm start` starts. Imports its help; loads the main job when it runs. */
import type { Command } from '../command.js';
import { HELP } from '../help.js';

export const command: Command = {
  name: 'run',
  summary: 'replay requests by worker threads while patches come and go, and judge every count',
  help: HELP,
  run: async (args) => (await import('../main-job.js')).runMainJob(args),
};
