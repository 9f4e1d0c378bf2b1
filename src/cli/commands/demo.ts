/** The command `umbra demo`. Imports its help; loads the demo when it runs. */
import { HELP } from '../../demo/help.js';
import type { Command } from '../command.js';

export const command: Command = {
  name: 'demo',
  summary: 'see a bug fixed in a running service: real requests, two patches, a downgrade, and nothing left behind',
  help: HELP,
  run: async (args) => (await import('../../demo/demo.js')).runDemo(args),
};
