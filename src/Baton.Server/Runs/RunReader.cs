using System.Text.Json;
using System.Text.Json.Nodes;
using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Jq;
using Baton.Server.Errors;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using WorkflowExecution = Temporalio.Api.Common.V1.WorkflowExecution;

namespace Baton.Server.Runs;

/// <summary>Reads runs from durable execution, which alone knows them: nothing about a run is kept a second time.</summary>
internal sealed class RunReader(ITemporalClient client, RunAttributes attributes, RunPayloads payloads, FlowHost host, TimeProvider time)
{
    /// <summary>Memo with the id of the operation that started the run.</summary>
    public const string OperationMemo = "baton.operation";

    /// <summary>Of a run that continued as new, steps of at most this many parts are told.</summary>
    private const int MaxParts = 10;

    private static readonly TimeSpan QueryTimeout = TimeSpan.FromSeconds(5);

    public async Task<RunPage> ListAsync(RunFilter filter, int limit, string? cursor, CancellationToken cancel)
    {
        await attributes.EnsureAsync(cancel);
        var page = await client.WorkflowService.ListWorkflowExecutionsAsync(
            new() { Namespace = Namespace, Query = filter.ToQuery(), PageSize = limit, NextPageToken = Cursors.Token(cursor) }, Rpc(cancel));
        var items = new List<RunSummary>();
        foreach (var info in page.Executions)
        {
            items.Add(await SummaryAsync(info));
        }
        return new(items, Cursors.Text(page.NextPageToken));
    }

    /// <param name="runId">A part or try of the run; null for the last.</param>
    /// <param name="stepsOfEnded">Whether to tell the steps of a run that has ended: a worker has to replay it for that, which costs more than most runs.</param>
    public async Task<RunDetail> GetAsync(string id, string? runId, CancellationToken cancel, bool stepsOfEnded = true)
    {
        var described = await DescribeAsync(id, runId, cancel);
        var info = described.WorkflowExecutionInfo;
        var summary = await SummaryAsync(info);
        var started = await FirstEventAsync(info.Execution, cancel);
        var (output, error) = info.CloseTime is null ? (null, null) : await EndAsync(info, cancel);
        var parts = IsFlow(info) && (stepsOfEnded || info.CloseTime is null) ? await PartsAsync(info.Execution, started, cancel) : [];
        var state = parts.Count == 0 ? null : parts[^1].State;
        var input = await payloads.ValueAsync(started.WorkflowExecutionStartedEventAttributes.Input);
        return new(
            summary.Id, summary.RunId, summary.Flow, summary.Version, summary.Type,
            summary.Status == RunStatus.Running && state?.Status is "waiting" or "suspended" ? System.Enum.Parse<RunStatus>(state.Status, ignoreCase: true) : summary.Status,
            summary.StartedAt, summary.EndedAt, summary.StartedBy, summary.ParentId,
            info.TaskQueue, info.HistoryLength, IsFlow(info) ? await LoadedAsync((input as JsonObject)?[nameof(FlowStart.Input)]?.DeepClone(), cancel) : input, await LoadedAsync(output, cancel), error,
            state is null ? null : [.. Merge(parts).Select(step => Step(step.Step))],
            [.. described.PendingActivities.Select(Pending)]);
    }

    /// <summary>The value with its large parts, of which the history has references only.</summary>
    private async ValueTask<JsonNode?> LoadedAsync(JsonNode? value, CancellationToken cancel)
    {
        var read = JqValue.From(value);
        return LargeValues.HasReference(read) ? (await LargeValues.LoadAsync(read, host.Blobs, cancel)).ToJsonNode() : value;
    }

    /// <summary>Input and output of a step, by its number.</summary>
    public async Task<RunStepData> StepAsync(string id, string? runId, int number, CancellationToken cancel)
    {
        foreach (var step in await StepsAsync(id, runId, cancel))
        {
            if (step.Step.Number == number && await QueryAsync<FlowStepData>(id, step.RunId, "step", [number], cancel) is { } data)
            {
                return new((await LargeValues.LoadAsync(data.Input, host.Blobs, cancel)).ToJsonNode(), (await LargeValues.LoadAsync(data.Output, host.Blobs, cancel)).ToJsonNode());
            }
        }
        throw new BatonException(ErrorCodes.UnknownStep, $"run {id} has no step {number}", null, "`baton run show ID` lists the steps");
    }

    /// <summary>The executions of tasks over all parts of the run, each with the part that it happened in. Empty for a workflow in code.</summary>
    public async Task<IReadOnlyList<(FlowStep Step, string RunId)>> StepsAsync(string id, string? runId, CancellationToken cancel)
    {
        var info = (await DescribeAsync(id, runId, cancel)).WorkflowExecutionInfo;
        return IsFlow(info) ? Merge(await PartsAsync(info.Execution, await FirstEventAsync(info.Execution, cancel), cancel)) : [];
    }

