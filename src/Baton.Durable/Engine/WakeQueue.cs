namespace Baton.Durable.Engine;

/// <summary>
/// When which entity must be woken: 16 bytes for each open entity that has a timer, whether it is in memory or not.
/// Entries that were replaced stay in the heap and are skipped when they surface.
/// </summary>
internal sealed class WakeQueue
{
    private readonly PriorityQueue<long, long> heap = new();
    private readonly Dictionary<long, long> current = [];

    public int Count => current.Count;

    public void Set(long runKey, long at)
    {
        if (at == Instant.Never)
        {
            current.Remove(runKey);
            return;
        }

        if (current.TryGetValue(runKey, out var old) && old == at)
        {
            return;
        }

        current[runKey] = at;
        heap.Enqueue(runKey, at);

        // Replaced entries must not outgrow the live ones.
        if (heap.Count > 1024 && heap.Count > current.Count * 4)
        {
            heap.Clear();
            heap.EnqueueRange(current.Select(static pair => (pair.Key, pair.Value)));
        }
    }

    public void Remove(long runKey) => current.Remove(runKey);

    public void Clear()
    {
        heap.Clear();
        current.Clear();
    }

    public long NextAt()
    {
        while (heap.TryPeek(out var runKey, out var at))
        {
            if (current.TryGetValue(runKey, out var live) && live == at)
            {
                return at;
            }

            heap.Dequeue();
        }

        return Instant.Never;
    }

    /// <summary>Takes the next entity that is due, or false.</summary>
    public bool TryTake(long now, out long runKey)
    {
        if (NextAt() > now)
        {
            runKey = 0;
            return false;
        }

        runKey = heap.Dequeue();
        current.Remove(runKey);
        return true;
    }
}
