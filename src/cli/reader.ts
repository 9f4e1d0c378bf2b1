/** Owns what a program does whose output nobody reads any more. Touches the process; imports command. */
import { EXIT_FAULT } from './command.js';

/** Whoever reads the output may go away before its end, as head does: there is nobody left to tell, so the program ends without a word. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(EXIT_FAULT);
    });
}
