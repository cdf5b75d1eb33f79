import { after, before, describe } from 'node:test';
import { startWorker, stopWorker } from './harness.js';
import { activityCases } from './cases/activities.js';
import { environmentCases } from './cases/environments.js';
import { lifecycleCases } from './cases/lifecycle.js';
import { messageCases } from './cases/messages.js';
import { scheduleCases } from './cases/schedules.js';

describe('typescript', { concurrency: 8, timeout: 120_000 }, () => {
  before(startWorker);
  after(stopWorker);
  messageCases();
  activityCases();
  lifecycleCases();
  scheduleCases();
  environmentCases();
});
