using Baton.Durable.BuildIds;
using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

/// <summary>The run ends and another begins under the same id, with a fresh history.</summary>
internal static class ContinueAsNew
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadContinueAsNewAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.ContinueAsNewWorkflowExecutionCommandAttributes ?? throw new BadCommandException(Bad, "ContinueAsNewWorkflowExecutionCommandAttributes is not set on command.");
        var limit = batch.Limits.IdLength;
        if ((a.WorkflowType?.Name.Length ?? 0) > limit || (a.TaskQueue?.Name.Length ?? 0) > limit)
        {
            throw new BadCommandException(Bad, $"WorkflowType or TaskQueue exceeds length limit: {limit}.");
        }

        if (Instant.From(a.WorkflowRunTimeout) < 0 || Instant.From(a.WorkflowTaskTimeout) < 0 || Instant.From(a.BackoffStartInterval) < 0)
        {
            throw new BadCommandException(Bad, "A timeout or BackoffStartInterval of ContinueAsNewWorkflowExecutionCommandAttributes is negative.");
        }

        CommandBatch.RequireRetryPolicy(a.RetryPolicy, Bad);
        batch.RequireSize(a.Input, Bad, "ContinueAsNewWorkflowExecutionCommandAttributes. Input");
        batch.RequireSize(a.Memo, Bad, "ContinueAsNewWorkflowExecutionCommandAttributes. Memo");
        SearchAttributeCodec.Require(a.SearchAttributes, batch.Run.Namespace, problem => new BadCommandException(Bad, problem));
        batch.IsClosing = true;
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var a = command.ContinueAsNewWorkflowExecutionCommandAttributes;
        var run = batch.Run;
        var newRunId = Step.NewRunId();
        var workflowType = string.IsNullOrEmpty(a.WorkflowType?.Name) ? run.S.WorkflowType : a.WorkflowType.Name;
        var taskQueue = string.IsNullOrEmpty(a.TaskQueue?.Name) ? run.S.TaskQueue : a.TaskQueue.Name;
        var runTimeout = a.WorkflowRunTimeout is { } given && Instant.From(given) > 0 ? given : Instant.ToDurationOrZero(run.S.RunTimeout);
        var taskTimeout = a.WorkflowTaskTimeout is { } task && Instant.From(task) > 0 ? task : Instant.ToDurationOrZero(run.S.TaskTimeout);
        var memo = a.Memo ?? (run.S.Memo.IsEmpty ? null : Temporalio.Api.Common.V1.Memo.Parser.ParseFrom(run.S.Memo));
        var searchAttributes = a.SearchAttributes
            ?? (run.S.SearchAttributes.IsEmpty ? null : Temporalio.Api.Common.V1.SearchAttributes.Parser.ParseFrom(run.S.SearchAttributes));
        var initiator = a.Initiator == ContinueAsNewInitiator.Unspecified ? ContinueAsNewInitiator.Workflow : a.Initiator;
        CloseRun.Apply(
            batch.Step, run, WorkflowExecutionStatus.ContinuedAsNew,
            new HistoryEvent
            {
                EventType = EventType.WorkflowExecutionContinuedAsNew,
                UserMetadata = command.UserMetadata,
                WorkflowExecutionContinuedAsNewEventAttributes = new WorkflowExecutionContinuedAsNewEventAttributes
                {
                    NewExecutionRunId = newRunId,
                    WorkflowType = new() { Name = workflowType },
                    TaskQueue = new() { Name = taskQueue, Kind = TaskQueueKind.Normal },
                    Input = a.Input,
                    WorkflowRunTimeout = runTimeout,
                    WorkflowTaskTimeout = taskTimeout,
                    WorkflowTaskCompletedEventId = batch.CompletedEventId,
                    BackoffStartInterval = a.BackoffStartInterval,
                    Initiator = initiator,
                    Failure = a.Failure,
                    LastCompletionResult = a.LastCompletionResult,
                    Header = a.Header,
                    Memo = memo,
                    SearchAttributes = searchAttributes,
                    InitialVersioningBehavior = a.InitialVersioningBehavior,
                    InheritBuildId = a.InheritBuildId,
                },
            },
            newRunId);
        var attributes = new WorkflowExecutionStartedEventAttributes
        {
            WorkflowType = new() { Name = workflowType },
            TaskQueue = new() { Name = taskQueue, Kind = TaskQueueKind.Normal },
            Input = a.Input,
            WorkflowRunTimeout = runTimeout,
            WorkflowTaskTimeout = taskTimeout,
            Initiator = initiator,
            ContinuedFailure = a.Failure,
            LastCompletionResult = a.LastCompletionResult,
            FirstWorkflowTaskBackoff = a.BackoffStartInterval,
            RetryPolicy = a.RetryPolicy is { } policy ? Retries.WithDefaults(policy) : run.S.Retry is { } kept ? Retries.ToApi(kept) : null,
            CronSchedule = a.CronSchedule.Length > 0 ? a.CronSchedule : run.S.Cron,
            Header = a.Header,
            Memo = memo,
            SearchAttributes = searchAttributes,
            Identity = batch.Request.Identity,
        };
        BuildIdUses.Inherit(run, taskQueue, a.InheritBuildId, attributes);
        FollowingRun.Begin(batch.Step, run, newRunId, attributes, a.InitialVersioningBehavior);
    }
}
