using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Update.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Workflow updates: sent alone, with a start, and waited for.</summary>
/// <remarks>
/// A wait that is longer than its caller's deadline is left to that deadline: an early answer without an outcome means "ask again" to SDKs, who would
/// do so for ever.
/// </remarks>
internal sealed class UpdateHandler(DurableEngine engine) : HandlerBase(engine)
{
    public async Task<UpdateWorkflowExecutionResponse> UpdateWorkflowExecution(UpdateWorkflowExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        Check(request);
        WorkflowRun? target = null;
        var answer = await Engine.Wait<UpdateAnswer>(
            (step, reply) =>
            {
                target = FindRunForUpdate(step, space, request);
                Admit(step, target, request, reply);
            },
            (step, reply) => Expire(step, target, request.Request.Meta.UpdateId, reply),
            Limits.LongWait,
            call.CancellationToken);
        return Answer(request.Request.Meta.UpdateId, target!, answer);
    }

    public async Task<PollWorkflowExecutionUpdateResponse> PollWorkflowExecutionUpdate(PollWorkflowExecutionUpdateRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        if (request.UpdateRef is null)
        {
            throw ServiceErrors.InvalidArgument("UpdateRef is not set on request.");
        }

        RequireExecution(request.UpdateRef.WorkflowExecution);
        RequireId(request.UpdateRef.UpdateId, "UpdateRef.UpdateId");
        var id = request.UpdateRef.UpdateId;
        WorkflowRun? target = null;
        var answer = await Engine.Wait<UpdateAnswer>(
            (step, reply) =>
            {
                target = FindRun(step, space, request.UpdateRef.WorkflowExecution);
                Wait(step, target, id, request.WaitPolicy?.LifecycleStage ?? UpdateWorkflowExecutionLifecycleStage.Unspecified, reply);
            },
            (step, reply) => Expire(step, target, id, reply),
            Limits.LongWait,
            call.CancellationToken);
        return new PollWorkflowExecutionUpdateResponse
        {
            Outcome = answer.Outcome,
            Stage = answer.Stage,
            UpdateRef = new UpdateRef { UpdateId = id, WorkflowExecution = target!.Execution },
        };
    }

    /// <summary>Update-with-start: both or neither.</summary>
    public async Task<ExecuteMultiOperationResponse> ExecuteMultiOperation(ExecuteMultiOperationRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        if (request.Operations.Count != 2 || request.Operations[0].StartWorkflow is not { } start || request.Operations[1].UpdateWorkflow is not { } update)
        {
            throw ServiceErrors.InvalidArgument("Operations have to be exactly [Start, Update].");
        }

        WorkflowIdReusePolicy reuse = default;
        WorkflowIdConflictPolicy conflict = default;
        try
        {
            RequireNot(start.Namespace != request.Namespace, "Operation namespace did not match request's namespace.");
            if (start.RequestId.Length == 0)
            {
                start.RequestId = Guid.NewGuid().ToString("D");
            }

            StartRequests.Check(start, space, Limits);
            (reuse, conflict) = StartRequests.Policies(start.WorkflowIdReusePolicy, start.WorkflowIdConflictPolicy, WorkflowIdConflictPolicy.Fail);
            RequireNot(start.CronSchedule.Length > 0, "CronSchedule is not allowed.");
            RequireNot(start.RequestEagerExecution, "RequestEagerExecution is not supported.");
            RequireNot(Instant.From(start.WorkflowStartDelay) > 0, "WorkflowStartDelay is not supported.");
        }
        catch (ServiceException refusal)
        {
            throw ServiceErrors.MultiOperationExecution("Update-with-Start could not be executed.", [refusal, null]);
        }

        try
        {
            RequireNot(update.Namespace != request.Namespace, "Operation namespace did not match request's namespace.");
            Check(update);
            RequireNot(update.WorkflowExecution.WorkflowId != start.WorkflowId, "WorkflowId is not consistent with previous operation(s).");
            RequireNot(update.FirstExecutionRunId.Length > 0, "FirstExecutionRunId is not allowed.");
            RequireNot(update.WorkflowExecution.RunId.Length > 0, "RunId is not allowed.");
        }
        catch (ServiceException refusal)
        {
            throw ServiceErrors.MultiOperationExecution("Update-with-Start could not be executed.", [null, refusal]);
        }

        WorkflowRun? target = null;
        var started = false;
        UpdateAnswer answer;
        try
        {
            answer = await Engine.Wait<UpdateAnswer>(
                (step, reply) => (target, started) = StartAndAdmit(step, space, start, reuse, conflict, update, reply),
                (step, reply) => Expire(step, target, update.Request.Meta.UpdateId, reply),
                Limits.LongWait,
                call.CancellationToken);
        }
        catch (ServiceException refusal) when (refusal.Detail is not Temporalio.Api.ErrorDetails.V1.MultiOperationExecutionFailure && target is not null)
        {
            throw ServiceErrors.MultiOperationExecution("Update-with-Start could not be executed.", [null, refusal]);
        }

        return new ExecuteMultiOperationResponse
        {
            Responses =
            {
                new ExecuteMultiOperationResponse.Types.Response
                {
                    StartWorkflow = StartRequests.Answer(target!, started),
                },
                new ExecuteMultiOperationResponse.Types.Response { UpdateWorkflow = Answer(update.Request.Meta.UpdateId, target!, answer) },
            },
        };
    }

