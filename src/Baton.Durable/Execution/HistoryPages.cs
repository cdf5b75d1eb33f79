using Baton.Durable.Hosting;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution;

/// <summary>History cut into pages, and the tokens that name the next one.</summary>
internal static class HistoryPages
{
    public const int MaxEvents = 1000;
    public const int MaxBytes = 2 * 1024 * 1024;

    /// <summary>Fills a workflow task's history from memory, or from the store after the commit.</summary>
    public static Func<PollWorkflowTaskQueueResponse> ForTask(
        WorkflowRun run, PollWorkflowTaskQueueResponse response, long from, IReadOnlyList<HistoryEvent> suffix)
    {
        var until = run.NextEventId;
        var runKey = run.RunKey;
        var reader = run.Core.Store.Histories;
        if (run.TryGetTail(from, out var events) && events.Count <= MaxEvents && Size(events) <= MaxBytes)
        {
            response.History = new History();
            response.History.Events.AddRange(events);
            response.History.Events.AddRange(suffix);
            return () => response;
        }

        var runId = run.RunId;
        return () =>
        {
            var (history, next) = Read(reader, runKey, from, until, MaxEvents);
            response.History = history;
            if (next < until)
            {
                response.NextPageToken = Token(runKey, runId, next, until, suffix);
            }
            else
            {
                history.Events.AddRange(suffix);
            }

            return response;
        };
    }

    /// <summary>One page of events that are on disk, and the id of the event after it.</summary>
    public static (History History, long Next) Read(IHistoryReader reader, long runKey, long from, long until, int maxEvents)
    {
        var history = new History();
        var next = from;
        while (next < until)
        {
            var batches = reader.Read(runKey, next, until, maxEvents, MaxBytes);
            if (batches.Count == 0)
            {
                break;
            }

            foreach (var batch in batches)
            {
                foreach (var item in History.Parser.ParseFrom(batch.Events).Events)
                {
                    if (item.EventId >= next && item.EventId < until)
                    {
                        history.Events.Add(item);
                        next = item.EventId + 1;
                        if (history.Events.Count >= maxEvents)
                        {
                            return (history, next);
                        }
                    }
                }
            }

            break;
        }

        return (history, next);
    }

    public static ByteString Token(long runKey, string runId, long next, long until, IReadOnlyList<HistoryEvent>? suffix = null, bool running = false)
    {
        var token = new HistoryPageToken { RunKey = runKey, RunId = runId, NextEventId = next, UntilEventId = until, Running = running };
        if (suffix is { Count: > 0 })
        {
            var history = new History();
            history.Events.AddRange(suffix);
            token.Suffix = history.ToByteString();
        }

        return token.ToByteString();
    }

    /// <exception cref="ServiceException">INVALID_ARGUMENT: not a token of this run.</exception>
    public static HistoryPageToken Parse(ByteString bytes)
    {
        try
        {
            var token = HistoryPageToken.Parser.ParseFrom(bytes);
            if (token.RunKey > 0 && token.RunId.Length > 0 && token.NextEventId > 0)
            {
                return token;
            }
        }
        catch (InvalidProtocolBufferException)
        {
        }

        throw ServiceErrors.InvalidArgument("Invalid NextPageToken.");
    }

    private static int Size(List<HistoryEvent> events)
    {
        var size = 0;
        foreach (var item in events)
        {
            size += item.CalculateSize();
        }

        return size;
    }
}
