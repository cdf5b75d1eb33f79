namespace Baton.Durable.Schedules;

/// <summary>Offsets from UTC of one time zone. All instants are seconds since 1970 in UTC.</summary>
internal abstract class ScheduleTimeZone
{
    // Far below the distance of two real transitions, so that no pair of them hides between two looks.
    private const long LookSeconds = 6 * 3600;

    public static ScheduleTimeZone Utc { get; } = new SystemTimeZone(TimeZoneInfo.Utc);

    /// <summary>The zone of an IANA name; the empty name is UTC.</summary>
    /// <exception cref="ScheduleSpecException">This machine knows no such zone.</exception>
    public static ScheduleTimeZone Find(string name)
    {
        if (name.Length == 0)
        {
            return Utc;
        }
        // A name is looked up as a file below the zone directory: it must not lead out of it.
        var wellFormed = name.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '_' or '-' or '+') && name[0] != '/';
        return wellFormed && TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone)
            ? new SystemTimeZone(zone)
            : throw new ScheduleSpecException($"unknown time zone '{name}': give an IANA name such as 'Europe/Berlin' that this machine has (package tzdata), or its data");
    }

    /// <summary>Offset in seconds at an instant; local time is UTC plus offset.</summary>
    public abstract int OffsetAt(long utc);

    /// <summary>The first instant in (<paramref name="from"/>, <paramref name="to"/>] whose offset differs from that at <paramref name="from"/>, or null.</summary>
    public long? FirstChange(long from, long to)
    {
        var offset = OffsetAt(from);
        for (var low = from; low < to;)
        {
            var high = Math.Min(low + LookSeconds, to);
            if (OffsetAt(high) != offset)
            {
                return Bisect(offset, low, high);
            }
            low = high;
        }
        return null;
    }

    private long Bisect(int offset, long same, long other)
    {
        while (other - same > 1)
        {
            var middle = same + ((other - same) / 2);
            if (OffsetAt(middle) == offset)
            {
                same = middle;
            }
            else
            {
                other = middle;
            }
        }
        return other;
    }

    private sealed class SystemTimeZone(TimeZoneInfo zone) : ScheduleTimeZone
    {
        public override int OffsetAt(long utc) => (int)zone.GetUtcOffset(DateTimeOffset.FromUnixTimeSeconds(utc)).TotalSeconds;
    }
}
