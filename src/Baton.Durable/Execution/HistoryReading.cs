using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution;

/// <summary>Events of a run from memory or, when they left it, from the store.</summary>
internal static class HistoryReading
{
    public static HistoryEvent Event(WorkflowRun run, long eventId)
    {
        if (run.TryGetTail(eventId, out var events) && events.Count > 0)
        {
            return events[0];
        }

        foreach (var batch in run.Core.Store.Histories.Read(run.RunKey, eventId, eventId + 1, 1, 1))
        {
            foreach (var item in History.Parser.ParseFrom(batch.Events).Events)
            {
                if (item.EventId == eventId)
                {
                    return item;
                }
            }
        }

        throw new InvalidOperationException($"Event {eventId} of run {run.RunId} is missing.");
    }

    /// <summary>Events of [from, until) that are on disk, in order.</summary>
    public static IEnumerable<HistoryEvent> Stored(Storage.IHistoryReader reader, long runKey, long from, long until)
    {
        while (from < until)
        {
            var last = from;
            foreach (var batch in reader.Read(runKey, from, until, 1000, 4 * 1024 * 1024))
            {
                foreach (var item in History.Parser.ParseFrom(batch.Events).Events)
                {
                    if (item.EventId >= from && item.EventId < until)
                    {
                        last = item.EventId + 1;
                        yield return item;
                    }
                }
            }

            if (last == from)
            {
                yield break;
            }

            from = last;
        }
    }

    /// <summary>Every event of a run, those not yet on disk too. On the loop only.</summary>
    public static IEnumerable<HistoryEvent> All(WorkflowRun run, long from, long until)
    {
        var tailFrom = run.TailFrom;
        foreach (var item in Stored(run.Core.Store.Histories, run.RunKey, from, Math.Min(until, tailFrom)))
        {
            yield return item;
        }

        if (run.TryGetTail(Math.Max(from, tailFrom), out var events))
        {
            foreach (var item in events)
            {
                if (item.EventId < until)
                {
                    yield return item;
                }
            }
        }
    }
}
