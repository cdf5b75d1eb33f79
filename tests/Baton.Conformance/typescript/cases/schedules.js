import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { client, eventually, newId, taskQueue } from '../harness.js';

const create = (options = {}) => {
  const id = newId('schedule');
  return client.schedule.create({
    scheduleId: id,
    spec: { intervals: [{ every: '1h' }] },
    action: { type: 'startWorkflow', workflowId: `${id}-run`, workflowType: 'greets', taskQueue, args: ['schedule'] },
    state: { paused: true },
    ...options,
  });
};

export function scheduleCases() {
  it('creates, describes and deletes a schedule', async () => {
    const handle = await create({
      spec: { calendars: [{ hour: { start: 2, end: 7, step: 1 }, comment: 'early' }], timezone: 'Europe/Berlin', jitter: '5s' },
      policies: { overlap: ScheduleOverlapPolicy.BUFFER_ONE, catchupWindow: '2m', pauseOnFailure: true },
      memo: { owner: 'operations' },
    });
    const found = await handle.describe();
    assert.deepEqual(found.spec.calendars[0].hour, [{ start: 2, end: 7, step: 1 }]);
    assert.equal(found.spec.calendars[0].comment, 'early');
    assert.equal(found.spec.timezone, 'Europe/Berlin');
    assert.equal(found.policies.overlap, ScheduleOverlapPolicy.BUFFER_ONE);
    assert.equal(found.policies.catchupWindow, 120_000);
    assert.equal(found.state.paused, true);
    assert.deepEqual(found.memo, { owner: 'operations' });
    assert.equal(found.info.nextActionTimes.length, 10);
    await assert.rejects(
      client.schedule.create({ scheduleId: handle.scheduleId, spec: {}, action: { type: 'startWorkflow', workflowType: 'greets', taskQueue } }),
      ScheduleAlreadyRunning,
    );
    await handle.delete();
    await assert.rejects(handle.describe(), ScheduleNotFoundError);
  });

  it('triggers, backfills, pauses and updates a schedule', async () => {
    const handle = await create();
    await handle.trigger();
    await eventually(() => handle.describe(), ({ info }) => info.numActionsTaken === 1);
    await handle.backfill({ start: new Date('2024-01-01T00:00:00Z'), end: new Date('2024-01-01T02:30:00Z'), overlap: ScheduleOverlapPolicy.ALLOW_ALL });
    await eventually(() => handle.describe(), ({ info }) => info.numActionsTaken === 4);
    await handle.unpause('go on');
    assert.equal((await handle.describe()).state.paused, false);
    await handle.pause('hold on');
    assert.equal((await handle.describe()).state.note, 'hold on');
    await handle.update((previous) => ({ ...previous, spec: { intervals: [{ every: '3d' }] } }));
    assert.equal((await handle.describe()).spec.intervals[0].every, 3 * 24 * 3_600_000);
    await handle.delete();
  });

  it('runs on its interval', async () => {
    const handle = await create({ spec: { intervals: [{ every: '1s' }] }, state: { remainingActions: 2 }, policies: { overlap: ScheduleOverlapPolicy.ALLOW_ALL } });
    const { info } = await eventually(() => handle.describe(), (found) => found.info.numActionsTaken === 2);
    for (const { action } of info.recentActions) {
      assert.equal(await client.workflow.getHandle(action.workflow.workflowId).result(), 'Hello, schedule!');
    }
    await handle.delete();
  });

  it('lists schedules', async () => {
    const handle = await create();
    await eventually(
      async () => {
        const ids = [];
        for await (const each of client.schedule.list()) ids.push(each.scheduleId);
        return ids;
      },
      (ids) => ids.includes(handle.scheduleId),
    );
    await handle.delete();
  });
}
