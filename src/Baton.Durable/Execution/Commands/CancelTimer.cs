using Google.Protobuf;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

/// <summary>Cancels a timer. One that fired while the worker was at work, and whose event is still buffered, never fired for the workflow.</summary>
internal static class CancelTimer
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadCancelTimerAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.CancelTimerCommandAttributes ?? throw new BadCommandException(Bad, "CancelTimerCommandAttributes is not set on command.");
        CommandBatch.RequireId(a.TimerId, batch.Limits.IdLength, Bad, "TimerId");
        if (!batch.Timers.Remove(a.TimerId) && !batch.Run.BufferedEvents().Any(item => IsFiring(item, a.TimerId)))
        {
            throw new BadCommandException(Bad, $"No pending timer has id {a.TimerId}.");
        }
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var timerId = command.CancelTimerCommandAttributes.TimerId;
        var s = batch.Run.S;
        long startedEventId;
        if (s.Timers.Remove(timerId, out var timer))
        {
            startedEventId = timer.StartedEventId;
        }
        else
        {
            var index = batch.Run.BufferedEvents().ToList().FindIndex(item => IsFiring(item, timerId));
            startedEventId = HistoryEvent.Parser.ParseFrom(s.Buffered[index].Event).TimerFiredEventAttributes.StartedEventId;
            s.Buffered.RemoveAt(index);
        }

        batch.Append(command, new HistoryEvent
        {
            EventType = EventType.TimerCanceled,
            TimerCanceledEventAttributes = new TimerCanceledEventAttributes
            {
                TimerId = timerId,
                StartedEventId = startedEventId,
                WorkflowTaskCompletedEventId = batch.CompletedEventId,
                Identity = batch.Request.Identity,
            },
        });
    }

    private static bool IsFiring(HistoryEvent item, string timerId) =>
        item.EventType == EventType.TimerFired && item.TimerFiredEventAttributes.TimerId == timerId;
}

internal static class MapFieldExtensions
{
    /// <summary>Takes an entry out of a map.</summary>
    public static bool Remove<TKey, TValue>(this Google.Protobuf.Collections.MapField<TKey, TValue> map, TKey key, out TValue value)
        where TKey : notnull
    {
        if (map.TryGetValue(key, out value!))
        {
            map.Remove(key);
            return true;
        }

        return false;
    }
}
