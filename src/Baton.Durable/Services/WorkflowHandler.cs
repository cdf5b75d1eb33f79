using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Starts, signals, cancels, terminates and deletes workflows.</summary>
internal sealed class WorkflowHandler(DurableEngine engine) : HandlerBase(engine)
{
    public Task<StartWorkflowExecutionResponse> StartWorkflowExecution(StartWorkflowExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        EnsureRequestId(request);
        StartRequests.Check(request, space, Limits);
        var (reuse, conflict) = StartRequests.Policies(request.WorkflowIdReusePolicy, request.WorkflowIdConflictPolicy, WorkflowIdConflictPolicy.Fail);
        return Engine.Run<StartWorkflowExecutionResponse>((step, reply) =>
        {
            Versioning.RequireStart(step, space, request);
            var decision = WorkflowIds.Decide(step, space, request.WorkflowId, reuse, conflict, request.RequestId);
            if (decision.Existing is { } existing)
            {
                if (!decision.IsSameRequest)
                {
                    Attach(step, existing, request);
                }

                var isAttached = existing.S.RequestIds.Any(known => known.RequestId == request.RequestId && known.EventType == (int)EventType.WorkflowExecutionOptionsUpdated);
                reply.Set(step, StartRequests.Answer(existing, decision.IsSameRequest && !isAttached, isAttached ? request.RequestId : ""));
                return;
            }

            if (decision.Terminate is { } old)
            {
                CloseRun.Terminate(step, old, "TerminateIfRunning WorkflowIdReusePolicy Policy", "history-service");
            }

            var eager = request.RequestEagerExecution && Instant.From(request.WorkflowStartDelay) == 0 && request.CronSchedule.Length == 0
                && Versioning.MayStartEagerly(step, space, request);
            var run = StartRequests.Start(step, space, request, eager);
            var response = StartRequests.Answer(run, started: true);
            if (eager && run.HasWorkflowTask)
            {
                var task = StartWorkflowTask.Apply(step, run, request.Identity);
                reply.SetLater(step, () =>
                {
                    response.EagerWorkflowTask = task();
                    return response;
                });
                return;
            }

            reply.Set(step, response);
        });
    }

    public Task<SignalWithStartWorkflowExecutionResponse> SignalWithStartWorkflowExecution(SignalWithStartWorkflowExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var operation = new SignalWithStart(request, space, Limits);
        return Engine.Run(operation.Apply);
    }

    public Task<SignalWorkflowExecutionResponse> SignalWorkflowExecution(SignalWorkflowExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.WorkflowExecution);
        RequireId(request.SignalName, "SignalName");
        RequireLength(request.RequestId, "RequestId");
        RequireBlob(request.Input, "Input");
        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, request.WorkflowExecution);
            Signal.RequireLeft(run);
            Signal.Apply(step, run, new SignalArguments(request.SignalName, request.Input, request.Identity, request.Header)
            {
                RequestId = request.RequestId,
                Links = request.Links,
            });
            return new SignalWorkflowExecutionResponse { Link = Signal.LinkTo(run, request.RequestId) };
        });
    }

    public Task<RequestCancelWorkflowExecutionResponse> RequestCancelWorkflowExecution(RequestCancelWorkflowExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.WorkflowExecution);
        return Engine.Run(step =>
        {
            var run = FindRun(step, space, request.WorkflowExecution, request.FirstExecutionRunId);

            // A run that has ended needs no cancellation: what the caller wants is so.
            if (run.IsRunning)
            {
                RequestCancel.Apply(step, run, request.Identity, request.Reason, request.RequestId, null, 0, request.Links);
            }

            return new RequestCancelWorkflowExecutionResponse();
        });
    }

    public Task<TerminateWorkflowExecutionResponse> TerminateWorkflowExecution(TerminateWorkflowExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.WorkflowExecution);
        RequireBlob(request.Details, "Details");
        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, request.WorkflowExecution, request.FirstExecutionRunId);
            CloseRun.Terminate(step, run, request.Reason, request.Identity, request.Details, request.Links);
            return new TerminateWorkflowExecutionResponse();
        });
    }

    public Task<DeleteWorkflowExecutionResponse> DeleteWorkflowExecution(DeleteWorkflowExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.WorkflowExecution);
        return Engine.Run(step =>
        {
            var run = FindRun(step, space, request.WorkflowExecution);
            if (run.IsRunning)
            {
                CloseRun.Terminate(step, run, "Delete workflow execution", "history-service");
            }

            step.Delete(run);
            return new DeleteWorkflowExecutionResponse();
        });
    }

    public Task<ResetWorkflowExecutionResponse> ResetWorkflowExecution(ResetWorkflowExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.WorkflowExecution);
        RequireLength(request.RequestId, "RequestId");
        if (request.RequestId.Length == 0)
        {
            request.RequestId = Guid.NewGuid().ToString("D");
        }

        PostReset.Check(request.PostResetOperations);
        return Engine.Run(step =>
        {
            var origin = FindRun(step, space, request.WorkflowExecution);
            var current = FindRun(step, space, new() { WorkflowId = origin.Id });
            if (current.S.RequestIds.Any(known => known.RequestId == request.RequestId))
            {
                return new ResetWorkflowExecutionResponse { RunId = current.RunId };
            }

            return new ResetWorkflowExecutionResponse { RunId = PostReset.Run(step, origin, request).RunId };
        });
    }

    private static void EnsureRequestId(StartWorkflowExecutionRequest request)
    {
        if (request.RequestId.Length == 0)
        {
            request.RequestId = Guid.NewGuid().ToString("D");
        }
    }

    /// <summary>A start that found its id in use may leave its request id, callbacks and links with the run that has it.</summary>
    private static void Attach(Step step, WorkflowRun run, StartWorkflowExecutionRequest request)
    {
        if (request.OnConflictOptions is not { } options || !(options.AttachRequestId || options.AttachCompletionCallbacks || options.AttachLinks))
        {
            return;
        }

        var attributes = new WorkflowExecutionOptionsUpdatedEventAttributes { Identity = request.Identity };
        if (options.AttachRequestId)
        {
            attributes.AttachedRequestId = request.RequestId;
        }

        if (options.AttachCompletionCallbacks)
        {
            attributes.AttachedCompletionCallbacks.AddRange(request.CompletionCallbacks);
        }

        var item = new HistoryEvent { EventType = EventType.WorkflowExecutionOptionsUpdated, WorkflowExecutionOptionsUpdatedEventAttributes = attributes, WorkerMayIgnore = true };
        if (options.AttachLinks)
        {
            item.Links.AddRange(StartRequests.LinksOf(request));
        }

        run.AppendOrBuffer(step, item);
        if (options.AttachRequestId)
        {
            run.S.RequestIds.Add(new State.RequestIdState
            {
                RequestId = request.RequestId,
                EventType = (int)EventType.WorkflowExecutionOptionsUpdated,
                EventId = item.EventId,
            });
        }

        DeliverCallbacks.Add(step, run.S.Callbacks, attributes.AttachedCompletionCallbacks, request.RequestId);
    }
}
