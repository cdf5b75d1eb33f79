namespace Baton.Durable.Engine;

/// <summary>
/// The engine's time. In a time-skipping server it runs ahead of the wall clock: whenever nobody holds a lock on time and nothing is with a
/// worker, it jumps to the next instant at which something is due.
/// </summary>
internal sealed class EngineClock(TimeProvider wall, bool skipping = false)
{
    private readonly Lock gate = new();
    private long offset;
    private int locks;

    public TimeProvider Wall => wall;

    public bool IsSkipping => skipping;

    /// <summary>How often time is locked. Locked time passes at the speed of the wall clock.</summary>
    public int Locks => Volatile.Read(ref locks);

    public long Now() => Instant.From(wall.GetUtcNow()) + Volatile.Read(ref offset);

    public void Lock() => Interlocked.Increment(ref locks);

    /// <returns>False when there was no lock.</returns>
    public bool Unlock()
    {
        lock (gate)
        {
            if (locks == 0)
            {
                return false;
            }

            locks--;
            return true;
        }
    }

    /// <summary>Moves time forward to an instant; an instant that passed already changes nothing.</summary>
    public void AdvanceTo(long instant)
    {
        lock (gate)
        {
            var ahead = instant - Instant.From(wall.GetUtcNow());
            if (ahead > offset)
            {
                offset = ahead;
            }
        }
    }
}
