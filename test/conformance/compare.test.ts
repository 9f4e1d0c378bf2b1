import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ownCatalogue, readCatalogue } from './catalogue.js';
import { firstDifference, tellDifference } from './compare.js';
import { type ConformanceEvent, type Entry, sameEvent } from './events.js';

const { scenarios } = readCatalogue(ownCatalogue());
const logOf = (events: readonly ConformanceEvent[], implied = false): Entry[] => events.map((event) => ({ event, implied }));

test('a log that says what the catalogue says has no difference', () => {
  for (const { id, events } of scenarios) assert.equal(firstDifference(events, logOf(events)), undefined, id);
});

test('every single falsification is found where it is: left out, twice, swapped, changed, one too many', () => {
  for (const { id, events } of scenarios) {
    for (const [index, event] of events.entries()) {
      const where = `${id} at ${index}`;
      const log = logOf(events);
      assert.notEqual(firstDifference(events.toSpliced(index, 1), log), undefined, `${where}: left out`);
      assert.equal(firstDifference(events.toSpliced(index, 1, [...event, 'changed']), log)?.index, index, `${where}: changed`);
      assert.notEqual(firstDifference(events.toSpliced(index, 0, event), log), undefined, `${where}: twice`);
      const next = events[index + 1];
      if (next === undefined || sameEvent(event, next)) continue;
      assert.equal(firstDifference(events.toSpliced(index, 2, next, event), log)?.index, index, `${where}: swapped`);
    }
    assert.equal(firstDifference([...events, ['core', 'more']], logOf(events))?.got, undefined, id);
    assert.equal(firstDifference(events, logOf([...events, ['core', 'more']]))?.expected, undefined, id);
  }
});

test('observations that silence implies may be left out, but not contradicted', () => {
  const [before, after] = [
    ['op', 'disable', 'basic'],
    ['op', 'unload', 'basic'],
  ];
  const seen = ['observe', 'output', 'showCmdline', 'original'];
  const log = [...logOf([before]), ...logOf([seen], true), ...logOf([after])];
  assert.equal(firstDifference([before, after], log), undefined);
  assert.equal(firstDifference([before, seen, after], log), undefined);
  assert.equal(firstDifference([before, ['observe', 'output', 'showCmdline', 'basic'], after], log)?.index, 1);
  assert.equal(firstDifference([before, after], [...logOf([before]), ...logOf([seen]), ...logOf([after])])?.index, 1);
});

test('both names of a state callback, and every wording of a detail, are understood', () => {
  assert.ok(sameEvent(['state-callback', 'pre_patch', 'p', 1], ['state-callback', 'setup', 'p', 1]));
  assert.ok(!sameEvent(['state-callback', 'post_patch', 'p', 1], ['state-callback', 'setup', 'p', 1]));
  const told = (detail: string | null) => ['observe', 'output-by', 'operator', 'f', 'p', detail];
  for (const text of ['state not yet active', 'state no longer active', 'state inactive', 'State is not active']) {
    assert.ok(sameEvent(told(text), told('state not yet active')), text);
    assert.ok(!sameEvent(told(text), told('state active')), text);
  }
  assert.ok(sameEvent(['observe', 'output-by', 'operator', 'f', 'p'], told(null)));
  assert.ok(!sameEvent(told(null), told('state active')));
  assert.ok(sameEvent(['observe', 'value', 'enabled', 1], ['observe', 'value', 'enabled', '1']));
  assert.ok(sameEvent(['observe', 'value', 'enabled', true], ['observe', 'value', 'enabled', '1']));
});

test('a difference is told with what came before it', () => {
  const events = [['a'], ['b'], ['c'], ['d'], ['e']];
  const difference = firstDifference(events, logOf([['a'], ['b'], ['c'], ['d'], ['x']]));
  assert.deepEqual(difference, { index: 4, expected: ['e'], got: ['x'], before: [['b'], ['c'], ['d']] });
  assert.match(tellDifference(difference), /event 4\n.*\["b"\]\n.*\["c"\]\n.*\["d"\]\n *expected *\["e"\]\n *got *\["x"\]$/);
});
