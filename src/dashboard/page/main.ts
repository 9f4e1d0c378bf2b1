/**
 * Puts the page together: what arrives goes to the parts that show it. Imports all of them, language first.
 */
import './language.js';

import type { Hello, Line, Sample, State } from '../wire.js';
import { Actions } from './actions.js';
import { Charts } from './charts.js';
import { byId, setText } from './dom.js';
import { clock, duration, milliseconds } from './format.js';
import { HeatMap } from './heat.js';
import { History } from './history.js';
import { Lines } from './lines.js';
import { Link, type Listener } from './link.js';
import { Patches } from './patches.js';
import { Threads } from './threads.js';
import { Tiles } from './tiles.js';
import { Types } from './types.js';

class Page implements Listener {
  readonly #history = new History();
  readonly #tiles = new Tiles(byId('tiles', HTMLElement));
  readonly #charts = new Charts(byId('charts', HTMLElement), this.#history);
  readonly #heat = new HeatMap();
  readonly #types = new Types();
  readonly #threads = new Threads();
  readonly #lines = new Lines();
  readonly #patches = new Patches(new Actions());
  readonly #link = byId('link', HTMLElement);
  #hello: Hello | undefined;

  onHello(hello: Hello): void {
    this.#hello = hello;
    setText(byId('title', HTMLElement), hello.title);
    this.#tiles.setMeters(hello.meters);
    this.#charts.setMeters(hello.meters);
    this.#patches.setChoices(hello.choices);
    this.#history.add(hello.points);
    this.onLines(hello.lines);
  }

  onSample(sample: Sample): void {
    this.#history.add([sample.point]);
    this.#tiles.show(sample);
    this.#types.show(sample);
    this.#threads.showSample(sample);
    this.#heat.show(sample.heat);
    this.#charts.draw();
    const { startedAt = 0, pid = 0, node = '' } = this.#hello ?? {};
    setText(byId('facts', HTMLElement), `Node ${node}, process ${pid}, watched for ${duration(sample.point.at - startedAt)}`);
    setText(
      byId('cost', HTMLElement),
      `Sampled at ${clock(sample.point.at)} within ${milliseconds(sample.milliseconds)}, once a second while a page is open.`,
    );
  }

  onState(state: State): void {
    this.#patches.show(state);
    this.#threads.showState(state);
    if (state.ended !== null) this.#say('lost', `no more samples: ${state.ended}`);
  }

  onLines(lines: readonly Line[]): void {
    this.#lines.add(this.#hello?.startedAt ?? 0, lines);
    this.#charts.mark(lines);
  }

  onLink(lostAt: number | null, refused: boolean): void {
    if (lostAt === null) this.#say('live', 'connected');
    else if (refused) this.#say('lost', `disconnected since ${clock(lostAt)}: the dashboard has another address now`);
    else this.#say('lost', `disconnected since ${clock(lostAt)}, trying again`);
  }

  onSilence(since: number): void {
    this.#say('lost', `no news since ${clock(since)}`);
  }

  #say(state: string, text: string): void {
    this.#link.dataset['state'] = state;
    document.body.classList.toggle('stale', state === 'lost');
    setText(this.#link, text);
    document.title = `${state === 'lost' ? '(no news) ' : ''}${this.#hello?.title ?? 'Umbra'}`;
  }
}

new Link(new Page());
