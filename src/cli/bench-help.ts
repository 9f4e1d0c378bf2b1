/** The text of `umbra bench --help`. Imports nothing. */

export const BENCH_HELP = `Usage: umbra bench [suite…] [options]            in the repository: npm run bench -- [suite…] [options]

Measures the store against what a program would use otherwise, case by case, each in a process of its own, with every figure beside its
reference. Needs the packages tinybench and hdr-histogram-js; sharedmap, lmdb, redis and worker_map take part where they are installed.

Suites, all of them by default (about 16 minutes):
  get             look-ups against a Map of the same thread         write           writes, allocations, updates
  threads         the same by 1, 2 and 4 workers                    transition      patched calls, tasks, switches of pools
  memory          bytes per variable                                peers           against other ways to share a map
  traces          recorded and YCSB workloads against the peers     growth          latency while the table grows
  oversubscribed  up to 32 workers on the same few variables        scale           10,000 to 50 million variables, many types
  collect         how fast variables of a patch are collected       recover         how soon the locks of a dead thread are free
  observe         tasks timed, waits for locks told, and not        dashboard       what the live view costs what it looks at

Options:
  --json [FILE]   write machine, commit and every round of every figure to standard output, and all else to standard error; or to FILE.
                  The name of a suite is no FILE
  --quick         small and short: shows that everything runs, not how fast
  --filter TEXT   only cases whose description contains TEXT, such as "cursor hit dense 10000 variables"
  --redis URL     where the suites with peers find Redis, such as redis://127.0.0.1:6379
  --trace FILE    recorded input for the suite traces: .csv or .csv.gz with a header, and its columns where their names differ:
  --object NAME, --op NAME, --size NAME
  --runs N        measure all cases N times over, each time in fresh processes (1; with --compare 5)
  --compare FILE  tell what has changed beyond noise since the report in FILE; one of several runs shows smaller changes
  --help          show this text

How --compare decides: a run of a case counts as one observation, the median of its rounds, of the ratio to the reference where there is
one. Student's two-sided test over their logarithms, adjusted after Holm for the number of figures, has to say p < 0.05, and the change
has to be 5 % or more. More runs on either side find smaller changes. Figures without a reference need the same machine.

Exit code: 0 every case ran or was left out for a reason, whatever its bar says; 1 one failed, or with --compare got worse beyond noise;
2 arguments that make no sense, or a package that is needed is not installed.

Examples:
  umbra bench get write --quick
  umbra bench peers --filter "lmdb get" --json report.json
  umbra bench get --runs 5 --compare report.json
`;