    private (WorkflowRun Run, bool Started) StartAndAdmit(
        Step step, NamespaceEntry space, StartWorkflowExecutionRequest start, WorkflowIdReusePolicy reuse, WorkflowIdConflictPolicy conflict,
        UpdateWorkflowExecutionRequest update, Reply<UpdateAnswer> reply)
    {
        Versioning.RequireStart(step, space, start);
        // An update that is known already is only waited for, whatever became of the run.
        if (step.TryFindCurrent<WorkflowRun>(Storage.EntityKind.Workflow, space.Id, start.WorkflowId, out var current)
            && (current.S.Updates.ContainsKey(update.Request.Meta.UpdateId) || current.Updates.Find(update.Request.Meta.UpdateId) is not null)
            && (conflict == WorkflowIdConflictPolicy.UseExisting || current.S.RequestIds.Any(known => known.RequestId == start.RequestId)))
        {
            Admit(step, current, update, reply);
            return (current, false);
        }

        IdDecision decision;
        try
        {
            decision = WorkflowIds.Decide(step, space, start.WorkflowId, reuse, conflict, start.RequestId);
        }
        catch (ServiceException refusal)
        {
            throw ServiceErrors.MultiOperationExecution("Update-with-Start could not be executed.", [refusal, null]);
        }

        if (decision.Existing is { } existing)
        {
            try
            {
                if (!existing.IsRunning)
                {
                    throw ServiceErrors.NotFound("workflow execution already completed");
                }

                Admit(step, existing, update, reply);
            }
            catch (ServiceException refusal)
            {
                throw ServiceErrors.MultiOperationExecution("Update-with-Start could not be executed.", [null, refusal]);
            }

            return (existing, false);
        }

        if (decision.Terminate is { } old)
        {
            CloseRun.Terminate(step, old, "TerminateIfRunning WorkflowIdReusePolicy Policy", "history-service");
        }

        var run = StartRequests.Start(step, space, start);
        Admit(step, run, update, reply);
        return (run, true);
    }

    private static WorkflowRun FindRunForUpdate(Step step, NamespaceEntry space, UpdateWorkflowExecutionRequest request)
    {
        var run = FindRun(step, space, request.WorkflowExecution);
        if (request.FirstExecutionRunId.Length > 0 && run.S.FirstRunId != request.FirstExecutionRunId)
        {
            throw ServiceErrors.NotFound("Requested workflow is not part of the expected chain of runs.");
        }

        return run.IsRunning || run.S.Updates.ContainsKey(request.Request.Meta.UpdateId)
            ? run
            : throw ServiceErrors.NotFound("workflow execution already completed");
    }

    private void Admit(Step step, WorkflowRun run, UpdateWorkflowExecutionRequest request, Reply<UpdateAnswer> reply)
    {
        var id = request.Request.Meta.UpdateId;
        var waitFor = request.WaitPolicy?.LifecycleStage ?? UpdateWorkflowExecutionLifecycleStage.Unspecified;
        waitFor = waitFor == UpdateWorkflowExecutionLifecycleStage.Unspecified ? UpdateWorkflowExecutionLifecycleStage.Accepted : waitFor;
        if (run.S.Updates.ContainsKey(id) || run.Updates.Find(id) is not null)
        {
            UpdateCallbacks.Attach(step, run, request.Request);
            Wait(step, run, id, waitFor, reply);
            return;
        }

        if (run.IsPaused)
        {
            throw ServiceErrors.FailedPrecondition("Workflow is paused. Cannot update the workflow.");
        }

        if (run.Updates.InFlight >= Limits.UpdatesInFlight)
        {
            throw ServiceErrors.ResourceExhausted(
                ResourceExhaustedCause.ConcurrentLimit, $"limit on number of concurrent in-flight updates has been reached ({Limits.UpdatesInFlight})");
        }

        if (run.S.Updates.Count >= Limits.UpdatesTotal)
        {
            throw ServiceErrors.FailedPrecondition($"The limit on the total number of distinct updates in this workflow has been reached ({Limits.UpdatesTotal}). Make sure any duplicate updates share an Update ID so the server can deduplicate them, and consider rejecting updates that you aren't going to process");
        }

        var update = new PendingUpdate(id, request.Request);
        run.Updates.Add(update);
        step.TouchVolatile(run);
        if (waitFor == UpdateWorkflowExecutionLifecycleStage.Admitted)
        {
            reply.Set(step, update.Answer());
        }
        else
        {
            update.Waiters.Add((waitFor, reply));
        }

        ScheduleWorkflowTask.EnsureForUpdates(step, run);
    }

