using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Matching;
using Baton.Durable.Services;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.WorkflowService.V1;
using Failure = Temporalio.Api.Failure.V1.Failure;

namespace Baton.Durable.Nexus;

/// <summary>Nexus requests: polls and answers of workers.</summary>
internal sealed class NexusTaskHandler(DurableEngine engine) : HandlerBase(engine)
{
    public Task<PollNexusTaskQueueResponse> PollNexusTaskQueue(PollNexusTaskQueueRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.TaskQueue?.Name, "TaskQueue");
        RequireLength(request.Identity, "Identity");
        NexusPoller? poller = null;
        return Engine.Wait<PollNexusTaskQueueResponse>(
            (step, reply) =>
            {
                var worker = PollingWorker.Of(request.DeploymentOptions, request.WorkerVersionCapabilities);
                poller = new NexusPoller(worker.QueueOf(step, space.Id, request.TaskQueue!.Name, TaskKind.Nexus), request.Identity, reply)
                {
                    WorkerInstance = request.WorkerInstanceKey,
                    Worker = worker,
                };
                step.Core.Matcher.Poll(step, poller);
            },
            (step, _) => step.Core.Matcher.Leave(step, poller!),
            LongPolls.Limit(call, Limits.LongPoll),
            call.CancellationToken);
    }

    public Task<RespondNexusTaskCompletedResponse> RespondNexusTaskCompleted(RespondNexusTaskCompletedRequest request, CallContext call)
    {
        var token = TaskTokens.Parse(request.TaskToken, TaskKind.Nexus, Namespace(request.Namespace).Id);
        if (token.QueryId.Length > 0)
        {
            return Engine.Run(step =>
            {
                step.Core.Inbound.Answer(step, token.QueryId, new NexusAnswer(Response: request.Response));
                return new RespondNexusTaskCompletedResponse();
            });
        }

        var isStart = token.ScheduledEventId > 0;
        if (isStart ? request.Response?.StartOperation is null : request.Response?.CancelOperation is null)
        {
            throw ServiceErrors.InvalidArgument($"Response is not set on request, or does not answer a {(isStart ? "start" : "cancel")} operation request.");
        }

        return Engine.Run(step =>
        {
            var (caller, operation) = Find(step, token);
            if (isStart)
            {
                Started(step, caller, operation, request.Response!.StartOperation);
            }
            else
            {
                CancelNexusOperation.Succeeded(step, caller, operation);
            }

            return new RespondNexusTaskCompletedResponse();
        });
    }

    public Task<RespondNexusTaskFailedResponse> RespondNexusTaskFailed(RespondNexusTaskFailedRequest request, CallContext call)
    {
        var token = TaskTokens.Parse(request.TaskToken, TaskKind.Nexus, Namespace(request.Namespace).Id);
        if (token.QueryId.Length > 0 && (request.Error is not null || request.Failure is not null))
        {
            return Engine.Run(step =>
            {
                step.Core.Inbound.Answer(step, token.QueryId, new NexusAnswer(Error: request.Error, Failure: request.Failure));
                return new RespondNexusTaskFailedResponse();
            });
        }

        var failure = request.Failure ?? (request.Error is { } error ? NexusFailures.OfHandler(error) : null)
            ?? throw ServiceErrors.InvalidArgument("Error and Failure are not set on request: one of them must be.");
        if (request.Failure is { NexusHandlerFailureInfo: null })
        {
            throw ServiceErrors.InvalidArgument("Failure is not a handler error: NexusHandlerFailureInfo is not set.");
        }

        return Engine.Run(step =>
        {
            var (caller, operation) = Find(step, token);
            if (token.ScheduledEventId > 0)
            {
                AttemptNexusOperation.Failed(step, caller, operation, failure);
            }
            else
            {
                CancelNexusOperation.Failed(step, caller, operation, failure);
            }

            return new RespondNexusTaskFailedResponse();
        });
    }

    private static void Started(Step step, INexusCaller caller, NexusOperationState operation, StartOperationResponse response)
    {
        switch (response.VariantCase)
        {
            case StartOperationResponse.VariantOneofCase.SyncSuccess:
                EndNexusOperation.Complete(step, caller, operation, response.SyncSuccess.Payload, NexusLinkCodec.FromNexus(response.SyncSuccess.Links));
                break;
            case StartOperationResponse.VariantOneofCase.AsyncSuccess:
                var started = response.AsyncSuccess;
                var operationToken = started.OperationToken.Length > 0 ? started.OperationToken : started.OperationId;
                AttemptNexusOperation.Started(step, caller, operation, operationToken, NexusLinkCodec.FromNexus(started.Links));
                break;
            case StartOperationResponse.VariantOneofCase.OperationError:
                EndNexusOperation.Unsuccessful(step, caller, operation, NexusFailures.OfState(response.OperationError.OperationState, response.OperationError.Failure));
                break;
            default:
                EndNexusOperation.Unsuccessful(step, caller, operation, response.Failure ?? new Failure { Message = "the handler answered without an outcome" });
                break;
        }
    }

    private static (INexusCaller Caller, NexusOperationState Operation) Find(Step step, TaskToken token)
    {
        if (step.Load<Entity>(token.RunKey) is INexusCaller { IsRunning: true } caller
            && caller.Entity.RunId == token.RunId
            && caller.FindOperation(Math.Abs(token.ScheduledEventId)) is { } operation
            && (token.ScheduledEventId > 0
                ? NexusClock.IsAttempting(operation) && operation.Attempt == token.Attempt && operation.TakenTime == token.Clock
                : NexusClock.IsCancelAttempting(operation) && operation.CancelAttempt == token.Attempt && operation.CancelTakenTime == token.Clock))
        {
            return (caller, operation);
        }

        throw ServiceErrors.NotFound("Nexus task not found or already expired.");
    }
}
