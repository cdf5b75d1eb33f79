using System.Text.Json.Nodes;
using Baton.Flows.Interpret;

namespace Baton.Server.Runs;

internal enum RunStatus
{
    Running,

    /// <summary>A flow that listens for events.</summary>
    Waiting,
    Suspended,
    Completed,
    Faulted,
    Cancelled,
    Terminated,
    TimedOut,
}

/// <summary>A run of a flow, or of a workflow in code.</summary>
/// <param name="Id">Workflow id. A run that continues as new keeps it, and so does one that is retried.</param>
/// <param name="RunId">Of durable execution: this part of the run, or this try.</param>
/// <param name="Flow">NAMESPACE/NAME; null for a workflow in code.</param>
/// <param name="Type">Workflow type.</param>
internal sealed record RunSummary(
    string Id, string RunId, string? Flow, string? Version, string Type, RunStatus Status, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string? StartedBy, string? ParentId);

/// <summary>One execution of a task.</summary>
/// <param name="Number">From 0, in the order in which tasks began.</param>
/// <param name="Task">JSON pointer into the definition.</param>
/// <param name="Status">running, skipped, completed, faulted or cancelled.</param>
/// <param name="Attempt">From 1; more where catch.retry repeats the task.</param>
internal sealed record RunStep(
    int Number, string Task, string Name, string Kind, string Status, int Attempt, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, FlowErrorDto? Error);

/// <summary>An activity that is under way, or waits for its next attempt.</summary>
/// <param name="Attempt">From 1; more where workers were lost or failed.</param>
internal sealed record PendingActivity(string Id, string Type, string State, int Attempt, string? LastFailure, DateTimeOffset? NextAttemptAt);

/// <summary>How a run failed; of a flow, as its error says.</summary>
internal sealed record RunError(string? Type, int? Status, string? Title, string? Detail, string? Instance);

/// <summary>A run with all that is told of it at once.</summary>
/// <param name="Steps">Of a flow, the oldest first; null for a workflow in code, and when no worker could tell.</param>
internal sealed record RunDetail(
    string Id, string RunId, string? Flow, string? Version, string Type, RunStatus Status, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string? StartedBy, string? ParentId,
    string TaskQueue, long HistoryEvents, JsonNode? Input, JsonNode? Output, RunError? Error, IReadOnlyList<RunStep>? Steps, IReadOnlyList<PendingActivity> Pending);

/// <summary>A run that was started. What <see cref="RunDetail"/> has beyond <see cref="RunSummary"/> is null unless the caller waited for the end.</summary>
internal sealed record RunStarted(
    string Id, string RunId, string? Flow, string? Version, string Type, RunStatus Status, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string? StartedBy, string? ParentId,
    string? TaskQueue, long? HistoryEvents, JsonNode? Input, JsonNode? Output, RunError? Error, IReadOnlyList<RunStep>? Steps, IReadOnlyList<PendingActivity>? Pending)
{
    public static RunStarted Of(RunSummary run) => new(
        run.Id, run.RunId, run.Flow, run.Version, run.Type, run.Status, run.StartedAt, run.EndedAt, run.StartedBy, run.ParentId, null, null, null, null, null, null, null);

    public static RunStarted Of(RunDetail run) => new(
        run.Id, run.RunId, run.Flow, run.Version, run.Type, run.Status, run.StartedAt, run.EndedAt, run.StartedBy, run.ParentId,
        run.TaskQueue, run.HistoryEvents, run.Input, run.Output, run.Error, run.Steps, run.Pending);
}

/// <summary>Input and output of one step.</summary>
internal sealed record RunStepData(JsonNode? Input, JsonNode? Output);

/// <summary>One page of runs.</summary>
/// <param name="NextCursor">What `cursor` takes for the next page; null on the last.</param>
internal sealed record RunPage(IReadOnlyList<RunSummary> Items, string? NextCursor);

/// <summary>Events of a run as durable execution keeps them, payloads decoded.</summary>
internal sealed record RunHistoryPage(IReadOnlyList<JsonObject> Events, string? NextCursor);

/// <param name="Input">Any JSON; default an empty object.</param>
/// <param name="Id">Id of the run, letters, digits and -_.:, at most 200; default one of the server's making. There is one open run of an id at most.</param>
/// <param name="Version">Version of the flow, or rN for a revision; default the one in force.</param>
internal sealed record StartRun(JsonNode? Input, string? Id, string? Version);

/// <param name="Reason">For the history, at most 1,000 characters.</param>
internal sealed record RunReason(string? Reason);

/// <param name="Step">Name, JSON pointer or number of the step to begin from; default the one that faulted. The last execution counts where there are several.</param>
/// <param name="Event">Of a workflow in code: id of the event that ended the workflow task to begin from, or of the one after its start.</param>
/// <param name="Reason">For the history, at most 1,000 characters.</param>
internal sealed record RetryRun(string? Step, long? Event, string? Reason);
