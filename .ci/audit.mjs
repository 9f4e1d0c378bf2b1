// Fails when a package that package-lock.json names has a known vulnerability, of whatever severity, or when that cannot be found out.
//
// One thing is let pass: a registry that has no advisories at all (a mirror that only hands out packages). Then nothing was audited, which is said, and
// UMBRA_AUDIT=required makes a failure of it.
import { spawnSync } from 'node:child_process';

/** What a server answers that does not know the endpoint. */
const NO_SUCH_ENDPOINT = [404, 405, 410, 501];

const { stdout, stderr, error } = spawnSync('npm', ['audit', '--json', ...process.argv.slice(2)], { encoding: 'utf8' });
if (error !== undefined) fail(`npm cannot be run: ${error.message}`);
let report;
try {
  report = JSON.parse(stdout);
} catch {
  fail(`npm audit gave no report: ${stderr || stdout}`);
}

const total = report.metadata?.vulnerabilities?.total;
if (total === 0) {
  console.log(`npm audit: no known vulnerability in ${report.metadata.dependencies.total} packages`);
} else if (total !== undefined) {
  for (const { name, severity, range, via } of Object.values(report.vulnerabilities)) {
    const titles = via.map((cause) => (typeof cause === 'string' ? `by way of ${cause}` : `${cause.title}, ${cause.url}`));
    console.error(`${severity}: ${name} ${range}: ${titles.join('; ')}`);
  }
  fail(`${total} packages with known vulnerabilities`);
} else if (NO_SUCH_ENDPOINT.includes(report.statusCode)) {
  const what = `NOT AUDITED: the registry has no advisories (status ${report.statusCode})`;
  if (process.env.UMBRA_AUDIT === 'required') fail(what);
  console.error(`npm audit: ${what}`);
} else {
  fail(report.message ?? 'no report');
}

function fail(why) {
  console.error(`npm audit: ${why}`);
  process.exit(1);
}
