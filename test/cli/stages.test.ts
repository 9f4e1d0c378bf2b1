/** The schedule of a run: every stage gets requests, whatever the input's length and however slow the transitions are. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { batchSize, dyingIds, LEAST_REQUESTS, PATCH_1, PATCH_2, Schedule, STAGES, stageOf, stagesOf } from '../../src/cli/stages.js';

/** Plays a counted run in which each transition takes `transitionTasks` tasks' time, or for ever if nothing is dispatched meanwhile. */
function play(tasks: number, transitionTasks: number): number[] {
  const schedule = new Schedule({ kind: 'passes', passes: 1 }, tasks);
  const dispatchedIn = new Array<number>(STAGES).fill(0);
  let stage = 0;
  let dispatched = 0;
  let since = -1;
  for (let turn = 0; turn < tasks * 20; turn++) {
    const inTransition = since >= 0;
    const step = schedule.next({ stage, inTransition, dispatched, stageSeen: dispatchedIn[stage]! > 0, elapsedSeconds: 0 });
    if (step === 'end') {
      assert.equal(dispatched, tasks);
      return dispatchedIn;
    }
    if (step === 'advance') since = 0;
    if (step === 'dispatch') {
      dispatched++;
      if (!inTransition) dispatchedIn[stage]! += 1;
    }
    if (inTransition && ++since > transitionTasks) {
      stage++;
      since = -1;
    }
  }
  return assert.fail(`no end of ${tasks} tasks`);
}

describe('the schedule', () => {
  it('gives every stage tasks of its own, also when a transition outlasts its share', () => {
    for (const tasks of [20, 21, 24, 57, 1000]) {
      for (const transitionTasks of [0, 1, 3, tasks]) {
        for (const [stage, count] of play(tasks, transitionTasks).entries())
          assert.ok(count >= 2, `${tasks} tasks, stage ${stage}: ${count}`);
      }
    }
  });

  it('shares a time evenly and holds a stage open until it was seen', () => {
    const schedule = new Schedule({ kind: 'seconds', seconds: 10 }, Infinity);
    const standing = { stage: 1, inTransition: false, dispatched: 5, stageSeen: true, elapsedSeconds: 3.9 };
    assert.equal(schedule.next(standing), 'dispatch');
    assert.equal(schedule.next({ ...standing, elapsedSeconds: 4 }), 'advance');
    assert.equal(schedule.next({ ...standing, elapsedSeconds: 4, stageSeen: false }), 'dispatch');
    assert.equal(schedule.next({ ...standing, elapsedSeconds: 20, inTransition: true }), 'dispatch');
    assert.equal(schedule.next({ ...standing, stage: 4, elapsedSeconds: 10 }), 'end');
  });

  it('makes tasks smaller rather than stages empty', () => {
    assert.equal(batchSize(1024, 1_000_000, 1), 1024);
    assert.equal(batchSize(1024, 1000, 1), 50);
    assert.equal(batchSize(1024, LEAST_REQUESTS, 1), 1);
    assert.equal(batchSize(1024, 10, 100), 10);
    assert.equal(batchSize(1024, 300, Infinity), 300);
    for (const requests of [20, 33, 999, 5000]) {
      assert.ok(Math.ceil(requests / batchSize(1024, requests, 1)) >= LEAST_REQUESTS, `${requests} requests`);
    }
  });
});

describe('the stages', () => {
  it('tell the two lives of patch 1 and of unpatched code apart', () => {
    assert.deepEqual(
      [
        stageOf(0, 0),
        stageOf(1, 0),
        stageOf(1, 1),
        stageOf(2, 1),
        stageOf(2, 2),
        stageOf(1, 2),
        stageOf(1, 3),
        stageOf(0, 3),
        stageOf(0, 4),
      ],
      [0, 1, 1, 2, 2, 3, 3, 4, 4],
    );
  });

  it('know which ids a transition ends', () => {
    assert.deepEqual(dyingIds(undefined, PATCH_1), []);
    assert.deepEqual(dyingIds(PATCH_1, PATCH_2), [0x11]);
    assert.deepEqual(dyingIds(PATCH_2, PATCH_1), [0x12]);
    assert.deepEqual(dyingIds(PATCH_1, undefined), [0x10, 0x11]);
    assert.deepEqual(stagesOf(0x10), [1, 2, 3]);
    assert.deepEqual(stagesOf(0x11), [1, 3]);
  });
});
