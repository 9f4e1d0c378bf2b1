/** The text of `umbra demo --help`. Imports nothing. */

export const HELP = `Usage: umbra demo [options]

A bug is fixed in a running service. A real HTTP server on this machine answers the requests of real clients; worker threads of a
Piscina pool handle them, and the sessions of the clients live in memory that all workers share. The service has two bugs: sessions
never end, so memory climbs, and a client that hammers gets everything. While requests flow,

  patch 1     attaches to every session the time of its last use, and ends sessions that are idle
  patch 2     takes the place of patch 1, contains it, and limits what one client may ask in a second (the answer is 429 then)
  downgrade   goes back to patch 1
  disable     goes back to the service as it was

Nothing is restarted. In the end a table says what was measured, and the verdict whether every request was answered, every request ran
one version of the code from beginning to end, no session lost a request, and nothing of the patches is left. No other machine is ever
asked, and the clients end by themselves. Latency is that of clients and service on one machine, and 2 to 10 ms of it are a pause that
each request makes on purpose. "In use" is the data of all variables alive, "taken" the memory that the store has taken for them so far;
what is free again is kept for the next ones. On a busy machine a phase may take longer, until it has shown what it is there for.

  --seconds N        how long the whole takes, 5…600                  (default: 30)
  --workers N        worker threads of the service, 1…64              (default: 2, up to 4 where there are processors for them)
  --rate N           requests a second, 300…5000                      (default: 1000)
  --seed N           0…4294967295; the same seed gives the same order of clients  (default: random, printed)
  --dashboard [PORT] the live page is on this port of this machine    (default: any free one)
  --no-dashboard     no page
  --keep             the page and the service stay when the verdict is there, until Ctrl-C
  --json [FILE]      the result as one JSON object, on standard output or in a file
  --sabotage FAULT   plant a fault that the verdict has to report:
                       mixed   a request goes around the gate and changes its code on the way
                       failed  a request gets no answer
                       lost    a request is answered, and its session forgets it
                       leak    a patch that nobody disables keeps variables alive
  --help

Exit code: 0 the verdict is pass, 1 it is fail, or the run failed, 2 the options are unusable and nothing ran.
Ctrl-C ends the run early, still with a verdict for what ran; a second Ctrl-C exits at once.

Examples:
  umbra demo
  umbra demo --seconds 60 --workers 4 --rate 2000 --dashboard 8080 --keep
  umbra demo --seconds 8 --no-dashboard --json=result.json
  umbra demo --seconds 8 --sabotage mixed

To read after it: the service workers/demo-service.ts, and its patches workers/demo-patch-expire.ts and workers/demo-patch-limit.ts.
`;
