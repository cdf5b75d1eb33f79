using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Activity tasks: polls, heartbeats and answers of workers, by token and by id.</summary>
internal sealed class ActivityTaskHandler(DurableEngine engine) : HandlerBase(engine)
{
    public Task<PollActivityTaskQueueResponse> PollActivityTaskQueue(PollActivityTaskQueueRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.TaskQueue?.Name, "TaskQueue");
        RequireLength(request.Identity, "Identity");
        ActivityPoller? poller = null;
        return Engine.Wait<PollActivityTaskQueueResponse>(
            (step, reply) =>
            {
                var (deployment, build) = Versioning.PollVersion(request.DeploymentOptions);
                poller = new ActivityPoller(new QueueKey(space.Id, request.TaskQueue!.Name, TaskKind.Activity, deployment, build), request.Identity, reply)
                {
                    WorkerInstance = request.WorkerInstanceKey,
                    DeploymentName = request.DeploymentOptions?.DeploymentName ?? "",
                    BuildId = request.DeploymentOptions?.BuildId ?? request.WorkerVersionCapabilities?.BuildId ?? "",
                    RateLimit = request.TaskQueueMetadata?.MaxTasksPerSecond,
                };
                Versioning.Polled(step, poller, request.DeploymentOptions);
                step.Core.Matcher.Poll(step, poller);
            },
            (step, _) => step.Core.Matcher.Leave(step, poller!),
            LongPolls.Limit(call, Limits.LongPoll),
            call.CancellationToken);
    }

    public Task<RecordActivityTaskHeartbeatResponse> RecordActivityTaskHeartbeat(RecordActivityTaskHeartbeatRequest request, CallContext call) =>
        ByToken(request.Namespace, request.TaskToken, (step, run, activity) =>
        {
            var (canceled, paused, reset) = Heartbeat(step, run, activity, request.Details);
            return new RecordActivityTaskHeartbeatResponse { CancelRequested = canceled, ActivityPaused = paused, ActivityReset = reset };
        });

    public Task<RecordActivityTaskHeartbeatByIdResponse> RecordActivityTaskHeartbeatById(RecordActivityTaskHeartbeatByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, (step, run, activity) =>
        {
            var (canceled, paused, reset) = Heartbeat(step, run, activity, request.Details);
            return new RecordActivityTaskHeartbeatByIdResponse { CancelRequested = canceled, ActivityPaused = paused, ActivityReset = reset };
        });

    public Task<RespondActivityTaskCompletedResponse> RespondActivityTaskCompleted(RespondActivityTaskCompletedRequest request, CallContext call) =>
        ByToken(request.Namespace, request.TaskToken, (step, run, activity) =>
        {
            Complete(step, run, activity, request.Result, request.Identity);
            return new RespondActivityTaskCompletedResponse();
        });

    public Task<RespondActivityTaskCompletedByIdResponse> RespondActivityTaskCompletedById(RespondActivityTaskCompletedByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, (step, run, activity) =>
        {
            Complete(step, run, activity, request.Result, request.Identity);
            return new RespondActivityTaskCompletedByIdResponse();
        });

    public Task<RespondActivityTaskFailedResponse> RespondActivityTaskFailed(RespondActivityTaskFailedRequest request, CallContext call) =>
        ByToken(request.Namespace, request.TaskToken, (step, run, activity) =>
        {
            Fail(step, run, activity, request.Failure, request.LastHeartbeatDetails, request.Identity);
            return new RespondActivityTaskFailedResponse();
        });

    public Task<RespondActivityTaskFailedByIdResponse> RespondActivityTaskFailedById(RespondActivityTaskFailedByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, (step, run, activity) =>
        {
            Fail(step, run, activity, request.Failure, request.LastHeartbeatDetails, request.Identity);
            return new RespondActivityTaskFailedByIdResponse();
        });

    public Task<RespondActivityTaskCanceledResponse> RespondActivityTaskCanceled(RespondActivityTaskCanceledRequest request, CallContext call) =>
        ByToken(request.Namespace, request.TaskToken, (step, run, activity) =>
        {
            Cancel(step, run, activity, request.Details, request.Identity);
            return new RespondActivityTaskCanceledResponse();
        });

    public Task<RespondActivityTaskCanceledByIdResponse> RespondActivityTaskCanceledById(RespondActivityTaskCanceledByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, (step, run, activity) =>
        {
            Cancel(step, run, activity, request.Details, request.Identity);
            return new RespondActivityTaskCanceledByIdResponse();
        });

    private Task<T> ByToken<T>(string ns, ByteString tokenBytes, Func<Step, WorkflowRun, ActivityState, T> apply)
    {
        var space = Namespace(ns);
        var token = TaskTokens.Parse(tokenBytes, TaskKind.Activity, space.Id);
        return Engine.Run(step =>
        {
            var run = step.Load<WorkflowRun>(token.RunKey);
            if (run is null || run.RunId != token.RunId)
            {
                throw ServiceErrors.NotFound($"workflow not found for RunId: {token.RunId}");
            }

            if (!run.IsRunning)
            {
                throw ServiceErrors.NotFound("workflow execution already completed");
            }

            if (!run.S.Activities.TryGetValue(token.ScheduledEventId, out var activity)
                || activity.StartedTime == 0
                || activity.Attempt != token.Attempt
                || activity.StartedTime != token.Clock)
            {
                throw NotFound();
            }

            return apply(step, run, activity);
        });
    }

    private Task<T> ById<T>(string ns, string workflowId, string runId, string activityId, Func<Step, WorkflowRun, ActivityState, T> apply)
    {
        var space = Namespace(ns);
        var execution = new WorkflowExecution { WorkflowId = workflowId, RunId = runId };
        RequireExecution(execution);
        RequireId(activityId, "ActivityId");
        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, execution);
            var activity = run.S.Activities.Values.FirstOrDefault(activity => activity.ActivityId == activityId);
            return activity is { StartedTime: > 0 }
                ? apply(step, run, activity)
                : throw ServiceErrors.NotFound($"activity {activityId} of workflow {workflowId} is not running");
        });
    }

    private static ServiceException NotFound() =>
        ServiceErrors.NotFound("invalid activityID or activity already timed out or invoking workflow is completed");

    private (bool Canceled, bool Paused, bool Reset) Heartbeat(Step step, WorkflowRun run, ActivityState activity, Payloads? details)
    {
        RequireBlob(details, "Details");
        activity.LastHeartbeatTime = step.Now;
        activity.HeartbeatDetails = details?.ToByteString() ?? ByteString.Empty;
        step.Touch(run);
        return (activity.CancelRequested, activity.Paused, activity.ResetRequested);
    }

    private void Complete(Step step, WorkflowRun run, ActivityState activity, Payloads? result, string identity)
    {
        if (IsTooLarge(result))
        {
            EndActivity.Fail(step, run, activity, Failures.Server("Complete result exceeds size limit.", nonRetryable: true), identity);
            return;
        }

        EndActivity.Complete(step, run, activity, result, identity);
    }

    private void Fail(Step step, WorkflowRun run, ActivityState activity, Failure? failure, Payloads? lastHeartbeat, string identity)
    {
        if (lastHeartbeat is not null && !IsTooLarge(lastHeartbeat))
        {
            activity.HeartbeatDetails = lastHeartbeat.ToByteString();
        }

        failure ??= Failures.Application("", "", nonRetryable: false);
        EndActivity.Fail(step, run, activity, IsTooLarge(failure) ? Failures.Server("Failure exceeds size limit.") : failure, identity);
    }

    private void Cancel(Step step, WorkflowRun run, ActivityState activity, Payloads? details, string identity)
    {
        if (!activity.CancelRequested)
        {
            throw ServiceErrors.InvalidArgument("Activity cancellation was not requested.");
        }

        RequireBlob(details, "Details");
        EndActivity.Cancel(step, run, activity, details, identity);
    }

    private bool IsTooLarge(IMessage? blob) => blob is not null && blob.CalculateSize() > Limits.BlobSize;
}
