import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tokens } from '../activities.js';
import { client, eventually, execute, start } from '../harness.js';

export function activityCases() {
  it('runs an activity', async () => {
    assert.equal(await execute('greets', 'Ada'), 'Hello, Ada!');
  });

  it('runs a local activity', async () => {
    assert.equal(await execute('greetsLocally', 'Ada'), 'Hello, Ada!');
  });

  it('retries an activity', async () => {
    assert.equal(await execute('retriesUntil', 3), 3);
  });

  it('does not retry what is final', async () => {
    await assert.rejects(execute('failsForGood'), (error) => {
      assert.equal(error.cause.retryState, 'NON_RETRYABLE_FAILURE');
      assert.equal(error.cause.cause.type, 'ForGood');
      return true;
    });
  });

  it('hands heartbeat details to the next attempt', async () => {
    assert.deepEqual(await execute('resumesFromHeartbeat'), { at: 42 });
  });

  it('cancels an activity through its heartbeat', async () => {
    assert.equal(await execute('cancelsItsActivity'), 'cancelled');
  });

  it('completes an activity by its token', async () => {
    const handle = await start('completesElsewhere');
    const token = await eventually(() => tokens.get(handle.workflowId), Boolean);
    await client.activity.complete(token, 'from outside');
    assert.equal(await handle.result(), 'from outside');
  });

  it('completes an activity by its id', async () => {
    const handle = await start('completesElsewhere');
    await eventually(() => tokens.has(handle.workflowId), Boolean);
    await client.activity.complete({ workflowId: handle.workflowId, activityId: '1' }, 'by id');
    assert.equal(await handle.result(), 'by id');
  });
}
