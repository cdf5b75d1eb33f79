using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Query.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>
/// Brings a query to a worker. When a workflow task is pending the query rides with it and so sees everything that was acknowledged before;
/// else, and for a closed run, it goes to a worker alone.
/// </summary>
internal static class DispatchQuery
{
    /// <summary>A workflow that ended before a worker saw it has nothing to answer with.</summary>
    public const string ClosedBeforeTask = "Workflow execution closed before WorkflowTaskStarted event";

    public static void Apply(Step step, WorkflowRun run, WorkflowQuery question, Reply<QueryWorkflowResponse> reply)
    {
        var query = new PendingQuery(Guid.NewGuid().ToString("D"), question, reply);
        run.Queries.Add(query);
        step.TouchVolatile(run);
        if (run.IsRunning && !run.IsPaused && (run.HasWorkflowTask || run.S.LastCompletedStartedId == 0))
        {
            if (run.Queries.Buffered.Count >= run.Core.Limits.BufferedQueries)
            {
                run.Queries.Take(query.Id);
                throw ServiceErrors.ResourceExhausted(
                    ResourceExhaustedCause.BusyWorkflow,
                    "consistent query buffer is full, this may be caused by too many queries and workflow not able to process query fast enough");
            }

            run.Queries.Buffered.Add(query.Id);
        }
        else
        {
            Alone(step, run, query);
        }
    }

    /// <summary>Queries that could not ride with the task that just ended, and find no other, go alone.</summary>
    public static void AfterTask(Step step, WorkflowRun run)
    {
        if (run.HasWorkflowTask)
        {
            return;
        }

        foreach (var query in run.Queries.All.Where(query => run.Queries.Buffered.Contains(query.Id)).ToList())
        {
            run.Queries.Buffered.Remove(query.Id);
            Alone(step, run, query);
        }
    }

    public static void Alone(Step step, WorkflowRun run, PendingQuery query)
    {
        var key = new QueueKey(run.NamespaceId, run.S.TaskQueue, TaskKind.Workflow, "", "");
        var sticky = false;
        if (run.IsRunning && run.S.StickyQueue.Length > 0)
        {
            var stickyKey = key with { Name = run.S.StickyQueue };
            if (run.Core.Matcher.IsPolled(stickyKey, step.Now, run.Core.Limits.StickyPollAge.Ticks))
            {
                key = stickyKey;
                sticky = true;
            }
        }

        if (!sticky)
        {
            key = Versioning.QueryQueue(run);
        }

        query.IsWithWorker = false;
        run.Core.Matcher.Offer(step, key, new QueryTask(query.Id, run.RunKey, Instant.Never, (at, poller) => Give(at, poller, run.RunKey, query.Id, sticky)));
        if (sticky && !query.IsWithWorker)
        {
            run.Core.Sleepers.Enqueue(at => GiveUpSticky(at, run.RunKey, query.Id), step.Now + run.Core.Limits.StickyQueryWait.Ticks);
        }
    }

    /// <summary>The worker that knows the workflow did not take the query: any worker may, with the whole history.</summary>
    private static void GiveUpSticky(Step step, long runKey, string queryId)
    {
        if (step.Load<WorkflowRun>(runKey) is { } run && run.Queries.Find(queryId) is { IsWithWorker: false } query && !query.Reply.IsSet)
        {
            run.S.StickyQueue = "";
            step.Touch(run);
            Alone(step, run, query);
        }
    }

    private static void Give(Step step, Poller poller, long runKey, string queryId, bool sticky)
    {
        // The run may have left memory with its caller; then nobody waits for the answer.
        if (step.Load<WorkflowRun>(runKey) is not { } run || run.Queries.Find(queryId) is not { IsWithWorker: false } query || query.Reply.IsSet)
        {
            step.Core.Matcher.Poll(step, poller);
            return;
        }

        query.IsWithWorker = true;
        var response = new PollWorkflowTaskQueueResponse
        {
            TaskToken = TaskTokens.OfQuery(run, queryId),
            WorkflowExecution = run.Execution,
            WorkflowType = new WorkflowType { Name = run.S.WorkflowType },
            PreviousStartedEventId = run.S.LastCompletedStartedId,
            StartedEventId = 0,
            Attempt = 1,
            Query = query.Query,
            WorkflowExecutionTaskQueue = new() { Name = run.S.TaskQueue, Kind = TaskQueueKind.Normal },
        };
        ((WorkflowPoller)poller).Answer(step, HistoryPages.ForTask(run, response, sticky ? run.S.LastCompletedStartedId + 1 : 1, []));
    }

    /// <summary>A worker's answer to a query that went alone.</summary>
    public static void Answered(Step step, WorkflowRun run, RespondQueryTaskCompletedRequest request, string queryId)
    {
        if (run.Queries.Take(queryId) is not { } query)
        {
            throw ServiceErrors.NotFound("Query task not found, or already expired.");
        }

        step.TouchVolatile(run);
        Answer(step, run, query, new WorkflowQueryResult
        {
            ResultType = request.CompletedType,
            Answer = request.QueryResult,
            ErrorMessage = request.ErrorMessage,
            Failure = request.Failure,
        });
    }

    public static void Answer(Step step, WorkflowRun run, PendingQuery query, WorkflowQueryResult result)
    {
        if (result.ResultType != QueryResultType.Answered)
        {
            query.Reply.Fail(step, ServiceErrors.QueryFailed(result.ErrorMessage, result.Failure));
        }
        else if (result.Answer?.CalculateSize() > run.Core.Limits.BlobSize)
        {
            query.Reply.Fail(step, ServiceErrors.QueryFailed("Blob data size exceeds limit."));
        }
        else
        {
            query.Reply.Set(step, new QueryWorkflowResponse { QueryResult = result.Answer });
        }
    }
}
