/**
 * Owns the names of protocol steps: comments of the form `// step: <operation>.<name>`, each on a line of its own before the statement it is about.
 * Finds them in sources and in what the compiler made of these. Reads files; writes none.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** One named step. */
export interface Step {
  readonly name: string;
  /** Path below the folder that was searched, without its ending: the same for a source and for what was compiled from it. */
  readonly module: string;
  readonly line: number;
}

/** A step for a reader: where several steps have one name, the line tells them apart. */
export function tellStep(step: Step, all: readonly Step[]): string {
  return all.some((other) => other !== step && other.name === step.name) ? `${step.name} (line ${step.line})` : step.name;
}

const MARK = '// step:';
const BEHIND_CODE = /[;{}),]\s*\/\/ step:/;
const NAME = /^\/\/ step: ([a-z][\w-]*(?:\.[\w-]+)+)$/;

/** The name that a comment gives to a step; undefined for any other comment. @throws if it is one gone wrong */
export function stepName(comment: string, where: string): string | undefined {
  if (!comment.startsWith(MARK)) return undefined;
  const name = NAME.exec(comment.trim())?.[1];
  if (name === undefined) throw new Error(`${where}: "${comment.trim()}" names no step; write "// step: operation.name"`);
  return name;
}

/** The steps of one text, from top to bottom. */
export function stepsOf(text: string, module: string): Step[] {
  const steps: Step[] = [];
  text.split('\n').forEach((content, index) => {
    const where = `${module}:${index + 1}`;
    if (BEHIND_CODE.test(content)) throw new Error(`${where}: a step needs a line of its own: ${content.trim()}`);
    const comment = content.trim();
    if (!comment.startsWith(MARK)) return;
    steps.push({ name: stepName(comment, where)!, module, line: index + 1 });
  });
  return steps;
}

/** Files below a folder with this ending, as paths below it, sorted. */
export function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

/** The steps of all files below a folder, file by file. */
export function stepsBelow(folder: string, ending: '.ts' | '.js'): Step[] {
  return filesBelow(folder, ending).flatMap((file) => stepsOf(readFileSync(join(folder, file), 'utf8'), file.slice(0, -ending.length)));
}
