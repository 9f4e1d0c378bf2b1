/**
 * Owns who is let in. The server listens on the loopback interface only, but so much else on this machine can reach it: other users, and any web page that a browser here has
 * open. Hence the token in every address; the Host header has to name this machine, or a page whose name was pointed here (DNS rebinding) could read what it gets; and
 * what changes something has to come from the page itself. Imports nothing of Umbra.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';

const LOOPBACK: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];

const HTTP_PORT = 80;

/** Nothing but what this server serves is loaded or asked for, nothing written into the page is run, and the address with its token stays here. */
export const SECURITY_HEADERS: Readonly<OutgoingHttpHeaders> = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

export class Guard {
  readonly #digest: Buffer;
  readonly #hosts: ReadonlySet<string>;

  constructor(token: string, port: number) {
    this.#digest = digest(token);
    // Browsers leave out the port that http has by default.
    this.#hosts = new Set(LOOPBACK.flatMap((name) => (port === HTTP_PORT ? [name, `${name}:${port}`] : [`${name}:${port}`])));
  }

  /** Takes the same time whatever is wrong with it, its length included. */
  isToken(candidate: string): boolean {
    return timingSafeEqual(digest(candidate), this.#digest);
  }

  /** One header of that name: who stands between might go by another than the first. */
  isHost({ headersDistinct: { host = [] } }: IncomingMessage): boolean {
    return host.length === 1 && this.#hosts.has(host[0]?.toLowerCase() ?? '');
  }

  /** Browsers say where a POST comes from; whoever does not say so is not the page. */
  isOwnOrigin({ headers }: IncomingMessage): boolean {
    const { origin = '', host = '', 'sec-fetch-site': site = 'same-origin' } = headers;
    return origin.toLowerCase() === `http://${host.toLowerCase()}` && site === 'same-origin';
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
