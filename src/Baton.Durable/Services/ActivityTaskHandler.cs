using Baton.Durable.Activities;
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
                var worker = PollingWorker.Of(request.DeploymentOptions, request.WorkerVersionCapabilities);
                poller = new ActivityPoller(worker.QueueOf(step, space.Id, request.TaskQueue!.Name, TaskKind.Activity), request.Identity, reply)
                {
                    WorkerInstance = request.WorkerInstanceKey,
                    Worker = worker,
                    RateLimit = request.TaskQueueMetadata?.MaxTasksPerSecond,
                };
                step.Core.Matcher.Poll(step, poller);
            },
            (step, _) => step.Core.Matcher.Leave(step, poller!),
            LongPolls.Limit(call, Limits.LongPoll),
            call.CancellationToken);
    }

    public Task<RecordActivityTaskHeartbeatResponse> RecordActivityTaskHeartbeat(RecordActivityTaskHeartbeatRequest request, CallContext call) =>
        ByToken(request.Namespace, request.TaskToken, (step, owner, activity) =>
        {
            var (canceled, paused, reset) = Heartbeat(step, owner, activity, request.Details);
            return new RecordActivityTaskHeartbeatResponse { CancelRequested = canceled, ActivityPaused = paused, ActivityReset = reset };
        });

    public Task<RecordActivityTaskHeartbeatByIdResponse> RecordActivityTaskHeartbeatById(RecordActivityTaskHeartbeatByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, (step, owner, activity) =>
        {
            var (canceled, paused, reset) = Heartbeat(step, owner, activity, request.Details);
            return new RecordActivityTaskHeartbeatByIdResponse { CancelRequested = canceled, ActivityPaused = paused, ActivityReset = reset };
        });

    public Task<RespondActivityTaskCompletedResponse> RespondActivityTaskCompleted(RespondActivityTaskCompletedRequest request, CallContext call) =>
        ByToken(request.Namespace, request.TaskToken, (step, owner, activity) =>
        {
            Complete(step, owner, activity, request.Result, request.Identity);
            return new RespondActivityTaskCompletedResponse();
        });

    public Task<RespondActivityTaskCompletedByIdResponse> RespondActivityTaskCompletedById(RespondActivityTaskCompletedByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, (step, owner, activity) =>
        {
            Complete(step, owner, activity, request.Result, request.Identity);
            return new RespondActivityTaskCompletedByIdResponse();
        });

    public Task<RespondActivityTaskFailedResponse> RespondActivityTaskFailed(RespondActivityTaskFailedRequest request, CallContext call) =>
        ByToken(request.Namespace, request.TaskToken, (step, owner, activity) =>
        {
            Fail(step, owner, activity, request.Failure, request.LastHeartbeatDetails, request.Identity);
            return new RespondActivityTaskFailedResponse();
        });

    public Task<RespondActivityTaskFailedByIdResponse> RespondActivityTaskFailedById(RespondActivityTaskFailedByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, (step, owner, activity) =>
        {
            Fail(step, owner, activity, request.Failure, request.LastHeartbeatDetails, request.Identity);
            return new RespondActivityTaskFailedByIdResponse();
        });

    public Task<RespondActivityTaskCanceledResponse> RespondActivityTaskCanceled(RespondActivityTaskCanceledRequest request, CallContext call) =>
        ByToken(request.Namespace, request.TaskToken, (step, owner, activity) =>
        {
            Cancel(step, owner, activity, request.Details, request.Identity);
            return new RespondActivityTaskCanceledResponse();
        });

    public Task<RespondActivityTaskCanceledByIdResponse> RespondActivityTaskCanceledById(RespondActivityTaskCanceledByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, (step, owner, activity) =>
        {
            Cancel(step, owner, activity, request.Details, request.Identity);
            return new RespondActivityTaskCanceledByIdResponse();
        });

    private Task<T> ByToken<T>(string ns, ByteString tokenBytes, Func<Step, Entity, ActivityState, T> apply)
    {
        var space = Namespace(ns);
        var token = TaskTokens.Parse(tokenBytes, TaskKind.Activity, space.Id);
        return Engine.Run(step =>
        {
            var owner = step.Load<Entity>(token.RunKey);
            if (owner is null || owner.RunId != token.RunId)
            {
                throw ServiceErrors.NotFound($"workflow not found for RunId: {token.RunId}");
            }

            if (owner is WorkflowRun { IsRunning: false })
            {
                throw ServiceErrors.NotFound("workflow execution already completed");
            }

            var activity = owner switch
            {
                WorkflowRun run => run.S.Activities.GetValueOrDefault(token.ScheduledEventId),
                StandaloneActivity { IsRunning: true } standalone => standalone.Activity,
                _ => null,
            };
            if (activity is not { StartedTime: > 0 } || activity.Attempt != token.Attempt || activity.StartedTime != token.Clock)
            {
                throw NotFound();
            }

            return apply(step, owner, activity);
        });
    }

    private Task<T> ById<T>(string ns, string workflowId, string runId, string activityId, Func<Step, Entity, ActivityState, T> apply)
    {
        var space = Namespace(ns);
        RequireId(activityId, "ActivityId");
        if (workflowId.Length == 0)
        {
            return Engine.Run(step => StandaloneActivity.Find(step, space, activityId, runId) is { IsRunning: true, Activity.StartedTime: > 0 } standalone
                ? apply(step, standalone, standalone.Activity)
                : throw ServiceErrors.NotFound("activity task not found"));
        }

        var execution = new WorkflowExecution { WorkflowId = workflowId, RunId = runId };
        RequireExecution(execution);
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

    private (bool Canceled, bool Paused, bool Reset) Heartbeat(Step step, Entity owner, ActivityState activity, Payloads? details)
    {
        RequireBlob(details, "Details");
        activity.LastHeartbeatTime = step.Now;
        activity.HeartbeatDetails = details?.ToByteString() ?? ByteString.Empty;
        if (owner is StandaloneActivity standalone)
        {
            standalone.S.Heartbeats++;
        }

        step.Touch(owner);
        return (activity.CancelRequested, activity.Paused, activity.ResetRequested);
    }

    private void Complete(Step step, Entity owner, ActivityState activity, Payloads? result, string identity)
    {
        if (IsTooLarge(result))
        {
            EndActivity.Fail(step, owner, activity, Failures.Server("Complete result exceeds size limit.", nonRetryable: true), identity);
            return;
        }

        EndActivity.Complete(step, owner, activity, result, identity);
    }

    private void Fail(Step step, Entity owner, ActivityState activity, Failure? failure, Payloads? lastHeartbeat, string identity)
    {
        if (lastHeartbeat is not null && !IsTooLarge(lastHeartbeat))
        {
            activity.HeartbeatDetails = lastHeartbeat.ToByteString();
        }

        failure ??= Failures.Application("", "", nonRetryable: false);
        EndActivity.Fail(step, owner, activity, IsTooLarge(failure) ? Failures.Server("Failure exceeds size limit.") : failure, identity);
    }

    private void Cancel(Step step, Entity owner, ActivityState activity, Payloads? details, string identity)
    {
        if (!activity.CancelRequested)
        {
            throw ServiceErrors.InvalidArgument("Activity cancellation was not requested.");
        }

        RequireBlob(details, "Details");
        EndActivity.Cancel(step, owner, activity, details, identity);
    }

    private bool IsTooLarge(IMessage? blob) => blob is not null && blob.CalculateSize() > Limits.BlobSize;
}
