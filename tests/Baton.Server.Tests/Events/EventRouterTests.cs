using System.Text.Json.Nodes;
using Baton.Flows.Durable;
using Baton.Flows.Parse;
using Baton.Jq;
using Baton.Server.Data;
using Baton.Server.Events.Log;
using Baton.Server.Events.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Temporalio.Client;
using Temporalio.Converters;

namespace Baton.Server.Tests.Events;

/// <summary>From the log to flows that listen, on the embedded durable server.</summary>
public sealed class EventRouterTests : IAsyncLifetime
{
    private const string Ticks = """
        document: { dsl: 1.0.3, namespace: tests, name: ticks, version: 1.0.0 }
        do:
          - hear:
              listen:
                to:
                  any: [{ with: { type: tick } }]
                  until: { one: { with: { type: done } } }
                read: data
        """;

    private const string ThreeListens = """
        document: { dsl: 1.0.3, namespace: tests, name: three, version: 1.0.0 }
        do:
          - first: { listen: { to: { one: { with: { type: tick } } } }, export: { as: "${ {a: .[0]} }" } }
          - second: { listen: { to: { one: { with: { type: tock } } } }, export: { as: "${ $context + {b: .[0]} }" } }
          - third: { listen: { to: { one: { with: { type: tick } } } }, export: { as: "${ $context + {c: .[0]} }" } }
        output: { as: "${ $context }" }
        """;

    private const string Scheduled = """
        document: { dsl: 1.0.3, namespace: tests, name: scheduled, version: 1.0.0 }
        schedule: { on: { one: { with: { type: tick } } } }
        do: [{ copy: { set: "${ . }" } }]
        """;

    private TestServer server = null!;

    private ITemporalClient Client => server.Server.Services.GetRequiredService<ITemporalClient>();

    private IEventLog Log => server.Server.Services.GetRequiredService<IEventLog>();

    public async ValueTask InitializeAsync() => server = await TestServer.StartAsync(("Http:RequestsPerSecond", "0"));

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task Events_since_the_start_of_a_run_reach_it_in_order_also_those_before_its_tasks_listen()
    {
        await PublishAsync("tick", 0);
        var run = await StartAsync(ThreeListens);
        // The run may not even have begun.
        await PublishAsync("tick", 1);
        await PublishAsync("tick", 2);
        await PublishAsync("tock", 3);
        Assert.Equal("""{"a":1,"b":3,"c":2}""", await ResultAsync(run));
    }

    [Fact]
    public async Task A_run_hears_an_event_once_however_often_it_is_sent()
    {
        var run = await StartAsync(Ticks);
        for (var number = 1; number <= 5; number++)
        {
            await PublishAsync("tick", number);
        }
        // What a crash between a signal and its acknowledgement leads to.
        foreach (var logged in await Log.ReadAsync(0, 5, backwards: false, default))
        {
            await run.SignalAsync("event", [Raw(JqValue.Parse(logged.Event.Json.Span)), new FlowEventPlace(logged.Offset, 1)]);
        }
        await PublishAsync("done", 0);
        Assert.Equal("[1,2,3,4,5]", await ResultAsync(run));
        Assert.Equal(0, await CountListenersAsync());
    }

    [Fact]
    public async Task An_event_starts_a_scheduled_flow_once()
    {
        var flow = FlowReader.Read(Scheduled).Definition!;
        var schedule = await Client.StartWorkflowAsync(
            (FlowScheduleWorkflow workflow) => workflow.RunAsync(new FlowScheduleStart { Definition = flow.Json, Subscribe = true, ContinueAfterEvents = 20 }),
            new("schedule", FlowWorkflow.TaskQueue));
        for (var number = 1; number <= 12; number++)
        {
            await PublishAsync("tick", number);
            await PublishAsync("tick", number);
            await PublishAsync("other", number);
        }
        for (var number = 1; number <= 12; number++)
        {
            var child = Client.GetWorkflowHandle($"schedule-{number}");
            var input = JqValue.Parse((await ResultAsync(child, waitForStart: true)));
            Assert.Equal(number, input.EnumerateArray().Single()["data"].GetDouble());
        }
        Assert.Equal(12, (await schedule.QueryAsync<FlowScheduleState>("schedule", [])).Runs);
        await schedule.CancelAsync();
    }

