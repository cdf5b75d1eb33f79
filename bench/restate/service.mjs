// The workflows of Workflows.cs in Restate's SDK. Listens on the port given, then says so on stdout.
import * as http2 from "node:http2";
import * as restate from "@restatedev/restate-sdk";

// The SDK uses it, and Node has it from version 22 on.
Promise.withResolvers ??= () => {
  const deferred = {};
  deferred.promise = new Promise((resolve, reject) => Object.assign(deferred, { resolve, reject }));
  return deferred;
};

const steps = restate.service({
  name: "Steps",
  handlers: { next: async (_ctx, n) => n + 1 },
});

const workflow = (name, run) => restate.workflow({ name, handlers: { run } });

const services = [
  steps,
  workflow("OneTask", async () => 3),
  // A step of its own, journaled on both sides: what an activity is in Temporal.
  workflow("ThreeActivities", async (ctx) => {
    let n = 0;
    for (let i = 0; i < 3; i++) n = await ctx.serviceClient(steps).next(n);
    return n;
  }),
  // Runs in the process of the workflow and leaves its result in the journal: what a local activity is in Temporal.
  workflow("ThreeLocalActivities", async (ctx) => {
    let n = 0;
    for (let i = 0; i < 3; i++) n = await ctx.run(`step ${i}`, async () => n + 1);
    return n;
  }),
];

const server = http2.createServer(restate.createEndpointHandler({ services }));
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening"));
