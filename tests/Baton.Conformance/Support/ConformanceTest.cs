using System.Collections.Concurrent;
using Google.Protobuf;
using Temporalio.Api.History.V1;

namespace Baton.Conformance.Support;

/// <summary>
/// A case: a task queue of its own, workers on it, and after the case every history that the case left behind is checked for
/// shape and replayed with the SDK's <see cref="WorkflowReplayer"/>.
/// </summary>
public abstract class ConformanceTest(ServerFixture server) : IAsyncLifetime
{
    private readonly ConcurrentDictionary<string, WorkflowDefinition> _definitions = new();
    private bool _replay = true;

    protected ServerFixture Server { get; } = server;

    protected TemporalClient Client => Server.Client;

    /// <summary>Used by this case alone.</summary>
    protected string TaskQueue { get; } = $"tq-{Guid.NewGuid():N}";

    protected WorkflowService Service => Client.WorkflowService;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            return;
        }
        await CheckHistoriesAsync();
    }

    protected static string NewId(string prefix = "wf") => $"{prefix}-{Guid.NewGuid():N}";

    protected WorkflowOptions Options(string? id = null) => new(id ?? NewId(), TaskQueue);

    protected WorkflowExecution ExecutionOf(WorkflowHandle handle) => new()
    {
        WorkflowId = handle.Id,
        RunId = handle.RunId ?? handle.ResultRunId ?? "",
    };

    /// <summary>For a case whose worker breaks determinism on purpose: its histories are checked for shape only.</summary>
    protected void SkipReplay() => _replay = false;

    protected TemporalWorkerOptions WorkerOptions(Action<TemporalWorkerOptions> configure)
    {
        var options = new TemporalWorkerOptions(TaskQueue) { GracefulShutdownTimeout = TimeSpan.Zero };
        configure(options);
        foreach (var definition in options.Workflows.Where(definition => definition.Name is not null))
        {
            _definitions[definition.Name!] = definition;
        }
        return options;
    }

    /// <summary>Runs a worker for as long as the body runs. A body that does not end within the deadline fails the case.</summary>
    protected async Task WithWorkerAsync(Action<TemporalWorkerOptions> configure, Func<Task> body)
    {
        using var worker = new TemporalWorker(Client, WorkerOptions(configure));
        await worker.ExecuteAsync(() => body().WaitAsync(Eventually.Deadline + Eventually.Deadline, TimeProvider.System));
    }

    protected Task WithWorkerAsync<TWorkflow>(Func<Task> body, Action<TemporalWorkerOptions>? configure = null) =>
        WithWorkerAsync(
            options =>
            {
                options.AddWorkflow<TWorkflow>();
                configure?.Invoke(options);
            },
            body);

    protected async Task<IReadOnlyList<HistoryEvent>> EventsAsync(string workflowId, string? runId = null)
    {
        var history = await Client.GetWorkflowHandle(workflowId, runId).FetchHistoryAsync();
        return [.. history.Events];
    }

    protected Task<IReadOnlyList<HistoryEvent>> EventsAsync(WorkflowHandle handle) => EventsAsync(handle.Id, handle.RunId ?? handle.ResultRunId);

    protected async Task<IReadOnlyList<HistoryEvent>> EventsAsync(WorkflowHandle handle, EventType type) =>
        [.. (await EventsAsync(handle)).Where(found => found.EventType == type)];

    /// <summary>Waits until the history holds an event of the type, and gives it.</summary>
    protected async Task<HistoryEvent> EventAsync(WorkflowHandle handle, EventType type) =>
        (await Eventually.GetAsync(() => EventsAsync(handle, type), found => found.Count > 0, $"{type} in the history of {handle.Id}"))[0];

    /// <summary>The whole description; the SDK's own keeps pending work to itself.</summary>
    protected Task<DescribeWorkflowExecutionResponse> DescribeRawAsync(WorkflowHandle handle) =>
        Service.DescribeWorkflowExecutionAsync(new() { Namespace = Client.Options.Namespace, Execution = ExecutionOf(handle) });

    protected static async Task<RpcException> RpcErrorAsync(RpcException.StatusCode code, Func<Task> call)
    {
        var error = await Assert.ThrowsAsync<RpcException>(call);
        Assert.True(error.Code == code, $"Expected {code}, got {error.Code}: {error.Message}");
        return error;
    }

    protected static Payloads Json(params object?[] values)
    {
        var payloads = new Payloads();
        foreach (var value in values)
        {
            payloads.Payloads_.Add(Temporalio.Converters.DataConverter.Default.PayloadConverter.ToPayload(value));
        }
        return payloads;
    }

    private async Task CheckHistoriesAsync()
    {
        var replayable = new List<WorkflowHistory>();
        await foreach (var run in Client.ListWorkflowsAsync($"TaskQueue = '{TaskQueue}'"))
        {
            var history = await Client.GetWorkflowHandle(run.Id, run.RunId).FetchHistoryAsync();
            HistoryShape.Assert(history);
            // A run that no worker has touched yet has nothing to replay.
            if (_definitions.ContainsKey(run.WorkflowType) && history.Events.Any(found => found.EventType == EventType.WorkflowTaskCompleted))
            {
                replayable.Add(history);
            }
        }
        if (!_replay || replayable.Count == 0)
        {
            return;
        }
        var options = new WorkflowReplayerOptions { Namespace = Client.Options.Namespace, TaskQueue = TaskQueue };
        foreach (var definition in _definitions.Values)
        {
            options.AddWorkflow(definition);
        }
        foreach (var result in await new WorkflowReplayer(options).ReplayWorkflowsAsync(replayable, throwOnReplayFailure: false))
        {
            Xunit.Assert.True(result.ReplayFailure is null, $"Replay of {result.History.Id} failed: {result.ReplayFailure}\n{Describe(result.History.Events)}");
        }
    }

    private static string Describe(IEnumerable<HistoryEvent> events) =>
        string.Join('\n', events.Select(found => $"{found.EventId,4} {found.EventType} {JsonFormatter.Default.Format(found)}"));
}
