import assert from 'node:assert/strict';
import { it } from 'node:test';
import { WorkflowContinuedAsNewError } from '@temporalio/client';
import { CancelledFailure, TerminatedFailure, TimeoutFailure, defineSearchAttributeKey } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { client, eventually, execute, namespace, newId, start, startWith, taskQueue, workerClient, workflowBundle } from '../harness.js';

const keyword = defineSearchAttributeKey('ConformanceKeyword', 'KEYWORD');

export function lifecycleCases() {
  it('waits for timers', async () => {
    assert.equal(await execute('sleeps', 100), 'slept');
    assert.deepEqual(await execute('races'), ['short', true]);
  });

  it('cancels a workflow that may clean up', async () => {
    const handle = await start('cleansUp');
    await eventually(() => handle.fetchHistory(), ({ events }) => events.some((event) => event.timerStartedEventAttributes));
    await handle.cancel();
    assert.equal(await handle.result(), 'Hello, cleaner!');
    const obeys = await start('sleeps', 3_600_000);
    await obeys.cancel();
    await assert.rejects(obeys.result(), (error) => error.cause instanceof CancelledFailure);
  });

  it('terminates and times out', async () => {
    const terminated = await start('mailbox');
    await terminated.terminate('enough');
    await assert.rejects(terminated.result(), (error) => error.cause instanceof TerminatedFailure && error.cause.message === 'enough');
    assert.equal((await terminated.describe()).status.name, 'TERMINATED');
    const timedOut = await startWith({ workflowRunTimeout: 300 }, 'mailbox');
    await assert.rejects(timedOut.result(), (error) => error.cause instanceof TimeoutFailure);
  });

  it('continues as new', async () => {
    const handle = await start('counts', 3);
    assert.equal(await handle.result(), true);
    const first = client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId, { followRuns: false });
    await assert.rejects(first.result(), WorkflowContinuedAsNewError);
  });

  it('retries a workflow', async () => {
    assert.equal(await (await startWith({ retry: { initialInterval: 20, maximumAttempts: 3 } }, 'failsFirst')).result(), 2);
  });

  it('starts children', async () => {
    assert.deepEqual(await execute('parent', newId('child'), 'signal'), ['from the parent']);
    assert.equal(await execute('parent', newId('child'), 'fail'), 'ChildWorkflowFailure: told to fail');
    assert.equal(await execute('cancelsItsChild', newId('child')), 'cancelled');
  });

  it('keeps memo, search attributes and details', async () => {
    const word = newId('word');
    const handle = await startWith({ memo: { kept: 1, removed: 2 }, staticSummary: 'a summary', staticDetails: 'the details' }, 'upserts', word);
    assert.deepEqual(await handle.result(), { kept: 1, added: 'new' });
    const description = await handle.describe();
    assert.equal(description.typedSearchAttributes.get(keyword), word);
    assert.deepEqual(description.memo, { kept: 1, added: 'new' });
    assert.equal(await description.staticSummary(), 'a summary');
    assert.equal(await description.staticDetails(), 'the details');
    const query = `ConformanceKeyword = '${word}'`;
    await eventually(() => client.workflow.count(query), ({ count }) => count === 1);
    for await (const listed of client.workflow.list({ query })) assert.equal(listed.workflowId, handle.workflowId);
  });

  it('leaves histories that replay', async () => {
    const handle = await start('patches');
    assert.equal(await handle.result(), 'new');
    const mailbox = await start('mailbox');
    await mailbox.executeUpdate('put', { args: ['item'] });
    await mailbox.signal('end');
    await mailbox.result();
    for (const each of [handle, mailbox]) {
      await Worker.runReplayHistory({ workflowBundle }, await each.fetchHistory(), each.workflowId);
    }
  });

  it('resets a workflow', async () => {
    const handle = await start('mailbox');
    await handle.signal('add', 'kept');
    await handle.query('received');
    const { runId } = await client.workflowService.resetWorkflowExecution({
      namespace,
      workflowExecution: { workflowId: handle.workflowId, runId: handle.firstExecutionRunId },
      workflowTaskFinishEventId: 4,
      requestId: newId('request'),
      reason: 'conformance',
    });
    const again = client.workflow.getHandle(handle.workflowId, runId);
    await again.signal('end');
    assert.deepEqual(await again.result(), ['kept']);
  });

  it('delays a start', async () => {
    const handle = await startWith({ startDelay: 300 }, 'sleeps', 1);
    assert.equal(await handle.result(), 'slept');
    const { startTime, executionTime } = await handle.describe();
    assert.ok(executionTime - startTime >= 290, `${executionTime - startTime}`);
  });

  it('starts eagerly', async () => {
    const eager = { workflowId: newId(), taskQueue, args: ['eager'], requestEagerStart: true };
    assert.equal(await workerClient().workflow.execute('greets', eager), 'Hello, eager!');
  });
}
