/**
 * Stands in for Redis: the few commands that the benchmarks send, over a Map.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface RespServer {
  readonly url: string;
  readonly entries: ReadonlyMap<string, Buffer>;
  close(): Promise<void>;
}

export async function startRespServer(): Promise<RespServer> {
  const entries = new Map<string, Buffer>();
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined); // a worker that is ended drops its connection
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (let command = parse(rest); command !== undefined; command = parse(rest)) {
        rest = rest.subarray(command.length);
        socket.write(answer(command.words, entries));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    entries,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Command {
  readonly words: readonly Buffer[];
  /** In bytes. */
  readonly length: number;
}

/** The first command of `bytes`, an array of bulk strings, if it is all there. */
function parse(bytes: Buffer): Command | undefined {
  let at = 0;
  const number = (): number | undefined => {
    const end = bytes.indexOf('\r\n', at);
    if (end === -1) return undefined;
    const value = Number(bytes.toString('latin1', at + 1, end));
    at = end + 2;
    return value;
  };
  const count = number();
  const words: Buffer[] = [];
  while (count !== undefined && words.length < count) {
    const length = number();
    if (length === undefined || at + length + 2 > bytes.length) return undefined;
    words.push(Buffer.from(bytes.subarray(at, at + length)));
    at += length + 2;
  }
  return count === undefined ? undefined : { words, length: at };
}

function answer(words: readonly Buffer[], entries: Map<string, Buffer>): Buffer {
  const args = words.slice(1);
  switch (words[0]!.toString().toUpperCase()) {
    case 'HELLO':
      return Buffer.from('%1\r\n$5\r\nproto\r\n:3\r\n');
    case 'GET': {
      const value = entries.get(args[0]!.toString());
      return value === undefined ? Buffer.from('_\r\n') : bulk(value);
    }
    case 'MSET':
    case 'SET':
      for (let i = 0; i + 1 < args.length; i += 2) entries.set(args[i]!.toString(), args[i + 1]!);
      return Buffer.from('+OK\r\n');
    case 'UNLINK':
      return Buffer.from(`:${args.filter((name) => entries.delete(name.toString())).length}\r\n`);
    case 'SCAN': {
      const names = [...entries.keys()].map((name) => bulk(Buffer.from(name)));
      return Buffer.concat([Buffer.from(`*2\r\n$1\r\n0\r\n*${names.length}\r\n`), ...names]);
    }
    default:
      return Buffer.from('+OK\r\n');
  }
}

function bulk(value: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')]);
}
