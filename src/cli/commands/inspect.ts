/** The command `umbra inspect`: shows what a snapshot holds. Imports command; loads the work when it runs. */
import type { Command } from '../command.js';

export const command: Command = {
  name: 'inspect',
  summary: 'show the types, the occupancy and the variables of a snapshot',
  help: `Usage: umbra inspect SNAPSHOT [options]

Shows what a file holds that store.snapshot() wrote: its types with their fields, how full the store is, and variables with the values of
their fields. Types that the thread which took the snapshot did not know show their bytes. Changes nothing, and runs nothing of what the
file holds.

  --type ID     the variables of a type, by its id: 17 or 0x11
  --obj KEY     the variables of a parent: a number, an object's handle, null, or a string; a string that looks like one of the others in
                quotation marks of its own: --obj '"17"'
  --limit N     show at most N variables, 0…1,000,000                              (default: 20)
  --json        write the result as one JSON object to standard output, and all else to standard error
  --json=FILE   write it to FILE
  --help        show this text

In JSON, integers of 64 bits are decimal strings, bytes are hexadecimal, and numbers that JSON does not have are "NaN", "Infinity" and
"-Infinity".

Exit code: 0 shown; 1 the file is damaged, see umbra check; 2 there is no such file, it is of another version, or the arguments make no
sense.

Examples:
  umbra inspect store.snapshot
  umbra inspect store.snapshot --type 0x11 --limit 100
  umbra inspect store.snapshot --obj session-81 --json
`,
  run: async (args) => (await import('../inspect-snapshot.js')).inspectSnapshot(args),
};
