// One connection, one worker and one task queue for the whole suite.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import { activities } from './activities.js';

export const address = process.env.BATON_CONFORMANCE_ADDRESS ?? '127.0.0.1:7233';
export const executable = process.env.BATON_CONFORMANCE_EXECUTABLE;
export const namespace = 'default';
export const taskQueue = `typescript-${randomUUID()}`;
export const workflowsPath = fileURLToPath(new URL('./workflows.js', import.meta.url));

const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, log() {} };
Runtime.install({ logger: quiet, telemetryOptions: { logging: { filter: 'OFF', forward: {} } } });

export const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: quiet });

const connection = await Connection.connect({ address });
export const client = new Client({ connection, namespace });

let stop;
let native;

/** A client on the worker's own connection, which an eager start needs. */
export const workerClient = () => new Client({ connection: native, namespace });

export async function startWorker() {
  native = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue,
    workflowBundle,
    activities,
    // The default throttle would hold heartbeats back for longer than a case lasts.
    maxHeartbeatThrottleInterval: '20ms',
    defaultHeartbeatThrottleInterval: '20ms',
    shutdownGraceTime: 0,
  });
  const running = worker.run();
  stop = async () => {
    worker.shutdown();
    await running;
    await native.close();
    await connection.close();
  };
}

export const stopWorker = () => stop();

export const newId = (prefix = 'ts') => `${prefix}-${randomUUID()}`;

export const start = (type, ...args) => startWith({}, type, ...args);

export const startWith = (options, type, ...args) => client.workflow.start(type, { workflowId: newId(), taskQueue, args, ...options });

export const execute = async (type, ...args) => (await start(type, ...args)).result();

/** Asks until the answer satisfies the condition. */
export async function eventually(ask, condition) {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const answer = await ask();
    if (condition(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`not within 30 s: ${condition}; last answer: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
