using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;

namespace Baton.Durable.Execution;

/// <summary>
/// How what a run waits for gets to disk. Little of it stands within the state; from <see cref="InlineLimit"/> on each thing has a row of its own, so that
/// one activity's end among thousands writes one row.
/// </summary>
/// <remarks>
/// Which rows changed is found by comparing bytes with what was written last, not by marks: nobody who changes an activity can forget
/// one. Once in parts, a run stays there until nothing is pending.
/// </remarks>
internal sealed class PendingParts
{
    private const int InlineLimit = 24;

    // Bytes on disk by part; null while everything stands within the state.
    private Dictionary<long, byte[]>? written;

    public bool IsInParts(PendingState? pending) => written is not null || Count(pending) > InlineLimit;

    /// <summary>Writes what changed since the last time.</summary>
    public void Write(long runKey, PendingState? pending, WriteBatch batch)
    {
        if (!IsInParts(pending))
        {
            return;
        }

        var old = written ?? [];
        var now = new Dictionary<long, byte[]>(old.Count);
        foreach (var (part, state) in Parts(pending))
        {
            var bytes = state.ToByteArray();
            if (old.Remove(part, out var before) && bytes.AsSpan().SequenceEqual(before))
            {
                now[part] = before;
                continue;
            }

            now[part] = bytes;
            batch.Parts[(runKey, part)] = bytes;
        }

        foreach (var part in old.Keys)
        {
            batch.Parts[(runKey, part)] = null;
        }

        written = now.Count == 0 ? null : now;
    }

    /// <summary>What is pending, wherever it stands.</summary>
    public PendingState? Read(EntityRecord record, PendingState? within)
    {
        if (record.Parts.Count == 0)
        {
            return within;
        }

        written = record.Parts.ToDictionary(static part => part.Part, static part => part.Bytes);
        var pending = new PendingState();
        foreach (var (_, bytes) in record.Parts)
        {
            var part = StatePart.Parser.ParseFrom(bytes);
            switch (part.KindCase)
            {
                case StatePart.KindOneofCase.Activity:
                    pending.Activities.Add(part.Activity.ScheduledEventId, part.Activity);
                    break;
                case StatePart.KindOneofCase.Timer:
                    pending.Timers.Add(part.Timer.TimerId, part.Timer);
                    break;
                case StatePart.KindOneofCase.Child:
                    pending.Children.Add(part.Child.InitiatedEventId, part.Child);
                    break;
                case StatePart.KindOneofCase.NexusOperation:
                    pending.NexusOperations.Add(part.NexusOperation.ScheduledEventId, part.NexusOperation);
                    break;
            }
        }

        return pending;
    }

    private static int Count(PendingState? pending) =>
        pending is null ? 0 : pending.Activities.Count + pending.Timers.Count + pending.Children.Count + pending.NexusOperations.Count;

    /// <summary>Numbered by the event that began each, which no two share.</summary>
    private static IEnumerable<(long Part, StatePart State)> Parts(PendingState? pending)
    {
        if (pending is null)
        {
            yield break;
        }

        foreach (var activity in pending.Activities.Values)
        {
            yield return (activity.ScheduledEventId, new StatePart { Activity = activity });
        }

        foreach (var timer in pending.Timers.Values)
        {
            yield return (timer.StartedEventId, new StatePart { Timer = timer });
        }

        foreach (var child in pending.Children.Values)
        {
            yield return (child.InitiatedEventId, new StatePart { Child = child });
        }

        foreach (var operation in pending.NexusOperations.Values)
        {
            yield return (operation.ScheduledEventId, new StatePart { NexusOperation = operation });
        }
    }
}
