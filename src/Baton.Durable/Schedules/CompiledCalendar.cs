using System.Numerics;
using Temporalio.Api.Schedule.V1;
using ScheduleRange = Temporalio.Api.Schedule.V1.Range;

namespace Baton.Durable.Schedules;

/// <summary>
/// A structured calendar as bit sets. An instant matches when each field of its local time is in its set: a time that
/// a clock change skips matches never, one that it repeats matches twice.
/// </summary>
internal sealed class CompiledCalendar
{
    public const int MinYear = 2000;
    public const int MaxYear = 2100;

    private static readonly long LastSecond = ToUnix(new DateTime(MaxYear + 1, 1, 1)) + OffsetSpread;

    // No two offsets of a zone differ by more than this.
    private const long OffsetSpread = 2 * 86_400;

    private readonly ulong second;
    private readonly ulong minute;
    private readonly ulong hour;
    private readonly ulong dayOfMonth;
    private readonly ulong month;
    private readonly ulong dayOfWeek;
    private readonly HashSet<int>? years;
    private readonly bool eitherDay;

    /// <summary>An empty year list is every year; any other empty list matches nothing.</summary>
    public CompiledCalendar(StructuredCalendarSpec calendar)
        : this(Bits(calendar.Second), Bits(calendar.Minute), Bits(calendar.Hour), Bits(calendar.DayOfMonth), Bits(calendar.Month), Bits(calendar.DayOfWeek), eitherDay: false)
    {
        if (calendar.Year.Count > 0)
        {
            years = [.. Values(calendar.Year)];
        }
    }

    /// <param name="eitherDay">A day matches by its day of month or its day of week, as in cron where both are restricted.</param>
    public CompiledCalendar(ulong second, ulong minute, ulong hour, ulong dayOfMonth, ulong month, ulong dayOfWeek, bool eitherDay)
    {
        this.second = second;
        this.minute = minute;
        this.hour = hour;
        this.dayOfMonth = dayOfMonth;
        this.month = month;
        this.dayOfWeek = dayOfWeek;
        this.eitherDay = eitherDay;
    }

    public bool Matches(ScheduleTimeZone zone, long utc)
    {
        var local = ToLocal(zone, utc);
        return MatchesYear(local.Year) && Has(month, local.Month) && MatchesDay(local)
            && Has(hour, local.Hour) && Has(minute, local.Minute) && Has(second, local.Second);
    }

    /// <summary>The first matching second after <paramref name="after"/>, or null when there is none up to the end of <see cref="MaxYear"/>.</summary>
    /// <remarks>
    /// Within a stretch of constant offset the search is one over local time. Where the offset changes before the candidate, the search
    /// goes on from the change. A candidate far away is approached in two steps, as only changes near its ends can matter: in between,
    /// local time stays between two values with no match, whatever the offset.
    /// </remarks>
    public long? Next(ScheduleTimeZone zone, long after)
    {
        if (second == 0 || minute == 0 || hour == 0 || month == 0 || (dayOfMonth == 0 && !eitherDay) || (dayOfWeek == 0 && !eitherDay))
        {
            return null;
        }
        for (var from = Math.Max(after + 1, 0); from <= LastSecond;)
        {
            var offset = zone.OffsetAt(from);
            if (NextLocal(ToLocal(zone, from)) is not { } local)
            {
                return null;
            }
            var candidate = ToUnix(local) - offset;
            var near = Math.Min(candidate, from + OffsetSpread);
            if (zone.FirstChange(from, near) is { } change)
            {
                from = change;
            }
            else if (candidate == near)
            {
                return candidate;
            }
            else
            {
                from = Math.Max(near, candidate - OffsetSpread);
            }
        }
        return null;
    }

    public static ulong Bits(IEnumerable<ScheduleRange> ranges) => Values(ranges).Aggregate(0UL, (bits, value) => bits | (1UL << value));

    // A range of one value has no end, and a step of 1 is left out.
    private static IEnumerable<int> Values(IEnumerable<ScheduleRange> ranges)
    {
        foreach (var range in ranges)
        {
            var end = Math.Max(range.Start, range.End);
            for (var value = range.Start; value <= end; value += Math.Max(1, range.Step))
            {
                yield return value;
            }
        }
    }

    private DateTime? NextLocal(DateTime from)
    {
        var date = from.Date;
        var time = (int)from.TimeOfDay.TotalSeconds;
        while (date.Year <= MaxYear)
        {
            if (!MatchesYear(date.Year))
            {
                date = new DateTime(Math.Max(date.Year + 1, MinYear), 1, 1);
            }
            else if (!Has(month, date.Month))
            {
                date = new DateTime(date.Year, date.Month, 1).AddMonths(1);
            }
            else if (MatchesDay(date) && NextTimeOfDay(time) is { } found)
            {
                return date.AddSeconds(found);
            }
            else
            {
                date = date.AddDays(1);
            }
            time = 0;
        }
        return null;
    }

    private int? NextTimeOfDay(int from)
    {
        var (h, m, s) = (from / 3600, from / 60 % 60, from % 60);
        if (Has(hour, h))
        {
            if (Has(minute, m) && NextBit(second, s) is { } sameMinute)
            {
                return (h * 3600) + (m * 60) + sameMinute;
            }
            if (NextBit(minute, m + 1) is { } laterMinute)
            {
                return (h * 3600) + (laterMinute * 60) + NextBit(second, 0);
            }
        }
        return NextBit(hour, h + 1) is { } laterHour ? (laterHour * 3600) + (NextBit(minute, 0) * 60) + NextBit(second, 0) : null;
    }

    private bool MatchesYear(int year) => years?.Contains(year) ?? true;

    private bool MatchesDay(DateTime date)
    {
        var byMonth = Has(dayOfMonth, date.Day);
        var byWeek = Has(dayOfWeek, (int)date.DayOfWeek);
        return eitherDay ? byMonth || byWeek : byMonth && byWeek;
    }

    private static bool Has(ulong bits, int value) => ((bits >> value) & 1) != 0;

    private static int? NextBit(ulong bits, int from)
    {
        var left = from > 63 ? 0 : bits >> from << from;
        return left == 0 ? null : BitOperations.TrailingZeroCount(left);
    }

    private static DateTime ToLocal(ScheduleTimeZone zone, long utc) => DateTime.UnixEpoch.AddSeconds(utc + zone.OffsetAt(utc));

    private static long ToUnix(DateTime local) => (local - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerSecond;
}
