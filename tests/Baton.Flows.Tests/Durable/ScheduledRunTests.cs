using Baton.Durable;
using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Flows.Parse;
using Temporalio.Client;
using Temporalio.Converters;
using Temporalio.Exceptions;

namespace Baton.Flows.Tests.Durable;

/// <summary>Schedules on a server whose time jumps to what is due next.</summary>
public sealed class ScheduledRunTests
{
    [Fact]
    public async Task Cron_starts_a_run_at_each_of_its_times()
    {
        await using var server = await DurableServer.StartAsync(new DurableServerOptions { TimeSkipping = true });
        var client = await TemporalClient.ConnectAsync(new(server.Address) { Namespace = server.Namespace });
        var flow = FlowReader.Read("""
            document: { dsl: 1.0.3, namespace: tests, name: cron, version: 1.0.0 }
            schedule: { cron: '30 6 * * *' }
            do: [ { show: { set: { at: '${ $workflow.startedAt.iso8601[11:16] }', day: '${ $workflow.startedAt.epoch.seconds / 86400 | floor }' } } } ]
            """).Definition!;
        using var worker = new FlowWorker(client, new FlowHost(), "cron");
        var days = await worker.ExecuteAsync(async () =>
        {
            var handle = await client.StartWorkflowAsync((FlowScheduleWorkflow s) => s.RunAsync(new FlowScheduleStart { Definition = flow.Json }), new("cron", "cron"));
            var outputs = new List<double>();
            for (var run = 1; run <= 3; run++)
            {
                var output = RawValues.Value(await ResultAsync(client, $"cron-{run}"));
                Assert.Equal("06:30", output["at"].GetString());
                outputs.Add(output["day"].GetDouble());
            }
            await handle.TerminateAsync();
            return outputs;
        });
        Assert.Equal([days[0], days[0] + 1, days[0] + 2], days);
    }

    [Fact]
    public async Task Events_that_came_while_there_was_no_worker_start_a_run_each_however_many_they_are()
    {
        const int Events = 1_100;
        await using var server = await DurableServer.StartAsync();
        var client = await TemporalClient.ConnectAsync(new(server.Address) { Namespace = server.Namespace });
        var flow = FlowReader.Read("""
            document: { dsl: 1.0.3, namespace: tests, name: burst, version: 1.0.0 }
            schedule: { on: { one: { with: { type: tick } } } }
            do: [ { wait: { wait: { hours: 1 } } } ]
            """).Definition!;
        var handle = await client.StartWorkflowAsync((FlowScheduleWorkflow s) => s.RunAsync(new FlowScheduleStart { Definition = flow.Json }), new("burst", "burst"));
        for (var number = 1; number <= Events; number++)
        {
            await handle.SignalAsync("event", [new { specversion = "1.0", id = $"{number}", source = "/tests", type = "tick" }]);
        }

        using var worker = new FlowWorker(client, new FlowHost(), "burst");
        var end = await worker.ExecuteAsync(async () =>
        {
            while ((await handle.QueryAsync<FlowScheduleState>("schedule", [])).Runs < Events)
            {
                await Task.Yield();
            }
            // A part of the schedule may have a bounded number of open runs: it has continued as new.
            await handle.SignalAsync("end", [new FlowEventPlace(0, 0)]);
            return await client.GetWorkflowHandle<FlowScheduleWorkflow, FlowHandOver>("burst").GetResultAsync();
        });
        Assert.Null(end.Next);
        Assert.Equal(Events, (await client.CountWorkflowsAsync("WorkflowType = 'BatonFlow' AND ExecutionStatus = 'Running'")).Count);
    }

    /// <summary>The run may not have been started yet: asks until it has.</summary>
    private static async Task<RawValue> ResultAsync(TemporalClient client, string id)
    {
        while (true)
        {
            try
            {
                return await client.GetWorkflowHandle(id).GetResultAsync<RawValue>();
            }
            catch (RpcException error) when (error.Code == RpcException.StatusCode.NotFound)
            {
                await Task.Yield();
            }
        }
    }
}
