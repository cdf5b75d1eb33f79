using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Parse;
using Baton.Flows.Tests.Support;
using Baton.Jq;
using Temporalio.Client;
using Temporalio.Exceptions;

namespace Baton.Flows.Tests.Durable;

/// <summary>What only durable execution can show: signals, cancellation, histories, schedules, lost workers.</summary>
public sealed class FlowWorkflowTests(DurableFixture durable) : IClassFixture<DurableFixture>
{
    private const string Head = "document: { dsl: 1.0.3, namespace: tests, name: durable, version: 1.0.0 }\n";

    private static FlowStart Start(string body, JqValue input = default) => new() { Definition = FlowReader.Read(Head + body).Definition!.Json, Input = input.IsNull ? JqValue.FromObject([]) : input };

    [Fact]
    public async Task A_suspended_run_waits_until_it_is_resumed()
    {
        var bus = new RecordingBus();
        var start = Start("do: [ { hear: { listen: { to: { one: { with: { type: go } } } } } }, { show: { set: { done: true } } } ]") with { Lifecycle = FlowLifecycle.Workflow };
        await WithRunAsync(start, bus, async handle =>
        {
            await handle.SignalAsync("suspend", []);
            await handle.SignalAsync("event", [RawValues.Raw(JqValue.FromObject([new("type", "go")]))]);
            Assert.Equal("suspended", (await handle.QueryAsync<FlowRunState>("state", [])).Status);
            await handle.SignalAsync("resume", []);
            Assert.Equal("""{"done":true}""", RawValues.Value(await handle.GetResultAsync()).ToJson());
        });
        var types = bus.Published.Select(e => e["type"].GetString()).ToList();
        Assert.Equal("io.serverlessworkflow.workflow.started.v1", types[0]);
        Assert.Contains("io.serverlessworkflow.workflow.suspended.v1", types);
        Assert.Contains("io.serverlessworkflow.workflow.resumed.v1", types);
        Assert.Contains("io.serverlessworkflow.workflow.correlation-completed.v1", types);
        Assert.Equal("io.serverlessworkflow.workflow.completed.v1", types[^1]);
    }

    [Fact]
    public async Task Lifecycle_events_of_tasks_name_the_task()
    {
        var bus = new RecordingBus();
        var start = Start("do: [ { try: { try: [ { bad: { raise: { error: { type: 'https://x.example/e', status: 400 } } } } ], catch: {} } } ]") with { Lifecycle = FlowLifecycle.Task };
        await WithRunAsync(start, bus, async handle => await handle.GetResultAsync());
        Assert.Contains(bus.Published, e => e["type"].GetString() == "io.serverlessworkflow.task.started.v1" && e["data"]["task"].GetString() == "/do/0/try");
        Assert.Contains(bus.Published, e => e["type"].GetString() == "io.serverlessworkflow.task.faulted.v1" && e["data"]["error"]["status"].GetDouble() == 400);
        Assert.Contains(bus.Published, e => e["type"].GetString() == "io.serverlessworkflow.task.completed.v1" && e["data"]["task"].GetString() == "/do/0/try");
    }

    [Fact]
    public Task A_cancelled_run_ends_as_cancelled() =>
        WithRunAsync(Start("do: [ { pause: { wait: P1D } } ]"), new RecordingBus(), async handle =>
        {
            await handle.CancelAsync();
            var failure = await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
            Assert.IsType<CanceledFailureException>(failure.InnerException);
        });

