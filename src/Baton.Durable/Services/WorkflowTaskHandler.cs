using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Workflow tasks and query tasks: polls and answers of workers.</summary>
internal sealed class WorkflowTaskHandler(DurableEngine engine) : HandlerBase(engine)
{
    public Task<PollWorkflowTaskQueueResponse> PollWorkflowTaskQueue(PollWorkflowTaskQueueRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.TaskQueue?.Name, "TaskQueue");
        RequireLength(request.Identity, "Identity");
        WorkflowPoller? poller = null;
        return Engine.Wait<PollWorkflowTaskQueueResponse>(
            (step, reply) =>
            {
                var worker = PollingWorker.Of(request.DeploymentOptions, request.WorkerVersionCapabilities);
                var queue = request.TaskQueue!.Kind == TaskQueueKind.Sticky
                    ? worker.StickyQueueOf(step, space.Id, request.TaskQueue)
                    : worker.QueueOf(step, space.Id, request.TaskQueue.Name, TaskKind.Workflow);
                poller = new WorkflowPoller(queue, request.Identity, reply) { WorkerInstance = request.WorkerInstanceKey, Worker = worker };
                step.Core.Matcher.Poll(step, poller);
            },
            (step, _) => step.Core.Matcher.Leave(step, poller!),
            PollTime(call),
            call.CancellationToken);
    }

    public Task<RespondWorkflowTaskCompletedResponse> RespondWorkflowTaskCompleted(RespondWorkflowTaskCompletedRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var token = TaskTokens.Parse(request.TaskToken, TaskKind.Workflow, space.Id);
        if ((request.IntermediatePage || request.PageNumber != 0) && !Limits.PagedTaskCompletions)
        {
            throw ServiceErrors.InvalidArgument("Workflow task completion pagination is not enabled.");
        }

        return Engine.Run<RespondWorkflowTaskCompletedResponse>((step, reply) =>
        {
            var run = FindStarted(step, token);
            if (run.CompletionPages.Gather(token.Clock, request, Limits.HistorySize) is { } whole)
            {
                CompleteWorkflowTask.Apply(step, run, whole, reply);
            }
            else
            {
                step.TouchVolatile(run);
                reply.Set(step, new RespondWorkflowTaskCompletedResponse());
            }
        });
    }

    public Task<RespondWorkflowTaskFailedResponse> RespondWorkflowTaskFailed(RespondWorkflowTaskFailedRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var token = TaskTokens.Parse(request.TaskToken, TaskKind.Workflow, space.Id);
        return Engine.Run(step =>
        {
            var run = FindStarted(step, token);
            var cause = request.Cause == WorkflowTaskFailedCause.Unspecified ? WorkflowTaskFailedCause.WorkflowWorkerUnhandledFailure : request.Cause;
            if (cause == WorkflowTaskFailedCause.GrpcMessageTooLarge)
            {
                // The same completion would be as large again.
                CloseRun.Terminate(step, run, cause.ToString(), "history-service");
            }
            else
            {
                FailWorkflowTask.Apply(step, run, cause, request.Failure, request.Identity);
            }

            return new RespondWorkflowTaskFailedResponse();
        });
    }

    public Task<RespondQueryTaskCompletedResponse> RespondQueryTaskCompleted(RespondQueryTaskCompletedRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var token = TaskTokens.Parse(request.TaskToken, TaskKind.Workflow, space.Id);
        if (token.QueryId.Length == 0)
        {
            throw ServiceErrors.InvalidArgument("Invalid TaskToken: it is not of a query task.");
        }

        return Engine.Run(step =>
        {
            var run = step.Load<WorkflowRun>(token.RunKey);
            if (run is null || run.RunId != token.RunId)
            {
                throw ServiceErrors.NotFound("Query task not found, or already expired.");
            }

            DispatchQuery.Answered(step, run, request, token.QueryId);
            return new RespondQueryTaskCompletedResponse();
        });
    }

    public Task<ResetStickyTaskQueueResponse> ResetStickyTaskQueue(ResetStickyTaskQueueRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.Execution);
        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, request.Execution);
            if (run.S.StickyQueue.Length > 0)
            {
                run.S.StickyQueue = "";
                run.S.StickyTimeout = 0;
                step.Touch(run);
            }

            return new ResetStickyTaskQueueResponse();
        });
    }

    /// <summary>A long poll ends a little before its caller's deadline, with an empty answer.</summary>
    private TimeSpan PollTime(CallContext call) => LongPolls.Limit(call, Limits.LongPoll);

    private static WorkflowRun FindStarted(Step step, TaskToken token)
    {
        if (step.Load<WorkflowRun>(token.RunKey) is { IsRunning: true } run
            && run.RunId == token.RunId
            && run.S.WorkflowTask is { StartedTime: > 0 } task
            && task.ScheduledEventId == token.ScheduledEventId
            && task.Attempt == token.Attempt
            && task.StartedTime == token.Clock)
        {
            return run;
        }

        throw ServiceErrors.NotFound("Workflow task not found.");
    }
}

/// <summary>How long a long poll may take.</summary>
internal static class LongPolls
{
    private static readonly TimeSpan margin = TimeSpan.FromSeconds(1);

    public static TimeSpan Limit(CallContext call, TimeSpan limit) =>
        call.Deadline is { } deadline ? Limit(deadline - call.Clock.GetUtcNow(), limit) : limit;

    /// <summary>A little less than what the caller has left: a second, or a tenth where that is less, so that a call of one second waits too.</summary>
    public static TimeSpan Limit(TimeSpan left, TimeSpan limit)
    {
        var wait = left - (left / 10 < margin ? left / 10 : margin);
        return wait <= TimeSpan.Zero ? TimeSpan.FromMilliseconds(1) : wait < limit ? wait : limit;
    }
}
