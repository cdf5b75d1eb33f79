using Google.Protobuf.WellKnownTypes;

namespace Baton.Durable.Engine;

/// <summary>
/// Instants in the engine are Unix time in ticks of 100 ns and durations are ticks, so that state is plain numbers and
/// arithmetic is exact. 0 means unset.
/// </summary>
internal static class Instant
{
    public const long Millisecond = TimeSpan.TicksPerMillisecond;
    public const long Second = TimeSpan.TicksPerSecond;
    public const long Minute = TimeSpan.TicksPerMinute;
    public const long Hour = TimeSpan.TicksPerHour;
    public const long Day = TimeSpan.TicksPerDay;

    /// <summary>Beyond what a Timestamp can say; used for "never".</summary>
    public const long Never = long.MaxValue;

    public static long From(DateTimeOffset time) => time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks;

    public static DateTimeOffset ToDateTimeOffset(long ticks) => DateTimeOffset.UnixEpoch.AddTicks(ticks);

    public static Timestamp? ToTimestamp(long ticks)
    {
        if (ticks <= 0)
        {
            return null;
        }

        return new Timestamp { Seconds = ticks / Second, Nanos = (int)(ticks % Second) * 100 };
    }

    public static long From(Timestamp? time) => time is null ? 0 : (time.Seconds * Second) + (time.Nanos / 100);

    public static long From(Duration? duration) =>
        duration is null ? 0 : Saturate(duration.Seconds, Second) + (duration.Nanos / 100);

    public static Duration? ToDuration(long ticks) =>
        ticks <= 0 ? null : new Duration { Seconds = ticks / Second, Nanos = (int)(ticks % Second) * 100 };

    /// <summary>A duration that is written even when it is zero.</summary>
    public static Duration ToDurationOrZero(long ticks) => ToDuration(ticks) ?? new Duration();

    /// <summary>Rounded up, so that nothing wakes before its time.</summary>
    public static long ToUnixMilliseconds(long ticks) =>
        ticks == Never ? long.MaxValue : (ticks / Millisecond) + (ticks % Millisecond == 0 ? 0 : 1);

    public static long Add(long instant, long duration) => instant > Never - duration ? Never : instant + duration;

    /// <summary>The earlier of two instants of which either may be unset.</summary>
    public static long Earlier(long a, long b) => a == 0 ? b : b == 0 ? a : Math.Min(a, b);

    private static long Saturate(long value, long factor) => value > Day * 36500 / factor ? Day * 36500 : value * factor;
}