    [Fact]
    public async Task A_run_that_was_terminated_is_forgotten()
    {
        var run = await StartAsync(Ticks);
        await UntilAsync(async () => await CountListenersAsync() == 2);
        await run.TerminateAsync("no more");
        await PublishAsync("tick", 1);
        await UntilAsync(async () => await CountListenersAsync() == 1);
    }

    [Fact]
    public async Task What_a_flow_emits_reaches_another()
    {
        var hearing = await StartAsync(Ticks);
        var emitting = await StartAsync("""
            document: { dsl: 1.0.3, namespace: tests, name: emits, version: 1.0.0 }
            do:
              - one: { emit: { event: { with: { type: tick, source: /tests, data: 41 } } } }
              - two: { emit: { event: { with: { type: done, source: /tests } } } }
            """);
        await emitting.GetResultAsync<RawValue>();
        Assert.Equal("[41]", await ResultAsync(hearing));
    }

    [Fact]
    public async Task Each_event_is_one_revisions_while_a_flow_is_replaced_again_and_again()
    {
        const int Events = 40;
        await server.Http.ApplyAsync("tests/scheduled", Scheduled);
        for (var number = 1; number <= Events; number++)
        {
            if (number % 8 == 0)
            {
                await server.Http.ApplyAsync("tests/scheduled", Scheduled.Replace("version: 1.0.0", $"version: 1.0.{number}", StringComparison.Ordinal));
            }
            await PublishAsync("tick", number);
        }
        JsonArray runs;
        do
        {
            runs = (await server.Http.ReadAsync("runs?flow=tests/scheduled&status=completed&limit=200"))["items"]!.AsArray();
        }
        while (runs.Count < Events);
        // What came while a schedule handed over is one's, and whoever has it has it once.
        var heard = new List<int>();
        foreach (var run in (await server.Http.ReadAsync("runs?flow=tests/scheduled&limit=200"))["items"]!.AsArray())
        {
            heard.Add((int)(await server.Http.ReadAsync($"runs/{run!["id"]}"))["input"]![0]!["data"]!);
        }
        Assert.Equal(Enumerable.Range(1, Events), heard.Order());
        Assert.True(runs.Select(run => (string?)run!["parentId"]).Distinct().Count() > 1);
    }

    private async Task<WorkflowHandle> StartAsync(string flow)
    {
        var definition = FlowReader.Read(flow).Definition!;
        var start = new FlowStart { Definition = definition.Json, Input = JqValue.FromObject([]), Subscribe = true };
        return await Client.StartWorkflowAsync(
            (FlowWorkflow workflow) => workflow.RunAsync(start),
            new($"run-{Guid.NewGuid():N}", FlowWorkflow.TaskQueue));
    }

    private Task PublishAsync(string type, int number) =>
        Log.AppendAsync([EventSamples.Event($"{type}-{number}", type, more: json => json["data"] = number)], default);

    private static async Task<string> ResultAsync(WorkflowHandle run, bool waitForStart = false)
    {
        while (true)
        {
            try
            {
                var raw = await run.GetResultAsync<RawValue>().WaitAsync(TimeSpan.FromSeconds(60));
                return JqValue.Parse(raw.Payload.Data.Span).ToJson();
            }
            catch (Temporalio.Exceptions.RpcException error) when (waitForStart && error.Code == Temporalio.Exceptions.RpcException.StatusCode.NotFound)
            {
                await Task.Yield();
            }
        }
    }

    private async Task<int> CountListenersAsync()
    {
        await using var db = await server.Server.Services.GetRequiredService<IDbContextFactory<BatonDb>>().CreateDbContextAsync();
        return await db.Set<FlowListener>().CountAsync();
    }

    private static async Task UntilAsync(Func<Task<bool>> happened)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!await happened())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(30), "it did not happen");
        }
    }

    private static RawValue Raw(JqValue value) => new(new Temporalio.Api.Common.V1.Payload
    {
        Metadata = { ["encoding"] = Google.Protobuf.ByteString.CopyFromUtf8("json/plain") },
        Data = Google.Protobuf.ByteString.CopyFromUtf8(value.ToJson()),
    });
}