    private static void Wait(Step step, WorkflowRun run, string id, UpdateWorkflowExecutionLifecycleStage waitFor, Reply<UpdateAnswer> reply)
    {
        if (run.Updates.Find(id) is { } pending)
        {
            if (waitFor == UpdateWorkflowExecutionLifecycleStage.Unspecified || pending.IsReached(waitFor))
            {
                reply.Set(step, pending.Answer());
            }
            else
            {
                pending.Waiters.Add((waitFor, reply));
                step.TouchVolatile(run);
            }

            return;
        }

        if (!run.S.Updates.TryGetValue(id, out var known))
        {
            throw ServiceErrors.NotFound($"update {id} not found");
        }

        if (known.CompletedEventId > 0)
        {
            var outcome = HistoryReading.Event(run, known.CompletedEventId).WorkflowExecutionUpdateCompletedEventAttributes.Outcome;
            reply.Set(step, new UpdateAnswer(UpdateWorkflowExecutionLifecycleStage.Completed, outcome, known.AcceptedEventId));
            return;
        }

        if (!run.IsRunning)
        {
            reply.Set(step, new UpdateAnswer(UpdateWorkflowExecutionLifecycleStage.Completed, new Outcome { Failure = Failures.UpdateOfClosedRun() }, known.AcceptedEventId));
            return;
        }

        // Accepted before a restart: it is in the history and its worker goes on with it.
        var resumed = new PendingUpdate(id, HistoryReading.Event(run, known.AcceptedEventId).WorkflowExecutionUpdateAcceptedEventAttributes.AcceptedRequest) { Stage = UpdateStage.Accepted, AcceptedEventId = known.AcceptedEventId };
        run.Updates.Add(resumed);
        step.TouchVolatile(run);
        Wait(step, run, id, waitFor, reply);
    }

    private static void Expire(Step step, WorkflowRun? run, string id, Reply<UpdateAnswer> reply)
    {
        // The object may have left memory; then its waiters were answered.
        if (run is not null && step.Load<WorkflowRun>(run.RunKey)?.Updates.Find(id) is { } update)
        {
            update.Waiters.RemoveAll(waiter => waiter.Reply == reply);
            reply.Set(step, update.Answer());
            return;
        }

        reply.Set(step, new UpdateAnswer(UpdateWorkflowExecutionLifecycleStage.Admitted, null, AcceptedEventId: 0));
    }

    private void Check(UpdateWorkflowExecutionRequest request)
    {
        RequireExecution(request.WorkflowExecution);
        RequireNot(request.Request?.Meta is null, "Update meta is not set on request.");
        RequireNot(request.Request!.Input is null, "Update input is not set on request.");
        RequireNot(request.Request.Input!.Name.Length == 0, "Update name is not set on request.");
        if (request.Request.Meta.UpdateId.Length == 0)
        {
            request.Request.Meta.UpdateId = Guid.NewGuid().ToString("D");
        }

        RequireLength(request.Request.Meta.UpdateId, "UpdateId");
        RequireLength(request.Request.Input.Name, "Update name");
        RequireBlob(request.Request.Input.Args, "Request.Input.Args");
        RequireLength(request.Request.RequestId, "Request.RequestId");
        DeliverCallbacks.Require(request.Request.CompletionCallbacks, Limits);
    }

    private static void RequireNot(bool isBad, string problem)
    {
        if (isBad)
        {
            throw ServiceErrors.InvalidArgument(problem);
        }
    }

    private static UpdateWorkflowExecutionResponse Answer(string id, WorkflowRun run, UpdateAnswer answer) => new()
    {
        UpdateRef = new UpdateRef { UpdateId = id, WorkflowExecution = new WorkflowExecution { WorkflowId = run.Id, RunId = run.RunId } },
        Outcome = answer.Outcome,
        Stage = answer.Stage,
        Link = answer.AcceptedEventId == 0 ? null : RunLinks.ToEvent(run, answer.AcceptedEventId, EventType.WorkflowExecutionUpdateAccepted),
    };
}
