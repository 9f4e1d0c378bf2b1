/** The text of `--help`. Imports nothing. */

export const HELP = `Usage: umbra run [options]            in the repository: npm start -- [options]

Worker threads replay requests against one shared store while patches are enabled, replaced, downgraded and disabled under
load. Every count is checked against a single-threaded replay of the same requests; the last line is the verdict.

Input, recorded:
  --trace FILE           .csv or .csv.gz with a header line, one request per row
  --object NAME          column with the object, a whole number 0…2^52−1         (default: object)
  --op NAME              column with the operation: read/get/r/28, write/put/w/2a (default: op)
  --size NAME            column with the bytes of the request                     (default: size)

Input, generated (YCSB):
  --workload a…f         a: 50 % reads, 50 % updates    b: 95 % reads, 5 % updates    c: reads
                         d: 95 % reads, 5 % inserts     e: 95 % scans, 5 % inserts    f: 50 % reads, 50 % read-modify-write
                                                                                  (default: a)
  --records N            objects that exist from the start                        (default: 100000)
  --requests N           requests to generate                                     (default: 1000000)
  --distribution NAME    zipfian, uniform or latest        (default: latest for workload d, else zipfian)
  --seed N               0…4294967295; the same seed gives the same requests      (default: random, printed)

Extent:
  --repeat N             go through the input N times   (default: 1 with --trace or --requests)
  --seconds S            repeat the input until S seconds are over, whatever its length  (default: 10 otherwise)

Run:
  --workers N            worker threads                          (default: one per core)
  --concurrent-tasks N   tasks in flight per worker              (default: 4)
  --batch N              requests per task, fewer if the input is small           (default: 1024)
  --max-bytes N          size of the store, K, M or G as unit    (default: 1G; memory is committed on use)
  --json [FILE]          write the verdict as one JSON object to standard output, and all else to standard error; or to FILE
  --dashboard [PORT]     serve a live view of the run to this machine; its address is printed  (default port: any free one)
  --sabotage FAULT       plant a fault that the verdict has to report: lost-update, leak or mixed-version
  --help

Exit code: 0 the verdict is pass, 1 a fault was found or the run failed, 2 the options or the input are unusable.
Ctrl-C ends the run early, still with a verdict for what ran; a second Ctrl-C exits at once.

Examples:
  umbra run
  umbra run --workload f --records 1000 --seconds 30 --workers 4
  umbra run --trace requests.csv.gz --object lbn --op op --size size --repeat 20 --json verdict.json
  umbra run --seconds 60 --dashboard 8080
  umbra run --requests 200000 --sabotage lost-update
`;
