/** A process that kills threads at random for so many seconds, and says what it has found; a fault may end it, or block its main thread. Runs from a chaos build. */
import { killAtRandom } from './random-kills.js';

const [seconds = 10, seed = 1] = process.argv.slice(2).map(Number);
const results = await killAtRandom({ kills: Infinity, seconds, workers: 4, seed, perRound: 50 });
process.send?.(results.flatMap(({ kind, violations }) => violations.map((violation) => `${kind}: ${violation}`)));
process.exit();
