using Baton.Server.Identity;

namespace Baton.Server.Live;

/// <summary>Something that happened.</summary>
/// <param name="Topic">runs, tasks, events...</param>
/// <param name="Kind">started, ended, created, approve...</param>
/// <param name="Position">Where its reader is after it; null where only a whole look has a position.</param>
internal sealed record LiveItem(string Topic, string Kind, DateTimeOffset Time, object Data, string? Position = null);

/// <summary>
/// A stream of what happens, read from where it is kept: nothing is lost when a process dies, and any replica can go on
/// where another stopped. Each concept registers its own.
/// </summary>
internal interface ILiveTopic
{
    string Name { get; }

    /// <summary>What a caller must be allowed.</summary>
    string Permission { get; }

    /// <summary>A grant on one flow is enough: the reader tells only what is of the flows that the caller may see.</summary>
    bool IsByFlow { get; }

    bool IsFor(Caller caller) => IsByFlow ? caller.MaySomewhere(Permission) : caller.May(Permission);

    /// <param name="position">Where an earlier reader was; null for now.</param>
    ILiveReader Open(string? position, Caller caller);
}

/// <summary>One reader's way through a topic. At least once: what is near the position may be told again by another reader.</summary>
internal interface ILiveReader
{
    /// <summary>Letters, digits and hyphens.</summary>
    string Position { get; }

    /// <summary>What is new, the oldest first; empty when there is nothing.</summary>
    Task<IReadOnlyList<LiveItem>> ReadAsync(CancellationToken cancel);
}

/// <summary>
/// A position in time, for sources whose rows may become visible a little later than their times say: each look begins
/// somewhat before the newest row known, and skips what it has told.
/// </summary>
internal sealed class LiveWindow
{
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(5);

    /// <summary>Of the year 5138: above it is no position of ours.</summary>
    private const long MaxMicros = 100_000_000_000_000_000;

    private readonly Dictionary<string, DateTimeOffset> told = [];
    private DateTimeOffset newest;

    public LiveWindow(string? position, DateTimeOffset now)
    {
        var isResumed = long.TryParse(position, out var micros) && micros is > 0 and < MaxMicros;
        newest = isResumed ? DateTimeOffset.UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond) : now;
        From = isResumed ? newest - Overlap : newest;
    }

    /// <summary>Where the next look begins.</summary>
    public DateTimeOffset From { get; private set; }

    public string Position => $"{(newest - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond}";

    /// <returns>False for what was told before.</returns>
    public bool Take(string key, DateTimeOffset time)
    {
        if (!told.TryAdd(key, time))
        {
            return false;
        }
        newest = time > newest ? time : newest;
        return true;
    }

    /// <summary>Ends a look.</summary>
    public void Advance()
    {
        From = newest - Overlap > From ? newest - Overlap : From;
        foreach (var (key, _) in told.Where(entry => entry.Value < From).ToList())
        {
            told.Remove(key);
        }
    }
}
