import { ApplicationFailure, CompleteAsyncError, Context, activityInfo, heartbeat, sleep } from '@temporalio/activity';

/** Task tokens of activities that are completed from outside, by workflow id. */
export const tokens = new Map();

export const activities = {
  async greet(name) {
    return `Hello, ${name}!`;
  },

  async failUntil(attempt) {
    if (activityInfo().attempt < attempt) throw new Error(`attempt ${activityInfo().attempt}`);
    return activityInfo().attempt;
  },

  async fail() {
    throw ApplicationFailure.nonRetryable('for good', 'ForGood');
  },

  async resume() {
    if (activityInfo().attempt === 1) {
      heartbeat({ at: 42 });
      throw new Error('after heartbeat');
    }
    return activityInfo().heartbeatDetails;
  },

  async completeLater() {
    tokens.set(activityInfo().workflowExecution.workflowId, activityInfo().taskToken);
    throw new CompleteAsyncError();
  },

  async beatUntilCancelled() {
    for (;;) {
      Context.current().heartbeat('beat');
      await sleep(30);
    }
  },
};
