/**
 * Owns the HTTP server: which address leads where, and what is refused. Imports guard, files, actions and audience.
 */
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { messageOf, ShadowError } from '../errors.js';
import type { Actions } from './actions.js';
import type { Audience } from './audience.js';
import { type PageFile, pageFiles } from './files.js';
import { Guard, SECURITY_HEADERS } from './guard.js';
import type { Answer } from './wire.js';

const LOOPBACK = '127.0.0.1';
const MOST_BODY_BYTES = 4096;
const MOST_CONNECTIONS = 128;
const REQUEST_MILLISECONDS = 10_000;

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

export class DashboardServer {
  readonly #server: Server;
  readonly #token: string;
  readonly #actions: Actions;
  readonly #audience: Audience;
  readonly #warn: (text: string) => void;
  readonly #files: ReadonlyMap<string, PageFile> = pageFiles();
  #guard: Guard | undefined;

  constructor(token: string, actions: Actions, audience: Audience, warn: (text: string) => void) {
    this.#token = token;
    this.#actions = actions;
    this.#audience = audience;
    this.#warn = warn;
    this.#server = createServer({ requestTimeout: REQUEST_MILLISECONDS, headersTimeout: REQUEST_MILLISECONDS }, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => fail(response, error));
    });
    this.#server.maxConnections = MOST_CONNECTIONS;
    // Whoever looks on keeps no process alive.
    this.#server.on('connection', (socket) => socket.unref());
  }

  /** Resolves with the port. @throws ERR_DASHBOARD_PORT */
  listen(port: number): Promise<number> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const refused = (cause: Error): void => {
        const way = 'give another port, or 0 for any free one';
        reject(
          new ShadowError('ERR_DASHBOARD_PORT', `port ${port} of ${LOOPBACK} cannot be listened on: ${cause.message}; ${way}`, { cause }),
        );
      };
      server.once('error', refused);
      server.listen({ port, host: LOOPBACK, exclusive: true }, () => {
        server.unref();
        server.off('error', refused);
        // A connection that cannot be taken, for lack of file descriptors above all, is no reason to end the process that is looked at.
        server.on('error', (error) => this.#warn(`a connection could not be taken: ${error.message}`));
        const bound = (server.address() as AddressInfo).port;
        this.#guard = new Guard(this.#token, bound);
        resolve(bound);
      });
    });
  }

  close(): Promise<void> {
    this.#audience.close();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const guard = this.#guard;
    if (guard?.isHost(request) !== true) {
      refuse(response, 403, 'This address is served to this machine only, by its own name and port.');
      return;
    }
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const [, first = '', ...rest] = path.split('/');
    const inPath = guard.isToken(first);
    if (!inPath && !guard.isToken(new URLSearchParams(query).get('token') ?? '')) {
      refuse(response, 404, 'Nothing is served without the right token.');
      return;
    }
    if (!inPath || (rest.length === 0 && first !== '')) {
      redirect(response, `/${this.#token}/`);
      return;
    }
    return this.#route(rest.join('/'), request, response);
  }

  #route(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> | void {
    if (path === 'act') return allow(['POST'], request, response, this.#act);
    if (path === 'events') return allow(['GET'], request, response, this.#watch);
    const file = this.#files.get(path);
    if (file === undefined) {
      refuse(response, 404, 'There is no such file.');
      return;
    }
    return allow(['GET', 'HEAD'], request, response, async () => {
      const content = await file.read();
      send(response, 200, { 'Content-Type': file.type, 'Content-Length': content.length }, request.method === 'HEAD' ? undefined : content);
    });
  }

  readonly #watch: Handler = (_request, response) => {
    if (this.#audience.size >= this.#audience.most) {
      refuse(response, 503, `At most ${this.#audience.most} pages are served at once.`);
      return;
    }
    response.writeHead(200, { ...SECURITY_HEADERS, 'Content-Type': 'text/event-stream; charset=utf-8' });
    this.#audience.add(response);
  };

  readonly #act: Handler = async (request, response) => {
    if (this.#guard?.isOwnOrigin(request) !== true) {
      refuse(response, 403, 'This is done from the page itself only.');
      return;
    }
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      refuse(response, 415, 'The body is JSON.');
      return;
    }
    const body = await readBody(request);
    if (body === null) {
      refuse(response, 413, `The body has at most ${MOST_BODY_BYTES} bytes.`);
      return;
    }
    const answer = await this.#actions.perform(body);
    answerWith(response, answer);
  };
}

async function allow(methods: readonly string[], request: IncomingMessage, response: ServerResponse, handler: Handler): Promise<void> {
  if (methods.includes(request.method ?? '')) return handler(request, response);
  refuse(response, 405, `Use ${methods.join(' or ')}.`, { Allow: methods.join(', ') });
}

/** null if it is too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MOST_BODY_BYTES) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** A refusal by the coordinator is a conflict with what there is; whatever else was wrong, was wrong with the request. */
function answerWith(response: ServerResponse, answer: Answer): void {
  const status = answer.ok ? 200 : answer.code === 'ERR_DASHBOARD_REQUEST' ? 400 : 409;
  send(response, status, { 'Content-Type': 'application/json; charset=utf-8' }, JSON.stringify(answer));
}

function redirect(response: ServerResponse, location: string): void {
  send(response, 308, { Location: location });
}

/** Whoever is refused is not listened to any longer, so that a body that was not read costs nothing. */
function refuse(response: ServerResponse, status: number, text: string, headers: OutgoingHttpHeaders = {}): void {
  send(response, status, { ...headers, 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' }, `${text}\n`);
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else refuse(response, 500, messageOf(error));
}

function send(response: ServerResponse, status: number, headers: OutgoingHttpHeaders, body?: string | Buffer): void {
  response.writeHead(status, { ...SECURITY_HEADERS, ...headers });
  response.end(body);
}
