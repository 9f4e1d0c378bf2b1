/** The command `umbra check`: proves the store that a snapshot holds. Imports command; loads the work when it runs. */
import type { Command } from '../command.js';

export const command: Command = {
  name: 'check',
  summary: 'prove that the store in a snapshot is in order',
  help: `Usage: umbra check SNAPSHOT [options]

Opens a file that store.snapshot() wrote and proves the store in it: every byte is covered by a checksum, every block stands in one place,
every chain is finite, every key stands in its own bucket, every count equals what is found. Changes nothing, and runs nothing of what the
file holds.

  --json        write the result as one JSON object to standard output, and all else to standard error
  --json=FILE   write it to FILE
  --help        show this text

Exit code: 0 in order; 1 damaged, each violation is shown with its rule and its word address; 2 there is no such file, it is of another
version, or the arguments make no sense.

Examples:
  umbra check store.snapshot
  umbra check store.snapshot --json | jq .violations
`,
  run: async (args) => (await import('../check-snapshot.js')).checkSnapshot(args),
};
