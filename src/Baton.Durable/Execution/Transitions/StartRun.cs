using Baton.Durable.BuildIds;
using Baton.Durable.Engine;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Sdk.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>What a new run needs beside the attributes of its first event.</summary>
internal sealed record StartExtras
{
    public string RequestId { get; init; } = "";

    /// <summary>Run key of the parent, 0 for none.</summary>
    public long ParentRunKey { get; init; }

    public ParentClosePolicy ParentClosePolicy { get; init; }

    public UserMetadata? UserMetadata { get; init; }

    public IReadOnlyList<Link> Links { get; init; } = [];

    /// <summary>Deadline of the whole chain of runs, 0 to derive it from the execution timeout.</summary>
    public long ExecutionDeadline { get; init; }

    /// <summary>A reset run copies events instead of writing its own.</summary>
    public bool WithoutFirstTask { get; init; }

    public VersioningState? Versioning { get; init; }

    public long OriginalExecutionTime { get; init; }
}

/// <summary>A new run begins: its state, its first event and, unless it has to wait, its first workflow task.</summary>
internal static class StartRun
{
    public static WorkflowRun Apply(
        Step step, NamespaceEntry space, string workflowId, string runId, WorkflowExecutionStartedEventAttributes attributes, StartExtras extras)
    {
        var core = step.Core;
        var run = New(step, core.NewRunKey(), space, workflowId, runId, attributes, extras);
        step.Add(run);
        var started = new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionStarted,
            WorkflowExecutionStartedEventAttributes = attributes,
            UserMetadata = extras.UserMetadata,
        };
        started.Links.AddRange(extras.Links);
        run.Append(step, started);
        DeliverCallbacks.Add(step, run.S.Callbacks, attributes.CompletionCallbacks, extras.RequestId);
        if (!extras.WithoutFirstTask)
        {
            ScheduleWorkflowTask.Ensure(step, run);
        }

        return run;
    }

    private static WorkflowRun New(
        Step step, long runKey, NamespaceEntry space, string workflowId, string runId, WorkflowExecutionStartedEventAttributes attributes, StartExtras extras)
    {
        var limits = step.Core.Limits;
        attributes.WorkflowId = workflowId;
        attributes.FirstExecutionRunId = attributes.FirstExecutionRunId.Length > 0 ? attributes.FirstExecutionRunId : runId;
        attributes.OriginalExecutionRunId = attributes.OriginalExecutionRunId.Length > 0 ? attributes.OriginalExecutionRunId : runId;
        attributes.Attempt = Math.Max(1, attributes.Attempt);
        attributes.RootWorkflowExecution ??= new WorkflowExecution { WorkflowId = workflowId, RunId = runId };
        var taskTimeout = Instant.From(attributes.WorkflowTaskTimeout);
        taskTimeout = taskTimeout <= 0 ? limits.DefaultTaskTimeout.Ticks : Math.Min(taskTimeout, limits.MaxTaskTimeout.Ticks);
        attributes.WorkflowTaskTimeout = Instant.ToDuration(taskTimeout);
        var backoff = Instant.From(attributes.FirstWorkflowTaskBackoff);
        var executionTime = step.Now + backoff;
        var skipping = TimeSkipping.Begin(attributes, step.Now);
        var ahead = skipping?.Skipped ?? 0;
        var executionTimeout = Instant.From(attributes.WorkflowExecutionTimeout);
        var executionDeadline = extras.ExecutionDeadline > 0 ? extras.ExecutionDeadline : executionTimeout > 0 ? Instant.Add(executionTime, executionTimeout) : 0;
        attributes.WorkflowExecutionExpirationTime = Instant.ToTimestamp(executionDeadline > 0 ? Instant.Add(executionDeadline, ahead) : 0);
        var runTimeout = Instant.From(attributes.WorkflowRunTimeout);
        if (executionTimeout > 0 && (runTimeout == 0 || runTimeout > executionTimeout))
        {
            runTimeout = executionTimeout;
        }

        attributes.WorkflowRunTimeout = Instant.ToDurationOrZero(runTimeout);
        attributes.WorkflowExecutionTimeout = Instant.ToDurationOrZero(executionTimeout);
        var state = new ExecutionState
        {
            FirstRunId = attributes.FirstExecutionRunId,
            OriginalRunId = attributes.OriginalExecutionRunId,
            WorkflowType = attributes.WorkflowType.Name,
            TaskQueue = attributes.TaskQueue.Name,
            Status = (int)WorkflowExecutionStatus.Running,
            StartTime = step.Now + ahead,
            ExecutionTime = executionTime + ahead,
            NextEventId = 1,
            ExecutionTimeout = executionTimeout,
            RunTimeout = runTimeout,
            TaskTimeout = taskTimeout,
            ExecutionDeadline = executionDeadline,
            RunDeadline = runTimeout > 0 ? Instant.Earlier(Instant.Add(executionTime, runTimeout), executionDeadline) : 0,
            BackoffUntil = backoff > 0 ? executionTime : 0,
            Retry = attributes.RetryPolicy is { } policy ? Retries.ToState(policy) : null,
            Attempt = attributes.Attempt,
            Cron = attributes.CronSchedule,
            StartRequestId = extras.RequestId,
            Memo = attributes.Memo?.ToByteString() ?? ByteString.Empty,
            SearchAttributes = attributes.SearchAttributes?.ToByteString() ?? ByteString.Empty,
            UserMetadata = extras.UserMetadata?.ToByteString() ?? ByteString.Empty,
            Priority = attributes.Priority?.ToByteString() ?? ByteString.Empty,
            RootWorkflowId = attributes.RootWorkflowExecution.WorkflowId,
            RootRunId = attributes.RootWorkflowExecution.RunId,
            ParentClosePolicy = (int)extras.ParentClosePolicy,
            Identity = attributes.Identity,
            InheritedBuildId = attributes.InheritedBuildId,
            BuildIds = BuildIdUses.Of(attributes),
            ResetPoints = attributes.PrevAutoResetPoints?.ToByteString() ?? ByteString.Empty,
            Versioning = extras.Versioning,
            TimeSkipping = skipping,
        };
        if (extras.RequestId.Length > 0)
        {
            state.RequestIds.Add(new RequestIdState { RequestId = extras.RequestId, EventType = (int)EventType.WorkflowExecutionStarted, EventId = 1 });
        }

        if (attributes.ParentWorkflowExecution is { } parent)
        {
            state.Parent = new ParentState
            {
                NamespaceName = attributes.ParentWorkflowNamespace,
                NamespaceId = attributes.ParentWorkflowNamespaceId,
                WorkflowId = parent.WorkflowId,
                RunId = parent.RunId,
                RunKey = extras.ParentRunKey,
                InitiatedEventId = attributes.ParentInitiatedEventId,
            };
        }

        return new WorkflowRun(step.Core, runKey, space.Id, workflowId, runId, state);
    }
}
