/** The text of `umbra chaos --help`. Imports nothing. */

export const CHAOS_HELP = `Usage: umbra chaos [options]            in the repository: npm run chaos -- [options]

Kills threads while they work on a store, and proves after each death that nothing is lost, doubled, damaged or stuck.

  --kills N       random kills, 1…10,000,000; 1000 by default, as many as fit with --seconds
  --seconds N     end the random kills after this time
  --workers N     threads at work at once, 2…16; 4 by default
  --seed N        0…4294967295; repeats the choices of a run, though not its schedule
  --rounds A,B    only these kinds of rounds: steady, growth, collection, migration, exhaustion, pool
  --steps         kill at every named protocol step instead: in every operation, as holder, as waiter and as bystander
  --processes N   share the kills at steps among so many processes, 1…64; one for each processor by default
  --mutations     plant faults into the code instead, one after another, and tell which kills find each; random ones for --seconds, 15 by
                  default
  --only TEXT     kills at steps only in operations or at steps with this in their name; of the faults, only those
  --json [FILE]   write the result as one JSON object to standard output, and all else to standard error; or to FILE
  --help          show this text

Exit code: 0 no violation, with --mutations every fault was found; 1 otherwise; 2 arguments that make no sense.

Examples:
  umbra chaos --kills 500
  umbra chaos --seconds 60 --workers 8 --rounds growth,pool --json chaos.json
  umbra chaos --steps --only insert
`;
