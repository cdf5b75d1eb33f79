using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

internal sealed class QueryHandler(DurableEngine engine) : HandlerBase(engine)
{
    public Task<QueryWorkflowResponse> QueryWorkflow(QueryWorkflowRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.Execution);
        if (request.Query is null)
        {
            throw ServiceErrors.InvalidArgument("Query is not set on request.");
        }

        RequireId(request.Query.QueryType, "QueryType");
        RequireBlob(request.Query.QueryArgs, "QueryArgs");
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

                if (run.S.LastCompletedStartedId == 0 && (!run.IsRunning || run.IsBackingOff))
                {
                    throw ServiceErrors.WorkflowNotReady("Workflow execution is not ready to be queried: it has completed no workflow task.");
                }

                if (run.Queries.All.Count() >= 100)
                {
                    throw ServiceErrors.ResourceExhausted(ResourceExhaustedCause.BusyWorkflow, "consistent query buffer is full, cannot accept new consistent queries");
                }

                DispatchQuery.Apply(step, run, request.Query, reply);
            },
            (step, reply) =>
            {
                if (step.Load<Execution.WorkflowRun>(runKey) is { } run)
                {
                    foreach (var query in run.Queries.All.Where(query => query.Reply == reply).ToList())
                    {
                        run.Queries.Take(query.Id);
                    }

                    step.TouchVolatile(run);
                }

                reply.Fail(step, ServiceErrors.DeadlineExceeded("query timed out before a worker could process it"));
            },
            LongPolls.Limit(call, TimeSpan.FromSeconds(30)),
            call.CancellationToken);
    }
}
