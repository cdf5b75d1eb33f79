using Baton.Durable.Activities;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Services;
using Baton.Durable.Storage;
using Temporalio.Api.Batch.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;
using Operation = Temporalio.Api.WorkflowService.V1.StartBatchOperationRequest.OperationOneofCase;

namespace Baton.Durable.BatchJobs;

/// <summary>What batches do to one workflow, or to one activity of its own.</summary>
internal static class BatchOperations
{
    public static BatchOperationType TypeOf(StartBatchOperationRequest request) => request.OperationCase switch
    {
        Operation.TerminationOperation => BatchOperationType.Terminate,
        Operation.CancellationOperation => BatchOperationType.Cancel,
        Operation.SignalOperation => BatchOperationType.Signal,
        Operation.DeletionOperation => BatchOperationType.Delete,
        Operation.ResetOperation => BatchOperationType.Reset,
        Operation.UpdateWorkflowOptionsOperation => BatchOperationType.UpdateExecutionOptions,
        Operation.UnpauseActivitiesOperation => BatchOperationType.UnpauseActivity,
        Operation.ResetActivitiesOperation => BatchOperationType.ResetActivity,
        Operation.UpdateActivityOptionsOperation => BatchOperationType.UpdateActivityOptions,
        Operation.CancelActivitiesOperation => BatchOperationType.CancelActivity,
        Operation.TerminateActivitiesOperation => BatchOperationType.TerminateActivity,
        Operation.DeleteActivitiesOperation => BatchOperationType.DeleteActivity,
        _ => BatchOperationType.Unspecified,
    };

    /// <summary>What it operates on.</summary>
    public static EntityKind KindOf(StartBatchOperationRequest request) =>
        request.OperationCase is Operation.CancelActivitiesOperation or Operation.TerminateActivitiesOperation or Operation.DeleteActivitiesOperation
            ? EntityKind.Activity
            : EntityKind.Workflow;

    /// <summary>Whether it means something to what is over.</summary>
    public static bool TakesClosed(StartBatchOperationRequest request) =>
        request.OperationCase is Operation.DeletionOperation or Operation.ResetOperation or Operation.DeleteActivitiesOperation;

    /// <exception cref="ServiceException">INVALID_ARGUMENT: it could work on nothing at all.</exception>
    public static void Check(StartBatchOperationRequest request)
    {
        switch (request.OperationCase)
        {
            case Operation.None:
                throw ServiceErrors.InvalidArgument("Operation is not set on request.");
            case Operation.SignalOperation when request.SignalOperation.Signal.Length == 0:
                throw ServiceErrors.InvalidArgument("SignalOperation.Signal is not set on request.");
            case Operation.ResetOperation:
                RequireReset(request.ResetOperation);
                break;
            case Operation.UpdateWorkflowOptionsOperation:
                WorkflowControlHandler.RequireOptions(request.UpdateWorkflowOptionsOperation.WorkflowExecutionOptions, request.UpdateWorkflowOptionsOperation.UpdateMask);
                break;
            case Operation.UnpauseActivitiesOperation:
                Target(request.UnpauseActivitiesOperation.Type, request.UnpauseActivitiesOperation.MatchAll).Required();
                break;
            case Operation.ResetActivitiesOperation:
                Target(request.ResetActivitiesOperation.Type, request.ResetActivitiesOperation.MatchAll).Required();
                break;
            case Operation.UpdateActivityOptionsOperation:
                var update = request.UpdateActivityOptionsOperation;
                Target(update.Type, update.MatchAll).Required();
                ActivityControlHandler.RequireChange(update.ActivityOptions, update.UpdateMask, update.RestoreOriginal);
                break;
        }
    }

    /// <exception cref="ServiceException">It does not work on this one, which is as it was.</exception>
    public static void Apply(Step step, Entity target, StartBatchOperationRequest request)
    {
        if (target is StandaloneActivity activity)
        {
            Apply(step, activity, request);
        }
        else
        {
            Apply(step, (WorkflowRun)target, request);
        }
    }

    private static void Apply(Step step, StandaloneActivity activity, StartBatchOperationRequest request)
    {
        switch (request.OperationCase)
        {
            case Operation.CancelActivitiesOperation when activity is { IsRunning: true, Activity.CancelRequested: false }:
                CloseStandaloneActivity.RequestCancel(step, activity, request.CancelActivitiesOperation.Reason, request.JobId);
                break;
            case Operation.TerminateActivitiesOperation when activity.IsRunning:
                CloseStandaloneActivity.Terminate(step, activity, request.TerminateActivitiesOperation.Reason, request.JobId);
                break;
            case Operation.DeleteActivitiesOperation:
                if (activity.IsRunning)
                {
                    CloseStandaloneActivity.Terminate(step, activity, "Delete activity execution", request.JobId);
                }

                step.Delete(activity);
                break;
        }
    }

