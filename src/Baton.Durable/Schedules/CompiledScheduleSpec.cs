using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Temporalio.Api.Schedule.V1;

namespace Baton.Durable.Schedules;

/// <summary>A time at which a schedule acts.</summary>
/// <param name="Nominal">What the spec says, in whole seconds.</param>
/// <param name="Actual">Nominal time plus jitter.</param>
internal readonly record struct ScheduleTime(DateTimeOffset Nominal, DateTimeOffset Actual);

/// <summary>A schedule's spec, ready to tell times. A pure function of the spec and the jitter seed.</summary>
internal sealed class CompiledScheduleSpec
{
    /// <summary>The last second that there are dates for, 9999-12-31T23:59:59Z.</summary>
    public const long MaxTime = 253_402_300_799;

    // Enough for a year of seconds-wise exclusion of a minutely schedule, and some tens of milliseconds of work.
    private const int MaxExcludedInARow = 500_000;

    private readonly ScheduleTimeZone zone;
    private readonly CompiledCalendar[] calendars;
    private readonly CompiledCalendar[] excludes;
    private readonly (long Interval, long Phase)[] intervals;
    private readonly DateTimeOffset? start;
    private readonly DateTimeOffset? end;
    private readonly TimeSpan jitter;

    private CompiledScheduleSpec(ScheduleSpec canonical)
    {
        Canonical = canonical;
        zone = ScheduleSpecs.ZoneOf(canonical);
        calendars = [.. canonical.StructuredCalendar.Select(c => new CompiledCalendar(c))];
        excludes = [.. canonical.ExcludeStructuredCalendar.Select(c => new CompiledCalendar(c))];
        intervals = [.. canonical.Interval.Select(i => (i.Interval.Seconds, i.Phase?.Seconds ?? 0))];
        start = canonical.StartTime?.ToDateTimeOffset();
        end = canonical.EndTime?.ToDateTimeOffset();
        jitter = canonical.Jitter?.ToTimeSpan() ?? TimeSpan.Zero;
    }

    /// <summary>What is kept and shown: calendars and cron strings have become structured calendars and intervals.</summary>
    public ScheduleSpec Canonical { get; }

    /// <exception cref="ScheduleSpecException">The spec is wrong; the message lists everything that is, by field.</exception>
    public static CompiledScheduleSpec Compile(ScheduleSpec spec) => new(ScheduleSpecs.Canonicalize(spec));

    /// <summary>The first time whose nominal time is after <paramref name="after"/>, or null when there is none.</summary>
    /// <param name="seed">Spreads schedules of the same spec over the jitter window.</param>
    /// <exception cref="ScheduleSpecException">The exclusions leave no time within a reasonable search.</exception>
    public ScheduleTime? NextTime(string seed, DateTimeOffset after)
    {
        if (start is { } first && after < first)
        {
            // The first second of the range may match too.
            after = first.AddSeconds(-1);
        }
        var from = after.ToUnixTimeSeconds();
        for (var tries = 0; tries < MaxExcludedInARow; tries++)
        {
            if (NextRaw(from) is not { } nominal || DateTimeOffset.FromUnixTimeSeconds(nominal) is var at && at > end)
            {
                return null;
            }
            if (!excludes.Any(e => e.Matches(zone, nominal)))
            {
                return new(at, at + JitterOf(nominal, seed));
            }
            from = nominal;
        }
        throw new ScheduleSpecException($"exclude_structured_calendar excludes {MaxExcludedInARow} times in a row; exclude less, or schedule less often");
    }

    /// <summary>Times after <paramref name="after"/> up to and including <paramref name="until"/> (by actual time), in order.</summary>
    public IEnumerable<ScheduleTime> Times(string seed, DateTimeOffset after, DateTimeOffset until)
    {
        while (NextTime(seed, after) is { } next && next.Actual <= until)
        {
            yield return next;
            after = next.Actual;
        }
    }

    private long? NextRaw(long after)
    {
        long? next = null;
        foreach (var calendar in calendars)
        {
            next = Earlier(next, calendar.Next(zone, after));
        }
        foreach (var (interval, phase) in intervals)
        {
            var (quotient, remainder) = Math.DivRem(after - phase, interval);
            next = Earlier(next, ((remainder < 0 ? quotient : quotient + 1) * interval) + phase);
        }
        return next > MaxTime ? null : next;

        static long? Earlier(long? a, long? b) => a is null || b < a ? b : a;
    }

    // Never reaches the following nominal time, so that the order of times is that of nominal times, and a search from an
    // actual time finds the one that follows.
    private TimeSpan JitterOf(long nominal, string seed)
    {
        if (jitter <= TimeSpan.Zero)
        {
            return TimeSpan.Zero;
        }
        var window = NextRaw(nominal) is { } following ? Math.Min(jitter.Ticks, (following - nominal) * TimeSpan.TicksPerSecond) : jitter.Ticks;
        var milliseconds = (ulong)Math.Min(window / TimeSpan.TicksPerMillisecond, uint.MaxValue);
        Span<byte> hashed = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{nominal}/{seed}")), hashed);
        return TimeSpan.FromMilliseconds((BinaryPrimitives.ReadUInt32BigEndian(hashed) * milliseconds) >> 32);
    }
}
