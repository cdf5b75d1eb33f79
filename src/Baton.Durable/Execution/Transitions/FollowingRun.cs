using Baton.Durable.Engine;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Sdk.V1;
using Temporalio.Api.Workflow.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>
/// The run that follows a failed or finished one under the same id: workflow retry, or the next time of a cron schedule.
/// Continue-as-new is a command of its own that uses <see cref="Begin"/> too.
/// </summary>
internal sealed record FollowingRun
{
    public string RunId { get; init; } = "";

    public RetryState RetryState { get; init; }

    public long Backoff { get; init; }

    public ContinueAsNewInitiator Initiator { get; init; }

    public Failure? Failure { get; init; }

    public Payloads? LastResult { get; init; }

    public static FollowingRun None(RetryState state) => new() { RetryState = state };

    public static FollowingRun AfterFailure(Step step, WorkflowRun run, Failure failure)
    {
        var s = run.S;

        // A workflow that timed out may be retried as often as its policy says, though no single activity of it could.
        var (interval, state) = failure.TimeoutFailureInfo is not null && s.Retry is not null
            ? Retries.Next(s.Retry, s.Attempt, step.Now, s.ExecutionDeadline, Failures.Timeout(TimeoutType.StartToClose, ""))
            : Retries.Next(s.Retry, s.Attempt, step.Now, s.ExecutionDeadline, failure);
        if (interval >= 0)
        {
            return new FollowingRun { RunId = Step.NewRunId(), RetryState = state, Backoff = interval, Initiator = ContinueAsNewInitiator.Retry, Failure = failure };
        }

        return NextCron(step, run) is { } backoff
            ? new FollowingRun { RunId = Step.NewRunId(), RetryState = state, Backoff = backoff, Initiator = ContinueAsNewInitiator.CronSchedule, Failure = failure }
            : None(state);
    }

    public static FollowingRun AfterCompletion(Step step, WorkflowRun run, Payloads? result) =>
        NextCron(step, run) is { } backoff
            ? new FollowingRun { RunId = Step.NewRunId(), Backoff = backoff, Initiator = ContinueAsNewInitiator.CronSchedule, LastResult = result }
            : new FollowingRun();

    /// <summary>Starts the run that was decided on; nothing when there is none.</summary>
    public static void Start(Step step, WorkflowRun previous, FollowingRun next)
    {
        if (next.RunId.Length == 0)
        {
            return;
        }

        var first = StartedAttributes(previous);
        var attributes = new WorkflowExecutionStartedEventAttributes
        {
            WorkflowType = first.WorkflowType,
            TaskQueue = new() { Name = previous.S.TaskQueue, Kind = TaskQueueKind.Normal },
            Input = first.Input,
            WorkflowRunTimeout = first.WorkflowRunTimeout,
            Header = first.Header,
            Initiator = next.Initiator,
            ContinuedFailure = next.Failure,
            LastCompletionResult = next.LastResult ?? first.LastCompletionResult,
            FirstWorkflowTaskBackoff = Instant.ToDurationOrZero(next.Backoff),
            RetryPolicy = first.RetryPolicy,
            CronSchedule = first.CronSchedule,
            Attempt = next.Initiator == ContinueAsNewInitiator.Retry ? previous.S.Attempt + 1 : 1,
            Memo = Parse(previous.S.Memo, Memo.Parser),
            SearchAttributes = Parse(previous.S.SearchAttributes, SearchAttributes.Parser),
            Identity = first.Identity,
        };
        Begin(step, previous, next.RunId, attributes);
    }

    /// <summary>Starts a run in the place of another: same id, parent, root, first run and execution deadline.</summary>
    public static WorkflowRun Begin(
        Step step, WorkflowRun previous, string runId, WorkflowExecutionStartedEventAttributes attributes,
        ContinueAsNewVersioningBehavior versioning = ContinueAsNewVersioningBehavior.Unspecified)
    {
        var s = previous.S;
        attributes.ContinuedExecutionRunId = previous.RunId;
        attributes.FirstExecutionRunId = s.FirstRunId;
        attributes.WorkflowExecutionTimeout = Instant.ToDuration(s.ExecutionTimeout);
        attributes.WorkflowTaskTimeout ??= Instant.ToDuration(s.TaskTimeout);
        attributes.RootWorkflowExecution = new WorkflowExecution { WorkflowId = s.RootWorkflowId, RunId = s.RootRunId };
        attributes.PrevAutoResetPoints = Parse(s.ResetPoints, ResetPoints.Parser);
        attributes.Priority ??= Parse(s.Priority, Priority.Parser);
        TimeSkipping.ToFollowing(previous, attributes);
        if (s.Parent is { } parent)
        {
            attributes.ParentWorkflowNamespace = parent.NamespaceName;
            attributes.ParentWorkflowNamespaceId = parent.NamespaceId;
            attributes.ParentWorkflowExecution = new WorkflowExecution { WorkflowId = parent.WorkflowId, RunId = parent.RunId };
            attributes.ParentInitiatedEventId = parent.InitiatedEventId;
        }

        foreach (var callback in s.Callbacks.Where(static callback => callback.UpdateId.Length == 0))
        {
            attributes.CompletionCallbacks.Add(Callback.Parser.ParseFrom(callback.Callback));
        }

        return StartRun.Apply(step, previous.Namespace, previous.Id, runId, attributes, new StartExtras
        {
            RequestId = Guid.NewGuid().ToString("D"),
            ParentRunKey = s.Parent?.RunKey ?? 0,
            ParentClosePolicy = (ParentClosePolicy)s.ParentClosePolicy,
            UserMetadata = Parse(s.UserMetadata, UserMetadata.Parser),
            ExecutionDeadline = s.ExecutionDeadline,
            Versioning = Versioning.Inherit(previous, attributes, versioning),
        });
    }

    /// <summary>The attributes that a run was started with, from its first event.</summary>
    public static WorkflowExecutionStartedEventAttributes StartedAttributes(WorkflowRun run) =>
        HistoryReading.Event(run, 1).WorkflowExecutionStartedEventAttributes;

    private static long? NextCron(Step step, WorkflowRun run)
    {
        if (run.S.Cron.Length == 0)
        {
            return null;
        }

        if (CronSchedules.NextBackoff(run.S.Cron, run.S.ExecutionTime, run.TimeAt(step.Now)) is not { } backoff)
        {
            return null;
        }

        return run.S.ExecutionDeadline > 0 && step.Now + backoff > run.S.ExecutionDeadline ? null : backoff;
    }

    private static T? Parse<T>(ByteString bytes, MessageParser<T> parser)
        where T : class, IMessage<T> => bytes.IsEmpty ? null : parser.ParseFrom(bytes);
}
