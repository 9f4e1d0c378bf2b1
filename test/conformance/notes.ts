/**
 * Owns the meaning of notes: steps in prose. Only what has to be done or can be checked is read out of them; what they say beyond that is
 * for people. Imports the stage.
 */
import type { Stage } from './stage.js';
import { UnknownForm } from './fixture-table.js';
import { ORIGINAL } from './fixtures/functions.js';

export class Notes {
  readonly #stage: Stage;
  #watched: string | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** @throws UnknownForm for a function that nobody declares, and an Error when something did not happen that should have */
  async follow(text: string): Promise<void> {
    const { crew, hammers } = this.#stage;
    const looping = /start .*workers? .*looping on (\w+)/i.exec(text)?.[1];
    const watched = /attach .*observer to (?:.* of )?(\w+)/i.exec(text)?.[1];
    if (looping !== undefined) {
      hammers.start(this.#objectOf(looping), looping);
      await this.#stage.waitUntil(() => hammers.underWay);
    } else if (watched !== undefined) {
      await crew.everywhere({ kind: 'watch', object: this.#objectOf(watched), name: watched });
      this.#watched = watched;
    } else if (/observer saw/i.test(text)) await this.#checkWatched(/replacement/i.test(text));
    else if (/stop the workers/i.test(text)) await hammers.stop();
    else if (/wait until .*(entered|seen)/i.test(text)) await this.#stage.waitUntil(() => hammers.pending === 0);
    else if (/wait/i.test(text)) await this.#stage.quiesce();
  }

  #objectOf(name: string): string {
    const object = this.#stage.objectOf(name);
    if (object === undefined) throw new UnknownForm(`no fixture declares the function ${name}`);
    return object;
  }

  async #checkWatched(replacement: boolean): Promise<void> {
    const name = this.#watched;
    if (name === undefined) throw new UnknownForm('no observer was attached');
    for (const provider of await this.#stage.crew.everywhere({ kind: 'watched', name })) {
      if (provider === null) throw new Error(`the observer of ${name} saw no call in one of the workers`);
      if (replacement && provider === ORIGINAL) throw new Error(`the observer of ${name} did not see the replacement`);
    }
  }
}
