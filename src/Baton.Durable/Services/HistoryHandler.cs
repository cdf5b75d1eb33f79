using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Histories: page by page, from the end, and waiting for what comes.</summary>
internal sealed class HistoryHandler(DurableEngine engine) : HandlerBase(engine)
{
    public async Task<GetWorkflowExecutionHistoryResponse> GetWorkflowExecutionHistory(GetWorkflowExecutionHistoryRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.Execution);
        var token = request.NextPageToken.IsEmpty ? null : HistoryPages.Parse(request.NextPageToken);
        if (token is not null && request.Execution.RunId.Length > 0 && request.Execution.RunId != token.RunId)
        {
            throw ServiceErrors.InvalidArgument("Invalid NextPageToken: it is of another run.");
        }

        var closeOnly = request.HistoryEventFilterType == HistoryEventFilterType.CloseEvent;
        var from = token?.NextEventId ?? 1;
        var position = request.WaitNewEvent
            ? await WaitForNews(space, request.Execution, token, from, closeOnly, call)
            : await Engine.Run(step => HistoryPosition.Of(Find(step, space, request.Execution, token, from)));
        if (closeOnly)
        {
            return CloseEvent(request, position);
        }

        var until = token is { UntilEventId: > 0 } && !request.WaitNewEvent ? Math.Min(token.UntilEventId, position.NextEventId) : position.NextEventId;
        var maxEvents = request.MaximumPageSize is > 0 and <= HistoryPages.MaxEvents ? request.MaximumPageSize : HistoryPages.MaxEvents;
        var (history, next) = HistoryPages.Read(Engine.Store.Histories, position.RunKey, from, until, maxEvents);
        var response = new GetWorkflowExecutionHistoryResponse { History = history };
        if (next < until)
        {
            response.NextPageToken = HistoryPages.Token(position.RunKey, position.RunId, next, until, Suffix(token));
        }
        else if (token is { Suffix.IsEmpty: false })
        {
            history.Events.AddRange(Suffix(token)!);
        }
        else if (request.WaitNewEvent && position.Running)
        {
            response.NextPageToken = HistoryPages.Token(position.RunKey, position.RunId, next, 0, running: true);
        }

        return response;
    }

    public async Task<GetWorkflowExecutionHistoryReverseResponse> GetWorkflowExecutionHistoryReverse(GetWorkflowExecutionHistoryReverseRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.Execution);
        var token = request.NextPageToken.IsEmpty ? null : HistoryPages.Parse(request.NextPageToken);
        var position = await Engine.Run(step => HistoryPosition.Of(Find(step, space, request.Execution, token)));
        var from = token?.NextEventId ?? position.NextEventId - 1;
        var maxEvents = request.MaximumPageSize is > 0 and <= HistoryPages.MaxEvents ? request.MaximumPageSize : HistoryPages.MaxEvents;
        var history = new History();
        foreach (var batch in Engine.Store.Histories.ReadReverse(position.RunKey, from, maxEvents, HistoryPages.MaxBytes))
        {
            foreach (var item in History.Parser.ParseFrom(batch.Events).Events.Where(item => item.EventId <= from).Reverse())
            {
                if (history.Events.Count < maxEvents)
                {
                    history.Events.Add(item);
                }
            }
        }

        var response = new GetWorkflowExecutionHistoryReverseResponse { History = history };
        if (history.Events.Count > 0 && history.Events[^1].EventId > 1)
        {
            response.NextPageToken = HistoryPages.Token(position.RunKey, position.RunId, history.Events[^1].EventId - 1, 0);
        }

        return response;
    }

    private GetWorkflowExecutionHistoryResponse CloseEvent(GetWorkflowExecutionHistoryRequest request, HistoryPosition position)
    {
        var response = new GetWorkflowExecutionHistoryResponse { History = new History() };
        if (position.Running)
        {
            // Nothing yet: the caller asks again with the token.
            if (request.WaitNewEvent)
            {
                response.NextPageToken = HistoryPages.Token(position.RunKey, position.RunId, position.NextEventId, 0, running: true);
            }
            else
            {
                response.History.Events.AddRange(HistoryReading.Stored(Engine.Store.Histories, position.RunKey, position.NextEventId - 1, position.NextEventId));
            }

            return response;
        }

        response.History.Events.AddRange(position.CloseEvent is { } last
            ? [last]
            : HistoryReading.Stored(Engine.Store.Histories, position.RunKey, position.CloseEventId, position.CloseEventId + 1));
        return response;
    }

    private static IReadOnlyList<HistoryEvent>? Suffix(HistoryPageToken? token) =>
        token is { Suffix.IsEmpty: false } ? History.Parser.ParseFrom(token.Suffix).Events : null;

    /// <exception cref="ServiceException">There is no such run, or the token is of another one.</exception>
    private WorkflowRun Find(Step step, NamespaceEntry space, WorkflowExecution execution, HistoryPageToken? token, long from = 1)
    {
        if (token is null)
        {
            return FindRun(step, space, execution);
        }

        var run = step.Load<WorkflowRun>(token.RunKey);
        if (run is null || run.RunId != token.RunId || run.NamespaceId != space.Id || run.Id != execution.WorkflowId)
        {
            throw ServiceErrors.InvalidArgument("Invalid NextPageToken: it is of another run.");
        }

        return from <= run.NextEventId ? run : throw ServiceErrors.InvalidArgument("Invalid NextPageToken: it points behind the end of the history.");
    }

    /// <summary>Answers when there is an event from <paramref name="from"/> on, or the run is closed, or the time is up.</summary>
    private Task<HistoryPosition> WaitForNews(NamespaceEntry space, WorkflowExecution execution, HistoryPageToken? token, long from, bool closeOnly, CallContext call)
    {
        long runKey = 0;
        return Engine.Wait<HistoryPosition>(
            (step, reply) =>
            {
                var run = Find(step, space, execution, token, from);
                runKey = run.RunKey;
                run.HistoryWaiters.Add(new HistoryWaiter(closeOnly, from, reply));
                run.NotifyHistory(step);
            },
            (step, reply) =>
            {
                if (step.Load<WorkflowRun>(runKey) is not { } run)
                {
                    throw ServiceErrors.NotFound("The execution was deleted.");
                }

                run.HistoryWaiters.RemoveAll(waiter => waiter.Reply == reply);
                reply.Set(step, HistoryPosition.Of(run));
            },
            LongPolls.Limit(call, Limits.LongWait),
            call.CancellationToken);
    }
}