    public async Task<RunHistoryPage> HistoryAsync(string id, string? runId, int limit, string? cursor, CancellationToken cancel)
    {
        var page = await client.WorkflowService.GetWorkflowExecutionHistoryAsync(
            new() { Namespace = Namespace, Execution = Execution(id, runId), MaximumPageSize = limit, NextPageToken = Cursors.Token(cursor) }, Rpc(cancel));
        var events = new List<JsonObject>();
        foreach (var item in page.History.Events)
        {
            events.Add(await payloads.JsonAsync(item));
        }
        return new(events, Cursors.Text(page.NextPageToken));
    }

    /// <summary>
    /// Writes one JSON object: `run` as <see cref="GetAsync"/> tells it, `definition`, and `history` in Temporal's own form,
    /// which replayers of any SDK read.
    /// </summary>
    public async Task ExportAsync(RunDetail run, Stream output, JsonSerializerOptions options, CancellationToken cancel)
    {
        var definition = await DefinitionAsync(run.Id, run.RunId, cancel);
        await using var writer = new Utf8JsonWriter(output, new() { MaxDepth = ProtoJson.MaxDepth });
        writer.WriteStartObject();
        writer.WritePropertyName("run");
        // Raw: the serializer would flush the writer, and to the network that must not block.
        writer.WriteRawValue(JsonSerializer.SerializeToUtf8Bytes(run, options));
        writer.WritePropertyName("definition");
        writer.WriteRawValue(JsonSerializer.SerializeToUtf8Bytes(definition, options));
        writer.WriteStartObject("history");
        writer.WriteStartArray("events");
        var token = ByteString.Empty;
        do
        {
            var page = await client.WorkflowService.GetWorkflowExecutionHistoryAsync(
                new() { Namespace = Namespace, Execution = Execution(run.Id, run.RunId), NextPageToken = token }, Rpc(cancel));
            foreach (var item in page.History.Events)
            {
                writer.WriteRawValue(JsonFormatter.Default.Format(item));
            }
            await writer.FlushAsync(cancel);
            token = page.NextPageToken;
        }
        while (!token.IsEmpty);
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    public async Task<DescribeWorkflowExecutionResponse> DescribeAsync(string id, string? runId, CancellationToken cancel) =>
        await client.WorkflowService.DescribeWorkflowExecutionAsync(new() { Namespace = Namespace, Execution = Execution(id, runId) }, Rpc(cancel));

    public static bool IsFlow(WorkflowExecutionInfo info) => info.Type.Name == FlowWorkflow.Name;

    /// <summary>NAMESPACE/NAME of the flow that a run is of; null for a workflow in code.</summary>
    public static string? FlowOf(WorkflowExecutionInfo info) => RunPayloads.Text(info.SearchAttributes?.IndexedFields, FlowAttributes.Flow.Name);

    public Task<string?> OperationOfAsync(WorkflowExecutionInfo info) => payloads.TextAsync(info.Memo?.Fields, OperationMemo);

    public async Task<RunSummary> SummaryAsync(WorkflowExecutionInfo info) => new(
        info.Execution.WorkflowId,
        info.Execution.RunId,
        FlowOf(info),
        RunPayloads.Text(info.SearchAttributes?.IndexedFields, FlowAttributes.Version.Name),
        info.Type.Name,
        info.Status switch
        {
            WorkflowExecutionStatus.Completed => RunStatus.Completed,
            WorkflowExecutionStatus.Failed => RunStatus.Faulted,
            WorkflowExecutionStatus.Canceled => RunStatus.Cancelled,
            WorkflowExecutionStatus.Terminated => RunStatus.Terminated,
            WorkflowExecutionStatus.TimedOut => RunStatus.TimedOut,
            WorkflowExecutionStatus.Paused => RunStatus.Suspended,
            _ => RunStatus.Running,
        },
        info.StartTime.ToDateTimeOffset(),
        info.CloseTime?.ToDateTimeOffset(),
        await payloads.TextAsync(info.Memo?.Fields, FlowAttributes.StartedBy),
        info.ParentExecution is { WorkflowId.Length: > 0 } parent ? parent.WorkflowId : null);

    private string Namespace => client.Options.Namespace;

    private static WorkflowExecution Execution(string id, string? runId) => new() { WorkflowId = id, RunId = runId ?? "" };

    private static RpcOptions Rpc(CancellationToken cancel) => new() { CancellationToken = cancel };

    private async Task<HistoryEvent> FirstEventAsync(WorkflowExecution execution, CancellationToken cancel) =>
        (await client.WorkflowService.GetWorkflowExecutionHistoryAsync(new() { Namespace = Namespace, Execution = execution, MaximumPageSize = 1 }, Rpc(cancel))).History.Events[0];

    private async Task<JsonNode?> DefinitionAsync(string id, string runId, CancellationToken cancel)
    {
        var started = await FirstEventAsync(Execution(id, runId), cancel);
        return await payloads.ValueAsync(started.WorkflowExecutionStartedEventAttributes.Input) is JsonObject start && start[nameof(FlowStart.Definition)] is JsonValue text && text.TryGetValue<string>(out var json) && json.StartsWith('{')
            ? JsonNode.Parse(json, documentOptions: new() { MaxDepth = ProtoJson.MaxDepth })
            : null;
    }

    private async Task<(JsonNode? Output, RunError? Error)> EndAsync(WorkflowExecutionInfo info, CancellationToken cancel)
    {
        var closing = (await client.WorkflowService.GetWorkflowExecutionHistoryAsync(
            new() { Namespace = Namespace, Execution = info.Execution, HistoryEventFilterType = HistoryEventFilterType.CloseEvent }, Rpc(cancel))).History.Events.LastOrDefault();
        return closing?.EventType switch
        {
            EventType.WorkflowExecutionCompleted => (await payloads.ValueAsync(closing.WorkflowExecutionCompletedEventAttributes.Result), null),
            EventType.WorkflowExecutionFailed => (null, await ErrorAsync(closing.WorkflowExecutionFailedEventAttributes.Failure)),
            EventType.WorkflowExecutionTerminated => (null, new("terminated", null, "The run was terminated.", closing.WorkflowExecutionTerminatedEventAttributes.Reason, null)),
            EventType.WorkflowExecutionTimedOut => (null, new("timeout", null, "The run did not end within its time limit.", null, null)),
            _ => (null, null),
        };
    }

    private async Task<RunError> ErrorAsync(Failure failure)
    {
        // A flow's error travels as the one detail of the failure.
        if (await payloads.ValueAsync(failure.ApplicationFailureInfo?.Details) is JsonObject flowError && flowError["type"] is JsonValue && flowError["status"] is JsonValue)
        {
            return flowError.Deserialize<RunError>(JsonSerializerOptions.Web)!;
        }
        var causes = new List<string>();
        var root = failure;
        for (var cause = failure.Cause; cause is not null; cause = cause.Cause)
        {
            causes.Add(cause.Message);
            root = cause;
        }
        return new(root.ApplicationFailureInfo?.Type is { Length: > 0 } type ? type : null, null, failure.Message, causes.Count == 0 ? null : string.Join('\n', causes), null);
    }

    /// <summary>What each part of the run says of itself, the oldest first. The last is missing when no worker answers.</summary>
    private async Task<List<(FlowRunState State, string RunId)>> PartsAsync(WorkflowExecution execution, HistoryEvent started, CancellationToken cancel)
    {
        var parts = new List<(FlowRunState, string)>();
        var runId = execution.RunId;
        while (parts.Count < MaxParts && await QueryAsync<FlowRunState>(execution.WorkflowId, runId, "state", [], cancel) is { } state)
        {
            parts.Insert(0, (state, runId));
            runId = started.WorkflowExecutionStartedEventAttributes.ContinuedExecutionRunId;
            if (runId.Length == 0)
            {
                break;
            }
            try
            {
                started = await FirstEventAsync(Execution(execution.WorkflowId, runId), cancel);
            }
            catch (RpcException exception) when (exception.Code == RpcException.StatusCode.NotFound)
            {
                break;
            }
        }
        return parts;
    }

    // A task that was under way when its part of the run was cut is told of by the next part as well.
    private static List<(FlowStep Step, string RunId)> Merge(List<(FlowRunState State, string RunId)> parts) =>
        [.. parts.SelectMany((part, i) => part.State.Steps.Where(step => i == parts.Count - 1 || step.EndedAt is not null).Select(step => (step, part.RunId)))];

    /// <returns>Null when no worker answers in time, or the run never began.</returns>
    private async Task<T?> QueryAsync<T>(string id, string runId, string query, object?[] arguments, CancellationToken cancel)
        where T : class
    {
        using var limit = new CancellationTokenSource(QueryTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            return await client.GetWorkflowHandle(id, runId).QueryAsync<T?>(query, arguments, new() { Rpc = Rpc(either.Token) });
        }
        catch (Exception exception) when (exception is RpcException or WorkflowQueryFailedException or OperationCanceledException && !cancel.IsCancellationRequested)
        {
            return null;
        }
    }

    private static RunStep Step(FlowStep step) =>
        new(step.Number, step.Task, step.Name, step.Kind, step.Status, step.Attempt, step.StartedAt, step.EndedAt, step.Error);

    private static PendingActivity Pending(PendingActivityInfo activity) => new(
        activity.ActivityId,
        activity.ActivityType.Name,
        activity.State switch
        {
            PendingActivityState.Started => "running",
            PendingActivityState.CancelRequested => "cancelling",
            PendingActivityState.Paused => "suspended",
            _ => "scheduled",
        },
        activity.Attempt,
        activity.LastFailure?.Message,
        activity.State == PendingActivityState.Scheduled ? activity.ScheduledTime?.ToDateTimeOffset() : null);
}
