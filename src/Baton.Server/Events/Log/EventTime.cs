namespace Baton.Server.Events.Log;

/// <summary>Times of the log are whole microseconds since 1970.</summary>
internal static class EventTime
{
    public static long ToMicros(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public static DateTimeOffset FromMicros(long micros) => DateTimeOffset.UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond);

    /// <summary>The first offset whose event came at <paramref name="time"/> or later, by halving; one more than the last where there is none.</summary>
    public static async Task<long> FindOffsetAsync(this IEventLog log, DateTimeOffset time, CancellationToken cancel)
    {
        var stats = await log.StatsAsync(cancel);
        var (low, high) = (stats.First, stats.Last + 1);
        while (low < high)
        {
            var middle = low + (high - low) / 2;
            // Offsets have gaps: what is asked for is the next event that is there.
            var found = await log.ReadAsync(middle, 1, backwards: false, cancel);
            if (found.Count == 0 || found[0].At >= time)
            {
                high = middle;
            }
            else
            {
                low = found[0].Offset + 1;
            }
        }
        return low;
    }
}