    private static void Apply(Step step, WorkflowRun run, StartBatchOperationRequest request)
    {
        // Over already: there is nothing left to do.
        if (!run.IsRunning && !TakesClosed(request))
        {
            return;
        }

        switch (request.OperationCase)
        {
            case Operation.TerminationOperation:
                CloseRun.Terminate(step, run, request.Reason, request.TerminationOperation.Identity, request.TerminationOperation.Details);
                break;
            case Operation.CancellationOperation:
                RequestCancel.Apply(step, run, request.CancellationOperation.Identity, request.Reason, Guid.NewGuid().ToString("D"), null, 0);
                break;
            case Operation.SignalOperation:
                var signal = request.SignalOperation;
                Signal.Apply(step, run, new SignalArguments(signal.Signal, signal.Input, signal.Identity, signal.Header));
                break;
            case Operation.DeletionOperation:
                if (run.IsRunning)
                {
                    CloseRun.Terminate(step, run, "Delete workflow execution", request.DeletionOperation.Identity);
                }

                step.Delete(run);
                break;
            case Operation.ResetOperation:
                Reset(step, run, request.ResetOperation, request.Reason);
                break;
            case Operation.UpdateWorkflowOptionsOperation:
                var options = request.UpdateWorkflowOptionsOperation;
                var mask = WorkflowControlHandler.RequireOptions(options.WorkflowExecutionOptions, options.UpdateMask);
                WorkflowControlHandler.Update(step, run, options.WorkflowExecutionOptions, mask, options.Identity);
                break;
            case Operation.UnpauseActivitiesOperation:
                var unpause = request.UnpauseActivitiesOperation;
                ActivityControlHandler.Unpause(step, run, Target(unpause.Type, unpause.MatchAll), unpause.ResetAttempts, unpause.ResetHeartbeat, unpause.Jitter);
                break;
            case Operation.ResetActivitiesOperation:
                var reset = request.ResetActivitiesOperation;
                ActivityControlHandler.Reset(
                    step, run, Target(reset.Type, reset.MatchAll), reset.ResetHeartbeat, reset.KeepPaused, reset.RestoreOriginalOptions, reset.Jitter);
                break;
            case Operation.UpdateActivityOptionsOperation:
                var update = request.UpdateActivityOptionsOperation;
                ActivityControlHandler.Update(
                    step, run, Target(update.Type, update.MatchAll), update.ActivityOptions,
                    ActivityControlHandler.RequireChange(update.ActivityOptions, update.UpdateMask, update.RestoreOriginal));
                break;
        }
    }

    private static ActivityTarget Target(string type, bool all) => new("", type, all);

    private static void RequireReset(BatchOperationReset reset)
    {
        if (reset.Options is { } options ? options.TargetCase == Temporalio.Api.Common.V1.ResetOptions.TargetOneofCase.None : reset.ResetType == ResetType.Unspecified)
        {
            throw ServiceErrors.InvalidArgument("ResetOperation: reset type or options with a target must be set.");
        }

        PostReset.Check(reset.PostResetOperations);
    }

    private static void Reset(Step step, WorkflowRun run, BatchOperationReset reset, string reason)
    {
        if (reset.Options is { CurrentRunOnly: true } && step.Core.FindCurrent(EntityKind.Workflow, run.NamespaceId, run.Id) != run.RunKey)
        {
            return;
        }

        var request = new ResetWorkflowExecutionRequest
        {
            WorkflowExecution = run.Execution,
            Reason = reason,
            Identity = reset.Identity,
            RequestId = Guid.NewGuid().ToString("D"),
            WorkflowTaskFinishEventId = ResetEventId(run, reset),
            ResetReapplyType = reset.Options?.ResetReapplyType ?? reset.ResetReapplyType,
            PostResetOperations = { reset.PostResetOperations },
        };
        request.ResetReapplyExcludeTypes.AddRange(reset.Options?.ResetReapplyExcludeTypes ?? []);
        PostReset.Run(step, run, request);
    }

    private static long ResetEventId(WorkflowRun run, BatchOperationReset reset)
    {
        var events = HistoryReading.All(run, 1, run.NextEventId).Where(static item => item.EventType == EventType.WorkflowTaskCompleted).Select(static item => item.EventId);
        var found = reset.Options switch
        {
            { WorkflowTaskId: > 0 } options => options.WorkflowTaskId,
            { BuildId.Length: > 0 } options => ResetPointsCodec.Find(run, options.BuildId),
            { FirstWorkflowTask: not null } => events.FirstOrDefault(),
            { LastWorkflowTask: not null } => events.LastOrDefault(),
            _ => reset.ResetType == ResetType.FirstWorkflowTask ? events.FirstOrDefault() : events.LastOrDefault(),
        };
        return found > 0 ? found : throw ServiceErrors.NotFound($"workflow {run.Id} has no workflow task to reset to");
    }
}