    [Fact]
    public async Task Secrets_are_in_the_call_and_not_in_the_history()
    {
        const string Canary = "canary-7f3a";
        var host = TestHost.Create(durable.StandIns, new RecordingBus(), new Dictionary<string, JqValue> { ["api"] = JqValue.FromObject([new("token", Canary)]) });
        var start = Start("""
            use: { secrets: [api] }
            do:
            - post:
                call: http
                with: { method: post, endpoint: https://api.example.com/echo, headers: { X-Trace: "key=${x}" }, body: { token: "${ $secrets.api.token }", text: "${ \"Bearer \" + $secrets.api.token }" } }
                output: { as: "${ { ok: true } }" }
            """);
        await WithRunAsync(start, host, async handle =>
        {
            await handle.GetResultAsync();
            var history = await durable.Client.GetWorkflowHandle(handle.Id).FetchHistoryAsync();
            Assert.DoesNotContain(Canary, history.ToJson(), StringComparison.Ordinal);
            Assert.DoesNotContain(Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Canary))[..8], history.ToJson(), StringComparison.Ordinal);
        });
        Assert.Contains(durable.StandIns.Requests, r => r.Body.Contains($"\"Bearer {Canary}\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Another_worker_goes_on_where_a_lost_one_stopped()
    {
        var queue = $"flows-{Guid.NewGuid():N}";
        var start = Start("do: [ { a: { call: http, with: { method: get, endpoint: https://api.example.com/text } } }, { hear: { listen: { to: { one: { with: { type: go } } } } } }, { b: { set: { heard: '${ .[0] }' } } } ]");
        WorkflowHandle handle;
        var host = durable.Host(new RunRequest("", default), new RecordingBus());
        var before = durable.StandIns.Requests.Count(r => r.Path == "/text");
        using (var first = new FlowWorker(durable.Client, host, queue))
        {
            handle = await first.ExecuteAsync(async () =>
            {
                var run = await durable.Client.StartWorkflowAsync((FlowWorkflow flow) => flow.RunAsync(start), new($"lost-{queue}", queue));
                await WaitForAsync(run, state => state.Listening);
                return run;
            });
        }
        await handle.SignalAsync("event", [RawValues.Raw(JqValue.FromObject([new("type", "go"), new("data", 5)]))]);
        using var second = new FlowWorker(durable.Client, host, queue);
        var output = await second.ExecuteAsync(async () => await handle.GetResultAsync<Temporalio.Converters.RawValue>());
        Assert.Equal("""{"heard":5}""", RawValues.Value(output).ToJson());
        Assert.Equal(before + 1, durable.StandIns.Requests.Count(r => r.Path == "/text"));
        await durable.ReplayAsync(handle.Id);
    }

    [Fact]
    public async Task A_schedule_starts_runs_by_time_and_by_events()
    {
        var queue = $"flows-{Guid.NewGuid():N}";
        var flow = FlowReader.Read(Head + "schedule: { every: PT0.2S, on: { one: { with: { type: go } } } }\ndo: [ { show: { set: { events: '${ $workflow.input }' } } } ]").Definition!;
        using var worker = new FlowWorker(durable.Client, durable.Host(new RunRequest("", default), new RecordingBus()), queue);
        await worker.ExecuteAsync(async () =>
        {
            var id = $"schedule-{queue}";
            var handle = await durable.Client.StartWorkflowAsync((FlowScheduleWorkflow s) => s.RunAsync(new FlowScheduleStart { Definition = flow.Json }), new(id, queue));
            await handle.SignalAsync("event", [RawValues.Raw(JqValue.FromObject([new("type", "go"), new("data", 5)]))]);
            var outputs = new List<string>();
            for (var run = 1; run <= 4; run++)
            {
                outputs.Add(await ResultAsync($"{id}-{run}"));
            }
            Assert.Contains("""{"events":[{"type":"go","data":5}]}""", outputs);
            Assert.Contains("""{"events":{}}""", outputs);
            await handle.CancelAsync();
            await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
            await durable.ReplayAsync(id);
            return 0;
        });
    }

    [Fact]
    public async Task A_schedule_with_after_waits_for_each_end()
    {
        var queue = $"flows-{Guid.NewGuid():N}";
        var flow = FlowReader.Read(Head + "schedule: { after: PT0.05S, cron: 0 0 1 1 * }\ndo: [ { show: { set: { x: 1 } } } ]").Definition!;
        using var worker = new FlowWorker(durable.Client, durable.Host(new RunRequest("", default), new RecordingBus()), queue);
        await worker.ExecuteAsync(async () =>
        {
            var id = $"schedule-{queue}";
            var handle = await durable.Client.StartWorkflowAsync((FlowScheduleWorkflow s) => s.RunAsync(new FlowScheduleStart { Definition = flow.Json, ContinueAfterEvents = 20 }), new(id, queue));
            Assert.Equal("""{"x":1}""", await ResultAsync($"{id}-1"));
            Assert.Equal("""{"x":1}""", await ResultAsync($"{id}-3"));
            var state = await handle.QueryAsync<FlowScheduleState>("schedule", []);
            Assert.True(state.Runs >= 3);
            Assert.NotNull(state.Next);
            await durable.Client.GetWorkflowHandle(id).TerminateAsync();
            await durable.ReplayAsync(id);
            return 0;
        });
    }

    [Fact]
    public async Task A_process_that_is_not_awaited_becomes_a_run_of_its_own()
    {
        var start = Start("do: [ { go: { run: { await: false, shell: { command: 'printf \"%s-%s\" \"$1\" \"$WHO\"', arguments: ['${ .text }'], environment: { WHO: '${ .who }' } } } } } ]",
            JqValue.FromObject([new("text", "${ not an expression }"), new("who", "Ann")]));
        await WithRunAsync(start, new RecordingBus(), async handle =>
        {
            Assert.Equal("Ann", RawValues.Value(await handle.GetResultAsync())["who"].GetString());
            var history = await durable.Client.GetWorkflowHandle(handle.Id).FetchHistoryAsync();
            var child = history.Events.Select(e => e.StartChildWorkflowExecutionInitiatedEventAttributes).Single(e => e is not null).WorkflowId;
            Assert.Equal("${ not an expression }-Ann", RawValues.Value(await durable.Client.GetWorkflowHandle(child).GetResultAsync<Temporalio.Converters.RawValue>()).GetString());
        });
    }

    [Fact]
    public async Task Bad_runs_end_with_errors_and_a_good_one_beside_them_does_not_feel_it()
    {
        string[] bad =
        [
            "do: [ { a: { set: { x: '${ [range(infinite)] }' } } } ]",
            "do: [ { a: { set: { x: '${ [recurse(.)] }' } } } ]",
            "do: [ { a: { set: { x: '${ \"a\" * 1000000000 }' } } } ]",
            "do: [ { a: { set: { x: '${ (\"a\" * 50) + \"!\" | test(\"^(a+)+$\") | error }' } } } ]",
            "evaluate: { language: js }\ndo: [ { a: { set: { x: '${ (() => { while (true) {} })() }' } } } ]",
            "evaluate: { language: js }\ndo: [ { a: { set: { x: '${ (function f(n) { return f(n + 1) })(0) }' } } } ]",
            "evaluate: { language: js }\ndo: [ { a: { set: { x: '${ \"x\".repeat(1e9) }' } } } ]",
            "evaluate: { language: js }\ndo: [ { a: { set: { x: '${ /^(a+)+$/.test(\"a\".repeat(50) + \"!\") || null.x }' } } } ]",
            "do: [ { a: { call: http, with: { method: get, endpoint: 'https://api.example.com/endless' } } } ]",
            "do: [ { a: { call: http, with: { method: get, redirect: true, endpoint: 'https://api.example.com/to-metadata' } } } ]",
            "do: [ { a: { timeout: { after: PT0.3S }, call: http, with: { method: get, endpoint: 'https://api.example.com/silent' } } } ]",
            "do: [ { a: { run: { workflow: { namespace: tests, name: endless, version: 1.0.0 } } } } ]",
        ];
        var faulting = bad.Select(body => (Body: body, Run: durable.RunAsync(new RunRequest(Head + body, JqValue.FromObject([]))))).ToList();
        var good = await durable.RunAsync(new RunRequest(Head + "do: [ { a: { call: http, with: { method: get, endpoint: 'https://api.example.com/text' } } } ]", JqValue.FromObject([])));
        Assert.Equal("plain text", good.Output.GetString());
        foreach (var (body, run) in faulting)
        {
            var result = await run;
            Assert.True(result is { Status: FlowStatus.Faulted, Error.Detail.Length: > 0, Error.Instance.Length: > 1 }, $"{body}: {result}");
        }
    }

    [Fact]
    public async Task A_definition_of_another_hash_is_refused()
    {
        var result = await durable.RunAsync(new RunRequest(Head + "do: [ { a: { set: { x: 1 } } } ]", JqValue.FromObject([])));
        Assert.Equal(FlowStatus.Completed, result.Status);
        var failure = await Assert.ThrowsAsync<WorkflowFailedException>(() => WithRunAsync(Start("do: [ { a: { set: { x: 1 } } } ]") with { Hash = "0" }, new RecordingBus(), handle => handle.GetResultAsync()));
        Assert.Contains("hash", failure.InnerException!.Message, StringComparison.Ordinal);
    }

    private Task WithRunAsync(FlowStart start, RecordingBus bus, Func<WorkflowHandle<FlowWorkflow, Temporalio.Converters.RawValue>, Task> act) =>
        WithRunAsync(start, durable.Host(new RunRequest("", default), bus), act);

    private async Task WithRunAsync(FlowStart start, FlowHost host, Func<WorkflowHandle<FlowWorkflow, Temporalio.Converters.RawValue>, Task> act)
    {
        var queue = $"flows-{Guid.NewGuid():N}";
        using var worker = new FlowWorker(durable.Client, host, queue);
        await worker.ExecuteAsync(async () =>
        {
            var handle = await durable.Client.StartWorkflowAsync((FlowWorkflow flow) => flow.RunAsync(start), new($"run-{queue}", queue));
            await act(handle);
            await durable.ReplayAsync(handle.Id);
            return 0;
        });
    }

    /// <summary>The child may not have been started yet: asks until it has.</summary>
    private async Task<string> ResultAsync(string id)
    {
        while (true)
        {
            try
            {
                return RawValues.Value(await durable.Client.GetWorkflowHandle(id).GetResultAsync<Temporalio.Converters.RawValue>()).ToJson();
            }
            catch (RpcException error) when (error.Code == RpcException.StatusCode.NotFound)
            {
                await Task.Yield();
            }
        }
    }

    private static async Task WaitForAsync(WorkflowHandle handle, Func<FlowRunState, bool> condition)
    {
        while (!condition(await handle.QueryAsync<FlowRunState>("state", [])))
        {
            await Task.Yield();
        }
    }
}
