using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Commands;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Services;
using Baton.Durable.Standalone;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Nexus;

/// <summary>Standalone Nexus operations: starts, waits for, describes, lists, cancels, terminates and deletes them.</summary>
internal sealed class StandaloneNexusOperationHandler(DurableEngine engine) : StandaloneHandlerBase(engine)
{
    public Task<StartNexusOperationExecutionResponse> StartNexusOperationExecution(StartNexusOperationExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.OperationId, "OperationId");
        RequireLength(request.RequestId, "RequestId");
        RequireLength(request.Identity, "Identity");
        RequireBlob(request.Input, "Input");
        SearchAttributeCodec.Require(request.SearchAttributes, space, ServiceErrors.InvalidArgument);
        DeliverCallbacks.Require(request.CompletionCallbacks, Limits);
        if (request.RequestId.Length == 0)
        {
            request.RequestId = Guid.NewGuid().ToString("D");
        }

        return Engine.Run(step =>
        {
            if (ScheduleNexusOperation.Problem(step.Core, StartStandaloneNexusOperation.Command(request)) is { } problem)
            {
                throw step.Core.Endpoints.TryGetByName(request.Endpoint, out _) ? ServiceErrors.InvalidArgument(problem) : ServiceErrors.NotFound(problem);
            }

            if (StartStandaloneNexusOperation.FindExisting(step, space, request) is { } existing)
            {
                if (request.OnConflictOptions is { } options)
                {
                    StandaloneStart.Attach(
                        step,
                        existing,
                        request.RequestId,
                        options.AttachRequestId,
                        options.AttachCompletionCallbacks ? request.CompletionCallbacks : null,
                        options.AttachLinks ? request.Links : null);
                }

                return new StartNexusOperationExecutionResponse { RunId = existing.RunId, Started = existing.S.StartRequestId == request.RequestId };
            }

            return new StartNexusOperationExecutionResponse { RunId = StartStandaloneNexusOperation.Apply(step, space, request).RunId, Started = true };
        });
    }

    public async Task<DescribeNexusOperationExecutionResponse> DescribeNexusOperationExecution(DescribeNexusOperationExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireTarget(request.OperationId, request.RunId, "OperationId");
        if (!request.LongPollToken.IsEmpty
            && !await WaitForNewsAsync(request.LongPollToken, call, step => StandaloneNexusOperation.Find(step, space, request.OperationId, request.RunId)))
        {
            return new DescribeNexusOperationExecutionResponse();
        }

        return await Engine.Run(step => StandaloneNexusDescriptions.Describe(StandaloneNexusOperation.Find(step, space, request.OperationId, request.RunId), request));
    }

    public async Task<PollNexusOperationExecutionResponse> PollNexusOperationExecution(PollNexusOperationExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireTarget(request.OperationId, request.RunId, "OperationId");
        var isStartEnough = request.WaitStage == NexusOperationWaitStage.Started;

        // The run is fixed when the wait begins: one that follows it under its id is another operation.
        var runId = request.RunId.Length > 0 ? request.RunId : await Engine.Run(step => StandaloneNexusOperation.Find(step, space, request.OperationId, "").RunId);
        if (!await WaitAsync(
            call,
            step => StandaloneNexusOperation.Find(step, space, request.OperationId, runId),
            operation => !operation.IsRunning || (isStartEnough && operation.Operation.StartedTime > 0)))
        {
            return new PollNexusOperationExecutionResponse();
        }

        return await Engine.Run(step =>
        {
            var operation = StandaloneNexusOperation.Find(step, space, request.OperationId, runId);
            var response = new PollNexusOperationExecutionResponse
            {
                RunId = operation.RunId,
                WaitStage = operation.IsRunning ? NexusOperationWaitStage.Started : NexusOperationWaitStage.Closed,
                OperationToken = operation.Operation.OperationToken,
            };
            if (!operation.S.Failure.IsEmpty)
            {
                response.Failure = Failure.Parser.ParseFrom(operation.S.Failure);
            }
            else if (!operation.IsRunning)
            {
                response.Result = Payload.Parser.ParseFrom(operation.S.Result);
            }

            return response;
        });
    }

    public Task<ListNexusOperationExecutionsResponse> ListNexusOperationExecutions(ListNexusOperationExecutionsRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var page = Visible.List(Engine, EntityKind.NexusOperation, space, request.Query, request.PageSize is <= 0 or > MaxPage ? MaxPage : request.PageSize, request.NextPageToken);
        var response = new ListNexusOperationExecutionsResponse { NextPageToken = ByteString.CopyFrom(page.Next.Span) };
        response.Operations.AddRange(page.Records.Select(StandaloneNexusDescriptions.ListInfo));
        return Task.FromResult(response);
    }

    public Task<CountNexusOperationExecutionsResponse> CountNexusOperationExecutions(CountNexusOperationExecutionsRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var query = Visible.Parse(request.Query, space, EntityKind.NexusOperation);
        var response = new CountNexusOperationExecutionsResponse();
        response.Count = Visible.Count(
            Engine, EntityKind.NexusOperation, space, query, (count, values) => response.Groups.Add(new CountNexusOperationExecutionsResponse.Types.AggregationGroup { Count = count, GroupValues = { values } }));
        return Task.FromResult(response);
    }

    public Task<RequestCancelNexusOperationExecutionResponse> RequestCancelNexusOperationExecution(RequestCancelNexusOperationExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireTarget(request.OperationId, request.RunId, "OperationId");
        return Engine.Run(step =>
        {
            var operation = StandaloneNexusOperation.Find(step, space, request.OperationId, request.RunId);
            if (operation.Operation.CancelRequested)
            {
                return operation.S.CancelRequestId == request.RequestId
                    ? new RequestCancelNexusOperationExecutionResponse()
                    : throw ServiceErrors.FailedPrecondition($"cancellation already requested with request ID {operation.S.CancelRequestId}");
            }

            RequireRunning(operation);
            operation.S.CancelRequestId = request.RequestId;
            operation.S.CancelReason = request.Reason;
            CancelNexusOperation.Request(step, operation, operation.Operation, requestedEventId: 0);
            return new RequestCancelNexusOperationExecutionResponse();
        });
    }

    public Task<TerminateNexusOperationExecutionResponse> TerminateNexusOperationExecution(TerminateNexusOperationExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireTarget(request.OperationId, request.RunId, "OperationId");
        return Engine.Run(step =>
        {
            var operation = StandaloneNexusOperation.Find(step, space, request.OperationId, request.RunId);
            if (operation.Status == NexusOperationExecutionStatus.Terminated)
            {
                return operation.S.TerminateRequestId == request.RequestId
                    ? new TerminateNexusOperationExecutionResponse()
                    : throw ServiceErrors.FailedPrecondition($"already terminated with request ID {operation.S.TerminateRequestId}");
            }

            RequireRunning(operation);
            operation.S.TerminateRequestId = request.RequestId;
            Terminate(step, operation, request.Reason);
            return new TerminateNexusOperationExecutionResponse();
        });
    }

    public Task<DeleteNexusOperationExecutionResponse> DeleteNexusOperationExecution(DeleteNexusOperationExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireTarget(request.OperationId, request.RunId, "OperationId");
        return Engine.Run(step =>
        {
            var operation = StandaloneNexusOperation.Find(step, space, request.OperationId, request.RunId);
            if (operation.IsRunning)
            {
                Terminate(step, operation, "Delete nexus operation execution");
            }

            step.Delete(operation);
            return new DeleteNexusOperationExecutionResponse();
        });
    }

    private static void Terminate(Step step, StandaloneNexusOperation operation, string reason) => operation.Close(
        step, NexusOperationExecutionStatus.Terminated, new Failure { Message = reason, TerminatedFailureInfo = new TerminatedFailureInfo() });

    private static void RequireRunning(StandaloneNexusOperation operation)
    {
        if (!operation.IsRunning)
        {
            throw ServiceErrors.FailedPrecondition($"nexus operation execution is not running: its status is {operation.Status}");
        }
    }
}
