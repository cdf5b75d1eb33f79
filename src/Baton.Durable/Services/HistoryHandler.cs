using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Hosting;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Histories: page by page, from the end, and waiting for what comes.</summary>
internal sealed class HistoryHandler(DurableEngine engine) : HandlerBase(engine)
{
    private sealed record Position(long RunKey, string RunId, long NextEventId, bool Running, long CloseEventId, string NewRunId);

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
        var position = await Find(space, request.Execution, token?.RunKey, token?.RunId);
        var from = token?.NextEventId ?? 1;
        if (from > position.NextEventId)
        {
            throw ServiceErrors.InvalidArgument("Invalid NextPageToken: it points behind the end of the history.");
        }

        if (request.WaitNewEvent && position.Running && (closeOnly || from >= position.NextEventId))
        {
            position = await WaitForNews(position, from, closeOnly, call);
        }

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
        var position = await Find(space, request.Execution, token?.RunKey, token?.RunId);
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

    private GetWorkflowExecutionHistoryResponse CloseEvent(GetWorkflowExecutionHistoryRequest request, Position position)
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

        response.History.Events.AddRange(HistoryReading.Stored(Engine.Store.Histories, position.RunKey, position.CloseEventId, position.CloseEventId + 1));
        return response;
    }

    private static IReadOnlyList<HistoryEvent>? Suffix(State.HistoryPageToken? token) =>
        token is { Suffix.IsEmpty: false } ? History.Parser.ParseFrom(token.Suffix).Events : null;

    /// <summary>Answers after everything that it tells of is on disk.</summary>
    private Task<Position> Find(NamespaceEntry space, WorkflowExecution execution, long? runKey, string? runId) => Engine.Run(step =>
    {
        if (runKey is { } key)
        {
            var known = step.Load<WorkflowRun>(key);
            return known is not null && known.RunId == runId && known.NamespaceId == space.Id && known.Id == execution.WorkflowId
                ? At(known)
                : throw ServiceErrors.InvalidArgument("Invalid NextPageToken: it is of another run.");
        }

        return At(FindRun(step, space, execution));
    });

    private async Task<Position> WaitForNews(Position position, long from, bool closeOnly, CallContext call)
    {
        await Engine.Wait<bool>(
            (step, reply) =>
            {
                if (step.Load<WorkflowRun>(position.RunKey) is not { } run)
                {
                    throw ServiceErrors.NotFound("The execution was deleted.");
                }

                if (!run.IsRunning || (!closeOnly && run.NextEventId > from))
                {
                    reply.Set(step, true);
                }
                else
                {
                    run.HistoryWaiters.Add(new HistoryWaiter(closeOnly, reply));
                }
            },
            (step, reply) =>
            {
                step.Load<WorkflowRun>(position.RunKey)?.HistoryWaiters.RemoveAll(waiter => waiter.Reply == reply);
                reply.Set(step, false);
            },
            LongPolls.Limit(call, Limits.LongWait),
            call.CancellationToken);
        return await Engine.Run(step => step.Load<WorkflowRun>(position.RunKey) is { } run ? At(run) : throw ServiceErrors.NotFound("The execution was deleted."));
    }

    private static Position At(WorkflowRun run) => new(run.RunKey, run.RunId, run.NextEventId, run.IsRunning, run.S.CompletionEventId, run.S.NewRunId);
}
