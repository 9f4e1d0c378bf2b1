/**
 * The peers by name. An adapter is loaded only where it takes part: lmdb changes flags of V8, and none of the packages has to be installed.
 */
import { isInstalled } from '../../src/cli/installed.js';
import type { Peer } from './peer.js';

const LOADERS = {
  store: async () => (await import('./store.js')).storePeer,
  'store by field': async () => (await import('./store.js')).storeByFieldPeer,
  Map: async () => (await import('./local-map.js')).localMapPeer,
  sharedmap: async () => (await import('./sharedmap.js')).sharedMapPeer,
  lmdb: async () => (await import('./lmdb.js')).lmdbPeer,
  owner: async () => (await import('./owner.js')).ownerPeer,
  'owner×64': async () => (await import('./owner.js')).ownerBatchPeer,
  worker_map: async () => (await import('./worker-map.js')).workerMapPeer,
  redis: async () => (await import('./redis.js')).redisPeer,
} satisfies Readonly<Record<string, () => Promise<Peer>>>;

export type PeerName = keyof typeof LOADERS;

export const PEERS = Object.keys(LOADERS) as PeerName[];

/** All but the store itself. */
export const RIVALS = PEERS.filter((name) => !name.startsWith('store'));

/** Those that are packages of this name. */
const PACKAGES: ReadonlySet<string> = new Set(['sharedmap', 'lmdb', 'worker_map', 'redis']);

/** What stands in the table beside a figure of the peer. */
export const LABELS: Readonly<Record<PeerName, string>> = {
  store: 'store',
  'store by field': 'store by field',
  Map: 'a Map each',
  sharedmap: 'sharedmap',
  lmdb: 'lmdb',
  owner: 'postMessage, 64 in flight',
  'owner×64': 'postMessage, 64 at once',
  worker_map: 'worker_map',
  redis: 'Redis, 64 in flight',
};

export function loadPeer(name: PeerName): Promise<Peer> {
  return LOADERS[name]();
}

/** Why a peer cannot take part here; undefined when it can. `address`: where Redis answers. */
export function whyAbsent(name: PeerName, address?: string): string | undefined {
  if (name === 'redis' && address === undefined) return 'no server given; add --redis URL, such as redis://127.0.0.1:6379';
  return PACKAGES.has(name) && !isInstalled(name) ? `${name} is not installed; npm install --no-save ${name}` : undefined;
}
