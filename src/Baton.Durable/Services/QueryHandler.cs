using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

internal sealed class QueryHandler(DurableEngine engine) : HandlerBase(engine)
{
    private const int FailingAttempts = 3;

    public Task<QueryWorkflowResponse> QueryWorkflow(QueryWorkflowRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.Execution);
        if (request.Query is null)
        {
            throw ServiceErrors.InvalidArgument("WorkflowQuery is not set on request.");
        }

        RequireId(request.Query.QueryType, "QueryType");
        RequireBlob(request.Query.QueryArgs, "QueryArgs");
        var patience = LongPolls.Limit(call, TimeSpan.FromSeconds(30));
        long runKey = 0;
        return Engine.Wait<QueryWorkflowResponse>(
            (step, reply) =>
            {
                var run = FindRun(step, space, request.Execution);
                runKey = run.RunKey;
                var rejected = request.QueryRejectCondition switch
                {
                    QueryRejectCondition.NotOpen => !run.IsRunning,
                    QueryRejectCondition.NotCompletedCleanly => !run.IsRunning && run.Status != WorkflowExecutionStatus.Completed,
                    _ => false,
                };
                if (rejected)
                {
                    reply.Set(step, new QueryWorkflowResponse { QueryRejected = new() { Status = run.Status } });
                    return;
                }

                if (NotReady(step, run, patience) is { } reason)
                {
                    throw ServiceErrors.WorkflowNotReady(reason);
                }

                DispatchQuery.Apply(step, run, request.Query, reply);
            },
            (step, reply) =>
            {
                if (step.Load<WorkflowRun>(runKey) is { } run)
                {
                    foreach (var query in run.Queries.All.Where(query => query.Reply == reply).ToList())
                    {
                        run.Queries.Take(query.Id);
                    }

                    step.TouchVolatile(run);
                }

                reply.Fail(step, ServiceErrors.DeadlineExceeded("query timed out before a worker could process it"));
            },
            patience,
            call.CancellationToken);
    }

    /// <summary>Why no worker could answer a query of the run in time, or null.</summary>
    private static string? NotReady(Step step, WorkflowRun run, TimeSpan patience)
    {
        if (!run.IsRunning && run.S.LastCompletedStartedId == 0)
        {
            return DispatchQuery.ClosedBeforeTask;
        }

        if (run.IsBackingOff && run.S.BackoffUntil > step.Now + patience.Ticks)
        {
            return "Workflow task is not scheduled yet.";
        }

        // A worker that fails the workflow's tasks would fail the query too, or never answer it.
        return run.S.WorkflowTask is { Attempt: >= FailingAttempts } ? "Unable to query workflow due to Workflow Task in failed state." : null;
    }
}
