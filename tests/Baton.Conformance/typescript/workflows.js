// Bundled by the worker and run in its sandbox; nothing but the workflow package may be imported here.
import * as wf from '@temporalio/workflow';

const fast = { initialInterval: 20, backoffCoefficient: 1 };
const act = wf.proxyActivities({ startToCloseTimeout: '20s', retry: fast });
const beating = wf.proxyActivities({
  startToCloseTimeout: '30s',
  heartbeatTimeout: '5s',
  retry: fast,
  cancellationType: wf.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});
const local = wf.proxyLocalActivities({ startToCloseTimeout: '20s', retry: fast });

export const add = wf.defineSignal('add');
export const end = wf.defineSignal('end');
export const received = wf.defineQuery('received');
export const put = wf.defineUpdate('put');

/** Keeps what it is sent and ends when it is told to, with all that it was sent. */
export async function mailbox() {
  const items = [];
  let ended;
  wf.setHandler(add, (item) => void items.push(item));
  wf.setHandler(end, (how) => void (ended = how ?? 'complete'));
  wf.setHandler(received, () => items);
  wf.setHandler(
    put,
    async (item) => {
      if (item.startsWith('wait:')) await wf.condition(() => items.includes(item.slice(5)));
      items.push(item);
      return items.length;
    },
    {
      validator: (item) => {
        if (item === '') throw new Error('item is empty');
      },
    },
  );
  await wf.condition(() => ended !== undefined && wf.allHandlersFinished());
  if (ended === 'fail') throw wf.ApplicationFailure.nonRetryable('told to fail', 'ToldToFail', 'detail');
  return items;
}

export async function greets(name) {
  return act.greet(name);
}

export async function greetsLocally(name) {
  return local.greet(name);
}

export async function retriesUntil(attempt) {
  return act.failUntil(attempt);
}

export async function failsForGood() {
  return act.fail();
}

export async function resumesFromHeartbeat() {
  return beating.resume();
}

export async function completesElsewhere() {
  return act.completeLater();
}

export async function cancelsItsActivity() {
  const scope = new wf.CancellationScope({ cancellable: true });
  const running = scope.run(() => beating.beatUntilCancelled());
  await wf.sleep(200);
  scope.cancel();
  try {
    await running;
    return 'not cancelled';
  } catch (error) {
    return wf.isCancellation(error) ? 'cancelled' : String(error);
  }
}

export async function sleeps(milliseconds) {
  await wf.sleep(milliseconds);
  return 'slept';
}

export async function races() {
  const winner = await Promise.race([wf.sleep(20).then(() => 'short'), wf.sleep('1 hour').then(() => 'long')]);
  const timedOut = !(await wf.condition(() => false, 30));
  return [winner, timedOut];
}

export async function cleansUp() {
  try {
    await wf.sleep('1 hour');
    return 'slept';
  } catch (error) {
    if (!wf.isCancellation(error)) throw error;
    return wf.CancellationScope.nonCancellable(() => act.greet('cleaner'));
  }
}

export async function counts(left) {
  if (left > 0) await wf.continueAsNew(left - 1);
  return wf.workflowInfo().continuedFromExecutionRunId !== undefined;
}

export async function parent(childId, how) {
  const child = await wf.startChild(mailbox, { workflowId: childId });
  if (how === 'signal') {
    await child.signal(add, 'from the parent');
    await child.signal(end);
    return child.result();
  }
  const result = child.result();
  await child.signal(end, how);
  try {
    return await result;
  } catch (error) {
    return `${error.constructor.name}: ${error.cause.message}`;
  }
}

export async function cancelsItsChild(childId) {
  try {
    return await wf.CancellationScope.cancellable(async () => {
      const child = await wf.startChild(mailbox, {
        workflowId: childId,
        cancellationType: wf.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      });
      wf.CancellationScope.current().cancel();
      return child.result();
    });
  } catch (error) {
    return wf.isCancellation(error) ? 'cancelled' : String(error);
  }
}

export async function signalsOther(workflowId) {
  await wf.getExternalWorkflowHandle(workflowId).signal(add, 'from another workflow');
}

export async function upserts(keyword) {
  wf.upsertSearchAttributes([{ key: { name: 'ConformanceKeyword', type: 'KEYWORD' }, value: keyword }]);
  wf.upsertMemo({ added: 'new', removed: null });
  wf.setCurrentDetails('at rest');
  await wf.sleep(1);
  return wf.workflowInfo().memo;
}

export async function patches() {
  return wf.patched('second-way') ? 'new' : 'old';
}

export async function throwsError(message) {
  throw wf.ApplicationFailure.create({ message, type: 'Typed', nonRetryable: true, details: [{ code: 7 }] });
}

export async function tellsInfo() {
  const info = wf.workflowInfo();
  return { attempt: info.attempt, type: info.workflowType, lastFailure: info.lastFailure?.message, memo: info.memo };
}

export async function failsFirst() {
  if (wf.workflowInfo().attempt < 2) throw wf.ApplicationFailure.create({ message: 'first' });
  return wf.workflowInfo().attempt;
}
