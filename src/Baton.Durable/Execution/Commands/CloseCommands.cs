using Baton.Durable.Execution.Transitions;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

internal static class CompleteWorkflow
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadCompleteWorkflowExecutionAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.CompleteWorkflowExecutionCommandAttributes ?? throw new BadCommandException(Bad, "CompleteWorkflowExecutionCommandAttributes is not set on command.");
        batch.RequireSize(a.Result, WorkflowTaskFailedCause.BadScheduleActivityAttributes, "CompleteWorkflowExecutionCommandAttributes.Result"); // the cause that Temporal gives
        batch.IsClosing = true;
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var result = command.CompleteWorkflowExecutionCommandAttributes.Result;
        var next = FollowingRun.AfterCompletion(batch.Step, batch.Run, result);
        CloseRun.Apply(
            batch.Step, batch.Run, WorkflowExecutionStatus.Completed,
            new HistoryEvent
            {
                EventType = EventType.WorkflowExecutionCompleted,
                UserMetadata = command.UserMetadata,
                WorkflowExecutionCompletedEventAttributes = new WorkflowExecutionCompletedEventAttributes
                {
                    Result = result,
                    WorkflowTaskCompletedEventId = batch.CompletedEventId,
                    NewExecutionRunId = next.RunId,
                },
            },
            next.RunId);
        FollowingRun.Start(batch.Step, batch.Run, next);
    }
}

internal static class FailWorkflow
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadFailWorkflowExecutionAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.FailWorkflowExecutionCommandAttributes ?? throw new BadCommandException(Bad, "FailWorkflowExecutionCommandAttributes is not set on command.");
        if (a.Failure is null)
        {
            throw new BadCommandException(Bad, "Failure is not set on command.");
        }

        batch.RequireSize(a.Failure, Bad, "FailWorkflowExecutionCommandAttributes.Failure");
        batch.IsClosing = true;
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var failure = command.FailWorkflowExecutionCommandAttributes.Failure;
        var next = FollowingRun.AfterFailure(batch.Step, batch.Run, failure);
        CloseRun.Apply(
            batch.Step, batch.Run, WorkflowExecutionStatus.Failed,
            new HistoryEvent
            {
                EventType = EventType.WorkflowExecutionFailed,
                UserMetadata = command.UserMetadata,
                WorkflowExecutionFailedEventAttributes = new WorkflowExecutionFailedEventAttributes
                {
                    Failure = failure,
                    RetryState = next.RetryState,
                    WorkflowTaskCompletedEventId = batch.CompletedEventId,
                    NewExecutionRunId = next.RunId,
                },
            },
            next.RunId);
        FollowingRun.Start(batch.Step, batch.Run, next);
    }
}

internal static class CancelWorkflow
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadCancelWorkflowExecutionAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.CancelWorkflowExecutionCommandAttributes ?? throw new BadCommandException(Bad, "CancelWorkflowExecutionCommandAttributes is not set on command.");
        batch.RequireSize(a.Details, Bad, "CancelWorkflowExecutionCommandAttributes.Details");
        batch.IsClosing = true;
    }

    public static void Apply(CommandBatch batch, Command command) => CloseRun.Apply(
        batch.Step, batch.Run, WorkflowExecutionStatus.Canceled,
        new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionCanceled,
            UserMetadata = command.UserMetadata,
            WorkflowExecutionCanceledEventAttributes = new WorkflowExecutionCanceledEventAttributes
            {
                Details = command.CancelWorkflowExecutionCommandAttributes.Details,
                WorkflowTaskCompletedEventId = batch.CompletedEventId,
            },
        });
}
