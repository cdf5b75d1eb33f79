import assert from 'node:assert/strict';
import { it } from 'node:test';
import { WithStartWorkflowOperation, WorkflowFailedError, WorkflowNotFoundError, WorkflowUpdateFailedError, WorkflowUpdateStage } from '@temporalio/client';
import { client, newId, start, startWith, taskQueue } from '../harness.js';

/** Signals, queries and updates. */
export function messageCases() {
  it('delivers signals once and in order', async () => {
    const handle = await start('mailbox');
    for (let index = 0; index < 20; index++) await handle.signal('add', `item ${index}`);
    await handle.signal('end');
    assert.deepEqual(await handle.result(), Array.from({ length: 20 }, (_, index) => `item ${index}`));
  });

  it('starts by a signal, then only signals', async () => {
    const options = { workflowId: newId(), taskQueue, signal: 'add', signalArgs: ['first'] };
    const first = await client.workflow.signalWithStart('mailbox', options);
    const second = await client.workflow.signalWithStart('mailbox', { ...options, signalArgs: ['second'] });
    assert.equal(second.signaledRunId, first.signaledRunId);
    await second.signal('end');
    assert.deepEqual(await first.result(), ['first', 'second']);
  });

  it('refuses signals to what is closed or unknown', async () => {
    const handle = await start('mailbox');
    await handle.signal('end');
    await handle.result();
    await assert.rejects(handle.signal('add', 'late'), WorkflowNotFoundError);
    await assert.rejects(client.workflow.getHandle(newId()).signal('add', 'lost'), WorkflowNotFoundError);
  });

  it('answers queries while it runs and after', async () => {
    const handle = await start('mailbox');
    await handle.signal('add', 'item');
    assert.deepEqual(await handle.query('received'), ['item']);
    await handle.signal('end');
    await handle.result();
    assert.deepEqual(await handle.query('received'), ['item']);
    await assert.rejects(handle.query('unknown'), { name: 'QueryNotRegisteredError' });
  });

  it('answers updates and rejects what does not validate', async () => {
    const handle = await start('mailbox');
    assert.equal(await handle.executeUpdate('put', { args: ['one'] }), 1);
    await assert.rejects(handle.executeUpdate('put', { args: [''] }), (error) => {
      assert.ok(error instanceof WorkflowUpdateFailedError);
      assert.equal(error.cause.message, 'item is empty');
      return true;
    });
    assert.equal(await handle.executeUpdate('put', { args: ['two'] }), 2);
    await handle.signal('end');
    assert.deepEqual(await handle.result(), ['one', 'two']);
  });

  it('tells that an update was accepted before its result', async () => {
    const handle = await start('mailbox');
    const update = await handle.startUpdate('put', { args: ['wait:go'], updateId: 'same', waitForStage: WorkflowUpdateStage.ACCEPTED });
    const again = await handle.startUpdate('put', { args: ['wait:go'], updateId: 'same', waitForStage: WorkflowUpdateStage.ACCEPTED });
    await handle.signal('add', 'go');
    assert.equal(await update.result(), 2);
    assert.equal(await again.result(), 2);
    assert.equal(await handle.getUpdateHandle('same').result(), 2);
    await handle.signal('end');
    await handle.result();
  });

  it('starts by an update, then only updates', async () => {
    const workflowId = newId();
    for (const expected of [1, 2]) {
      const startWorkflowOperation = new WithStartWorkflowOperation('mailbox', { workflowId, taskQueue, workflowIdConflictPolicy: 'USE_EXISTING' });
      assert.equal(await client.workflow.executeUpdateWithStart('put', { args: ['item'], startWorkflowOperation }), expected);
      assert.equal((await startWorkflowOperation.workflowHandle()).workflowId, workflowId);
    }
    await client.workflow.getHandle(workflowId).signal('end');
  });

  it('carries failures with type and details', async () => {
    const handle = await start('throwsError', 'a message');
    await assert.rejects(handle.result(), (error) => {
      assert.ok(error instanceof WorkflowFailedError);
      assert.equal(error.cause.message, 'a message');
      assert.equal(error.cause.type, 'Typed');
      assert.deepEqual(error.cause.details, [{ code: 7 }]);
      return true;
    });
  });

  it('signals another workflow', async () => {
    const target = await start('mailbox');
    await (await start('signalsOther', target.workflowId)).result();
    assert.deepEqual(await target.query('received'), ['from another workflow']);
    await target.terminate();
  });

  it('refuses an id in use', async () => {
    const handle = await start('mailbox');
    await assert.rejects(startWith({ workflowId: handle.workflowId }, 'mailbox'), { name: 'WorkflowExecutionAlreadyStartedError' });
    const same = await startWith({ workflowId: handle.workflowId, workflowIdConflictPolicy: 'USE_EXISTING' }, 'mailbox');
    assert.equal(same.firstExecutionRunId, handle.firstExecutionRunId);
    const other = await startWith({ workflowId: handle.workflowId, workflowIdConflictPolicy: 'TERMINATE_EXISTING' }, 'mailbox');
    assert.notEqual(other.firstExecutionRunId, handle.firstExecutionRunId);
    await other.terminate();
  });
}
