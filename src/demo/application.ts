/**
 * The application that the demo runs and patches: a shop's sessions, what its patchable functions look like, and what is said of a request.
 * Shared by the worker entry, the patches and the server. Imports the declaration of shadow types.
 */
import { bytes } from '../shadow/fields.js';
import type { ShadowStore } from '../shadow/store.js';
import { defineShadowType } from '../shadow/type.js';

const BASKET_BYTES = 2048;

/** One per client, by the id in its cookie. Kept in the store, so that whichever worker gets a request finds it. */
export const session = defineShadowType({
  id: 1,
  fields: { created: 'f64', hits: 'u32', items: 'u32', basket: bytes(BASKET_BYTES) },
  ctor(_id, view) {
    view.created = Date.now();
  },
  dtor(_id, view) {
    const ended = booksOf?.get(null, books);
    ended?.add('sessions', 1);
    ended?.add('hits', view.hits);
  },
});

/** What sessions that have ended leave in the books: one variable for all of them. */
export const books = defineShadowType({ id: 2, fields: { sessions: 'u32', hits: 'u32' } });

let booksOf: ShadowStore | undefined;

/** To be called once in each thread: sessions that end there are booked in this store. */
export function keepBooks(store: ShadowStore): void {
  booksOf = store;
  store.getOrAlloc(null, books);
}

/** What the patchable functions get: one request of one client. */
export interface Request {
  readonly session: string;
  readonly item: number;
  /** Set by each version of each function before it returns, the outermost last: which code it was. */
  handledBy: Code;
}

/** Puts the item into the basket. */
export function addToBasket(store: ShadowStore, { session: id, item }: Request): void {
  const view = store.get(id, session);
  if (view === undefined) return; // it has ended meanwhile
  view.basket[view.add('items', 1) % BASKET_BYTES] = item;
}

/** `requests.admit`: whether the client may be served. */
export type Admit = (request: Request) => boolean;
/** `sessions.touch`: counts a request in the client's session, which is made if there is none; returns the count. */
export type Touch = (request: Request) => number;
/** `sessions.save`: keeps what the request has changed. */
export type Save = (request: Request) => void;
/** `sessions.tidy`: housekeeping, ten times a second; returns how many sessions it has ended. */
export type Tidy = (idleMilliseconds: number) => Promise<number>;

/** The versions of the service's code: without a patch, and with each patch by its name. */
export const CODES = ['service', 'expire-sessions', 'limit-rate'] as const;
export type Code = (typeof CODES)[number];

export function isCode(name: unknown): name is Code {
  return (CODES as readonly unknown[]).includes(name);
}

/** What the pool's workers are given. */
export type Job =
  | { readonly kind: 'request'; readonly session: string; readonly item: number; readonly sabotage?: 'lost' }
  | { readonly kind: 'tidy'; readonly idleMilliseconds: number };

/** The answer to a request, as the client gets it. */
export interface Answer {
  readonly status: 200 | 429;
  /** Requests of this session, this one included; 0 if it was refused. */
  readonly hits: number;
  /** The version that the task ran at its beginning and at its end. */
  readonly versions: readonly [number, number];
  /** Which code was seen in `admit`, and unless that refused, in `touch` and in `save`. */
  readonly code: readonly Code[];
}
