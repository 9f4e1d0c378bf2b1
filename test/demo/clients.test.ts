/** Who visits the shop: enough newcomers for memory to climb, hammers that are refused, regulars that never are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type Client, Clients, type Kind } from '../../src/demo/clients.js';

function visits(rate: number, count: number, seed = 5): Client[] {
  const clients = new Clients(rate, seed);
  return Array.from({ length: count }, () => clients.next());
}

test('the same seed gives the same order of clients, another one does not', () => {
  const kinds = (seed: number): Kind[] => visits(1000, 500, seed).map(({ kind }) => kind);
  assert.deepEqual(kinds(3), kinds(3));
  assert.notDeepEqual(kinds(3), kinds(4));
});

test('at every rate hammers ask for more than 20 requests a second, regulars for much less, and newcomers are most of the others', () => {
  for (const rate of [300, 1000, 5000]) {
    const seconds = 20;
    const each = new Map<Client, number>();
    for (const client of visits(rate, rate * seconds)) each.set(client, (each.get(client) ?? 0) + 1);
    const perSecond = (kind: Kind): number[] =>
      [...each].filter(([client]) => client.kind === kind).map(([, visited]) => visited / seconds);
    const hammers = perSecond('hammer');
    assert.equal(hammers.length, 2);
    for (const hammered of hammers) assert.ok(hammered > 30, `${rate}: ${hammered} a second`);
    assert.ok(Math.max(...perSecond('regular')) < 7, `${rate}: ${Math.max(...perSecond('regular'))} a second`);
    assert.ok(perSecond('regular').length > rate * 0.3, 'many regulars come');
    assert.ok(perSecond('newcomer').length / seconds > rate * 0.35, `${rate}: newcomers`);
  }
});
