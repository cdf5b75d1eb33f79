using System.Diagnostics.Metrics;
using Baton.Durable.State;

namespace Baton.Durable.Matching;

/// <summary>Tasks of one kind since the start, over all queues. Written by the loop alone, read by whoever measures.</summary>
internal sealed class MatchCounts(TaskKind kind)
{
    private long waiting;
    private long handedAtOnce;
    private long handedLater;

    public string Kind { get; } = kind.ToString().ToLowerInvariant();

    /// <summary>Tasks that wait for a worker now.</summary>
    public long Waiting => Volatile.Read(ref waiting);

    /// <summary>Tasks that a worker was waiting for when they came (Temporal calls it sync match).</summary>
    public long HandedAtOnce => Volatile.Read(ref handedAtOnce);

    /// <summary>Tasks that had to wait for a worker.</summary>
    public long HandedLater => Volatile.Read(ref handedLater);

    /// <summary>From the moment that a worker could have had a task until one got it, in seconds.</summary>
    public Histogram<double>? Wait { get; set; }

    public void Changed(int by) => Volatile.Write(ref waiting, waiting + by);

    public void Handed(bool atOnce, double waited)
    {
        if (atOnce)
        {
            Volatile.Write(ref handedAtOnce, handedAtOnce + 1);
        }
        else
        {
            Volatile.Write(ref handedLater, handedLater + 1);
        }

        Wait?.Record(waited, new KeyValuePair<string, object?>("baton.task.kind", Kind));
    }
}
