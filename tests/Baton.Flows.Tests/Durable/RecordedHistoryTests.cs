using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Baton.Flows.Durable;
using Baton.Flows.Functions;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Parse;
using Baton.Flows.Tests.Support;
using Baton.Jq;
using Temporalio.Api.Enums.V1;
using Temporalio.Client;
using Temporalio.Common;
using Temporalio.Worker;

namespace Baton.Flows.Tests.Durable;

/// <summary>
/// Histories that releases have written, in <c>Histories/RELEASE/CASE.N.json</c>, one file for each part of a run: they replay with the
/// interpreter as it is now. A change that makes one fail would break runs that are under way; it needs <c>Workflow.Patched</c>.
/// </summary>
/// <remarks>
/// A release adds its own folder and changes no other:
/// <c>dotnet run --project tests/Baton.Flows.Tests -- -explicit only -method '*RecordedHistoryTests.Record'</c>.
/// </remarks>
public sealed partial class RecordedHistoryTests(DurableFixture durable) : IClassFixture<DurableFixture>
{
    private const string Release = "0.1.0";

    private static readonly WorkflowReplayerOptions Replayed = new WorkflowReplayerOptions().AddWorkflow<FlowWorkflow>().AddWorkflow<FlowScheduleWorkflow>();

    public static TheoryData<string> Recorded() =>
        [.. Directory.EnumerateFiles(Folder(), "*.json", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Folder(), file)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Recorded))]
    public async Task A_recorded_history_replays(string file)
    {
        var replayed = await new WorkflowReplayer(Replayed).ReplayWorkflowAsync(await ReadAsync(file), throwOnReplayFailure: false);
        Assert.Null(replayed.ReplayFailure);
    }

    [Fact]
    public void Every_case_of_this_release_is_there() =>
        Assert.All(Cases, one => Assert.Contains(Recorded(), row => row.Data.StartsWith($"{Release}/{one.Name}.", StringComparison.Ordinal)));

    /// <summary>What would happen if the interpreter changed: the same definition with other calls.</summary>
    [Fact]
    public async Task A_history_that_the_interpreter_would_not_write_is_refused()
    {
        var history = await ReadAsync($"{Release}/calls.1.json");
        var changed = new JsonObject { ["events"] = JsonNode.Parse(history.ToJson())!["events"]!.DeepClone() };
        foreach (var item in changed["events"]!.AsArray().Where(item => item!["activityTaskScheduledEventAttributes"] is not null))
        {
            item!["activityTaskScheduledEventAttributes"]!["activityType"]!["name"] = "flow.grpc";
        }
        var replayed = await new WorkflowReplayer(Replayed).ReplayWorkflowAsync(WorkflowHistory.FromJson(history.Id, changed.ToJsonString()), throwOnReplayFailure: false);
        Assert.NotNull(replayed.ReplayFailure);
    }

    private static IReadOnlyList<Case> Cases { get; } =
    [
        new("data", """
            do:
            - one: { input: { from: '${ { n: .n, items: [range(3)] } }' }, set: { n: '${ .n + 1 }', items: '${ .items }' }, export: { as: '${ { seen: .n } }' } }
            - loop: { for: { in: '${ .items }', each: item, at: i }, while: '${ $i < 2 }', do: [ { add: { set: { n: '${ .n + $item }', items: '${ .items }' } } } ] }
            - choose: { switch: [ { small: { when: '${ .n < 5 }', then: back } }, { big: { then: last } } ] }
            - back: { set: { n: '${ .n + 10 }' }, then: choose }
            - last: { if: '${ $context.seen == 2 }', set: { n: '${ .n }', at: '${ $workflow.startedAt.iso8601 | length > 0 }' } }
            """),
        new("calls", """
            use: { secrets: [api] }
            do:
            - get: { call: http, with: { method: get, endpoint: 'https://api.example.com/text', headers: { Authorization: '${ "Bearer " + $secrets.api.token }' } } }
            - log: { call: 'log:1.0.0@default', with: { message: '${ . }' } }
            - text: { call: 'template:1.0.0@default', with: { template: 'hello {{ name }}', data: { name: Ann } } }
            - tell: { emit: { event: { with: { source: /recorded, type: recorded.told, data: '${ . }' } } } }
            - child: { run: { workflow: { namespace: tests, name: child, version: 1.0.0, input: { n: 2 } } } }
            - apart: { run: { await: false, shell: { command: 'true' } } }
            - script: { run: { shell: { command: 'printf ok' } } }
            """) { Secrets = { ["api"] = JqValue.FromObject([new("token", "t")]) } },
        new("retry", """
            do:
            - attempt:
                try: [ { pause: { wait: PT0.001S } }, { ask: { call: http, with: { method: get, endpoint: 'https://api.example.com/flaky/recorded-{id}' } } } ]
                catch: { errors: { with: { status: 503 } }, retry: { delay: PT0.001S, backoff: { exponential: {} }, jitter: { from: PT0S, to: PT0.001S }, limit: { attempt: { count: 5 } } } }
            - caught: { try: [ { bad: { raise: { error: { type: 'https://x.example/bad', status: 418 } } } } ], catch: { as: e, do: [ { keep: { set: { status: '${ $e.status }' } } } ] } }
            """),
        new("retry-cut", """
            do:
            - attempt:
                try: [ { pause: { wait: PT0.001S } }, { ask: { call: http, with: { method: get, endpoint: 'https://api.example.com/flaky/cut-{id}' } } } ]
                catch: { errors: { with: { status: 503 } }, retry: { delay: PT0.001S, limit: { attempt: { count: 5 } } } }
            """) { ContinueAfterEvents = 8 },
        new("fork", """
            do:
            - all: { fork: { branches: [ { a: { wait: PT0.01S } }, { b: { set: { x: 1 } } }, { c: { call: http, with: { method: get, endpoint: 'https://api.example.com/text' } } } ] } }
            - race: { fork: { compete: true, branches: [ { slow: { call: http, with: { method: get, endpoint: 'https://api.example.com/silent' } } }, { fast: { wait: PT0.01S } } ] } }
            """),
        new("timeouts", """
            timeout: { after: PT1H }
            do:
            - bounded: { try: [ { slow: { timeout: { after: PT0.01S }, wait: PT1H } } ], catch: { errors: { with: { status: 408 } }, do: [ { late: { set: { late: true } } } ] } }
            - hang: { timeout: { after: PT0.05S }, call: http, with: { method: get, endpoint: 'https://api.example.com/silent' } }
            """),
        new("listen-one", "do: [ { hear: { listen: { to: { one: { with: { type: go } } } } } }, { out: { set: { heard: '${ .[0] }' } } } ]") { Events = [("go", "1")] },
        new("listen-all", """
            do:
            - hear: { listen: { to: { all: [ { with: { type: a }, correlate: { order: { from: '${ .data.order }' } } }, { with: { type: b }, correlate: { order: { from: '${ .data.order }' } } } ] }, read: envelope } }
            - out: { set: { types: '${ [.[].type] }' } }
            """) { Events = [("a", """{"order":1}"""), ("b", """{"order":2}"""), ("x", "0"), ("b", """{"order":1}""")] },
        new("listen-any-until", "do: [ { hear: { listen: { to: { any: [ { with: { type: a } }, { with: { type: b } } ], until: { one: { with: { type: stop } } } } } } } ]") { Events = [("a", "1"), ("b", "2"), ("stop", "0"), ("a", "3")] },
        new("listen-foreach-cut", """
            do:
            - hear:
                listen: { to: { any: [ { with: { type: a } } ], until: '${ length >= 4 }' } }
                foreach: { item: event, at: i, do: [ { note: { set: { n: '${ $event }' } } }, { pause: { wait: PT0.001S } } ], output: { as: '${ .n }' } }
            - out: { set: { all: '${ . }' } }
            """) { Events = [("a", "1"), ("a", "2"), ("a", "3"), ("a", "4")], ContinueAfterEvents = 12 },
        new("answer", "do: [ { ask: { call: 'approval:1.0.0@default', with: { title: Go? } } }, { out: { set: { outcome: '${ .outcome }' } } } ]") { Answer = """{"task":"1","outcome":"approved","decisions":[]}""" },
        new("suspended", "do: [ { hear: { listen: { to: { one: { with: { type: go } } } } } }, { out: { set: { x: 1 } } } ]") { Suspends = true, Events = [("go", "1")], Lifecycle = FlowLifecycle.Task },
        new("large", """
            evaluate: { language: jq }
            do:
            - get: { call: http, with: { method: get, endpoint: 'https://api.example.com/large/600' } }
            - keep: { set: { copy: '${ .lines }' } }
            - count: { set: { count: '${ .copy | length }' } }
            """),
        new("faulted", "do: [ { bad: { raise: { error: { type: 'https://x.example/bad', status: 418, title: Teapot } } } } ]"),
        new("cancelled", "do: [ { hear: { listen: { to: { one: { with: { type: never } } } } } } ]") { Cancels = true },
        new("schedule", "schedule: { every: PT0.05S, on: { one: { with: { type: go } } } }\ndo: [ { out: { set: { x: 1 } } } ]") { IsSchedule = true, Events = [("go", "1")], ContinueAfterEvents = 20 },
    ];

    /// <summary>Makes the histories of this release.</summary>
    [Fact(Explicit = true)]
    public async Task Record()
    {
        var folder = Path.Combine(Folder(), Release);
        Directory.CreateDirectory(folder);
        foreach (var one in Cases)
        {
            var number = 0;
            foreach (var part in await RunAsync(one))
            {
                await File.WriteAllTextAsync(Path.Combine(folder, $"{one.Name}.{++number}.json"), Machine().Replace(JsonNode.Parse(part.ToJson())!.ToJsonString(), "") + "\n");
            }
        }
    }

    private async Task<IReadOnlyList<WorkflowHistory>> RunAsync(Case one)
    {
        var id = $"recorded-{one.Name}";
        var inbox = new FixedInbox();
        var host = TestHost.Create(durable.StandIns, new RecordingBus(), one.Secrets);
        host = new FlowHost
        {
            Http = host.Http, Events = host.Events, Secrets = host.Secrets, Definitions = host.Definitions, Inbox = inbox,
            Policy = host.Policy with { MaxResponseBytes = 4 * 1024 * 1024 },
        };
        var flow = FlowReader.Read($"document: {{ dsl: 1.0.3, namespace: tests, name: {one.Name}, version: 1.0.0 }}\n{one.Body.Replace("{id}", $"{Guid.NewGuid():N}", StringComparison.Ordinal)}").Definition!;
        using var worker = new FlowWorker(durable.Client, host, id);
        return await worker.ExecuteAsync(async () =>
        {
            object start = one.IsSchedule
                ? new FlowScheduleStart { Definition = flow.Json, Subscribe = true, ContinueAfterEvents = one.ContinueAfterEvents }
                : new FlowStart
                {
                    Definition = flow.Json, Hash = flow.Hash, Input = JqValue.FromObject([new("n", 1)]), Subscribe = true, Lifecycle = one.Lifecycle, ContinueAfterEvents = one.ContinueAfterEvents,
                };
            await durable.Client.StartWorkflowAsync(one.IsSchedule ? FlowScheduleWorkflow.Name : FlowWorkflow.Name, [start], new(id, id));
            var run = durable.Client.GetWorkflowHandle(id);
            await SteerAsync(one, run, inbox);
            await EndAsync(one, run);
            return await PartsAsync(id);
        });
    }

    private static async Task SteerAsync(Case one, WorkflowHandle run, FixedInbox inbox)
    {
        if (one.Suspends)
        {
            await run.SignalAsync("suspend", []);
        }
        var offset = 0;
        foreach (var (type, data) in one.Events)
        {
            await run.SignalAsync("event", [RawValues.Raw(JqValue.Parse($$"""{"specversion":"1.0","id":"{{offset}}","source":"/recorded","type":"{{type}}","data":{{data}}}""")), new FlowEventPlace(++offset, offset - 1)]);
        }
        if (one.Suspends)
        {
            await run.SignalAsync("resume", []);
        }
        if (one.Answer is { } answer)
        {
            await run.SignalAsync(FlowWorkflow.AnswerSignal, [RawValues.Raw(JqValue.FromObject([new("token", await inbox.Token.Task), new("value", JqValue.Parse(answer))]))]);
        }
    }

    private async Task EndAsync(Case one, WorkflowHandle run)
    {
        if (one.IsSchedule)
        {
            while (!(await PartsAsync(run.Id)).Skip(1).Any())
            {
                await Task.Yield();
            }
            await run.TerminateAsync();
            return;
        }
        while (one.Cancels && !(await run.QueryAsync<FlowRunState>("state", [])).Listening)
        {
            await Task.Yield();
        }
        if (one.Cancels)
        {
            await run.CancelAsync();
        }
        try
        {
            await run.GetResultAsync();
        }
        catch (Temporalio.Exceptions.WorkflowFailedException)
        {
            // Some end so.
        }
    }

    /// <summary>The oldest first.</summary>
    private async Task<IReadOnlyList<WorkflowHistory>> PartsAsync(string id)
    {
        var parts = new List<WorkflowHistory>();
        await foreach (var part in durable.Client.ListWorkflowsAsync($"WorkflowId = '{id}'"))
        {
            if (part.Status != WorkflowExecutionStatus.Running)
            {
                parts.Insert(0, await durable.Client.GetWorkflowHandle(id, part.RunId).FetchHistoryAsync());
            }
        }
        return [.. parts.OrderBy(part => part.Events.First().EventTime)];
    }

    private static async Task<WorkflowHistory> ReadAsync(string file) => WorkflowHistory.FromJson($"recorded-{Path.GetFileName(file).Split('.')[0]}", await File.ReadAllTextAsync(Path.Combine(Folder(), file)));

    /// <summary>What tells of the machine on which it was recorded: process and host, and paths in stack traces.</summary>
    [GeneratedRegex("""[0-9]+@[A-Za-z0-9.]+(-[A-Za-z0-9.]+)*|(?<="stackTrace":")([^"\\]|\\.)*""")]
    private static partial Regex Machine();

    private static string Folder([CallerFilePath] string source = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(source)!, "..", "Histories"));

    private sealed record Case(string Name, string Body)
    {
        public Dictionary<string, JqValue> Secrets { get; init; } = [];

        /// <summary>Type and data.</summary>
        public IReadOnlyList<(string Type, string Data)> Events { get; init; } = [];

        public int ContinueAfterEvents { get; init; }

        public string? Answer { get; init; }

        public bool Suspends { get; init; }

        public bool Cancels { get; init; }

        public bool IsSchedule { get; init; }

        public FlowLifecycle Lifecycle { get; init; }
    }

    private sealed class FixedInbox : IFlowInbox
    {
        public TaskCompletionSource<string> Token { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<string> OpenAsync(string kind, FlowFunctionCall call, CancellationToken cancellationToken)
        {
            Token.TrySetResult(call.CallId);
            return Task.FromResult(call.CallId);
        }

        public Task WithdrawAsync(string token, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
