/**
 * `npm run docs:picture`: records a transition, keeps what was recorded in docs/pictures/transition.json, and draws it beside that. With `--keep` it only draws.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { drawTransition } from './draw.js';
import { type Recording, recordTransition } from './record.js';

const FOLDER = new URL('../../../docs/pictures/', import.meta.url);
const KEPT = new URL('transition.json', FOLDER);
const [option, ...more] = process.argv.slice(2);

if (more.length > 0 || (option !== undefined && option !== '--keep')) {
  process.stderr.write('Usage: npm run docs:picture -- [--keep]\n\n  --keep  draws what was recorded before\n');
  process.exitCode = 2;
} else {
  mkdirSync(FOLDER, { recursive: true });
  if (option === undefined) {
    const { tasks, ...head } = await recordTransition();
    const lines = tasks.map((task) => `    ${JSON.stringify(task, null, 1).replace(/\n\s*/g, ' ')}`);
    writeFileSync(KEPT, `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "tasks": [\n${lines.join(',\n')}\n  ]\n}\n`);
  }
  const picture = new URL('transition.svg', FOLDER);
  writeFileSync(picture, drawTransition(JSON.parse(readFileSync(KEPT, 'utf8')) as Recording));
  console.log(fileURLToPath(picture));
}
