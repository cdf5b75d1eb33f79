import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { executable, newId, workflowBundle } from '../harness.js';

/** The SDK's own test environments, with the baton executable in the place of the one that they would download. */
export function environmentCases() {
  const server = { executable: { type: 'existing-path', path: executable } };

  const run = async (environment, type, ...args) => {
    const taskQueue = newId('queue');
    const worker = await Worker.create({ connection: environment.nativeConnection, taskQueue, workflowBundle });
    return worker.runUntil(environment.client.workflow.execute(type, { workflowId: newId(), taskQueue, args }));
  };

  // These environments give a server 5 s to answer; on a crowded machine that may take more than one try.
  const patiently = async (create, tries = 3) => {
    try {
      return await create();
    } catch (error) {
      if (tries === 1 || !/did not start within/.test(error.message)) throw error;
      return patiently(create, tries - 1);
    }
  };

  it('runs in the local test environment', { skip: !executable }, async () => {
    const environment = await patiently(() => TestWorkflowEnvironment.createLocal({ server }));
    try {
      assert.equal(await run(environment, 'sleeps', 1), 'slept');
    } finally {
      await environment.teardown();
    }
  });

  it('skips time in the time-skipping test environment', { skip: !executable }, async () => {
    const environment = await patiently(() => TestWorkflowEnvironment.createTimeSkipping({ server }));
    try {
      const before = await environment.currentTimeMs();
      assert.equal(await run(environment, 'sleeps', 30 * 24 * 3_600_000), 'slept');
      assert.ok((await environment.currentTimeMs()) - before >= 30 * 24 * 3_600_000);
    } finally {
      await environment.teardown();
    }
  });
}
