namespace Baton.Durable.Schedules;

/// <summary>
/// The cron schedule of a workflow (<c>cron_schedule</c> of a start request): five fields, where a day matches by its day of month or its
/// day of week when both are restricted; <c>@daily</c> and its kin; <c>@every duration</c>; a zone by <c>CRON_TZ=</c>.
/// </summary>
internal sealed class CronSchedule
{
    private readonly CompiledCalendar? calendar;
    private readonly ScheduleTimeZone zone;
    private readonly long every;

    private CronSchedule(CompiledCalendar? calendar, ScheduleTimeZone zone, long every)
    {
        this.calendar = calendar;
        this.zone = zone;
        this.every = every;
    }

    /// <exception cref="ScheduleSpecException">The text is no cron schedule; the message names the field.</exception>
    public static CronSchedule Parse(string text)
    {
        text = text.Trim();
        if (!CronText.TrySplitZone(ref text, out var zoneName))
        {
            throw new ScheduleSpecException("the schedule has a time zone but no fields");
        }
        var zone = ScheduleTimeZone.Find(zoneName);
        if (text.StartsWith("@every ", StringComparison.Ordinal))
        {
            return GoDuration.TryParse(text["@every ".Length..].Trim(), out var interval)
                ? new(null, zone, Math.Max(1, (long)interval.TotalSeconds))
                : throw new ScheduleSpecException($"'{text}' has no duration such as 1h30m after @every");
        }
        if (text.StartsWith('@') && CronText.Predefined(text) is null)
        {
            throw new ScheduleSpecException($"'{text}' is unknown; use @yearly, @monthly, @weekly, @daily, @hourly or @every DURATION");
        }
        var fields = (CronText.Predefined(text) ?? text).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length != 5)
        {
            throw new ScheduleSpecException($"expected exactly 5 fields, found {fields.Length}: '{text}'");
        }
        var (days, anyDay) = Bits(fields[2], CalendarField.DayOfMonth);
        var (weekdays, anyWeekday) = Bits(fields[4], Weekday);
        return new(
            new CompiledCalendar(1, Bits(fields[0], CalendarField.Minute).Bits, Bits(fields[1], CalendarField.Hour).Bits,
                days, Bits(fields[3], CalendarField.Month).Bits, weekdays, eitherDay: !anyDay && !anyWeekday),
            zone, 0);
    }

    /// <summary>The first time after <paramref name="after"/>, or null when there is none.</summary>
    public DateTimeOffset? Next(DateTimeOffset after)
    {
        var from = after.ToUnixTimeSeconds();
        var next = calendar is null ? from + every : calendar.Next(zone, from);
        return next is { } seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;
    }

    /// <summary>
    /// How long a run that began at <paramref name="start"/> and closed at <paramref name="close"/> waits for its successor: until the first time of the
    /// schedule, counted from the start, that is not before the close. In whole seconds, rounded up. Null when there is none.
    /// </summary>
    public TimeSpan? NextBackoff(DateTimeOffset start, DateTimeOffset close)
    {
        var next = Next(start);
        if (calendar is null && next < close)
        {
            var missed = (close - next.Value).Ticks / (every * TimeSpan.TicksPerSecond);
            next = next.Value.AddSeconds(missed * every);
        }
        else if (next < close)
        {
            next = Next(close.AddSeconds(-1));
        }
        while (next < close)
        {
            next = Next(next.Value);
        }
        return next is { } at ? TimeSpan.FromSeconds(Math.Ceiling((at - close).TotalSeconds)) : null;
    }

    // Here 7 is no day of the week, unlike in schedules.
    private static readonly CalendarField Weekday = CalendarField.DayOfWeek with { Max = 6 };

    private static (ulong Bits, bool IsAny) Bits(string text, CalendarField field)
    {
        text = text.Replace('?', '*');
        return (CompiledCalendar.Bits(CalendarText.ParseField(text, field)), text.Split(',').Any(part => part is "*" or "*/1"));
    }
}
