using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Schedule.V1;
using ScheduleRange = Temporalio.Api.Schedule.V1.Range;

namespace Baton.Durable.Schedules;

/// <summary>Checks specs and brings them into the one form that is kept: structured calendars, intervals, a zone.</summary>
internal static class ScheduleSpecs
{
    private const int MaxComment = 200;
    private const long MinTime = -62_135_596_800; // 0001-01-01

    /// <exception cref="ScheduleSpecException">Something is wrong; the message lists everything that is, by field.</exception>
    public static ScheduleSpec Canonicalize(ScheduleSpec given)
    {
        var spec = given.Clone();
        List<string> problems = [];
        Convert(spec.Calendar, spec.StructuredCalendar, "calendar", problems);
#pragma warning disable CS0612 // clients may still send it
        Convert(spec.ExcludeCalendar, spec.ExcludeStructuredCalendar, "exclude_calendar", problems);
#pragma warning restore CS0612
        ConvertCron(spec, problems);
        Each(spec.StructuredCalendar, "structured_calendar", problems, ValidateCalendar);
        Each(spec.ExcludeStructuredCalendar, "exclude_structured_calendar", problems, ValidateCalendar);
        Each(spec.Interval, "interval", problems, ValidateInterval);
        if (spec.Jitter is { } jitter && (!IsValid(jitter) || jitter.Seconds < 0 || jitter.Nanos < 0))
        {
            problems.Add("jitter is negative or no duration");
        }
        ValidateTime(spec.StartTime, "start_time", problems);
        ValidateTime(spec.EndTime, "end_time", problems);
        try
        {
            _ = ZoneOf(spec);
        }
        catch (ScheduleSpecException e)
        {
            problems.Add($"timezone: {e.Message}");
        }
        return problems.Count == 0 ? spec : throw new ScheduleSpecException(string.Join("; ", problems));
    }

    /// <exception cref="ScheduleSpecException">There is no such zone.</exception>
    public static ScheduleTimeZone ZoneOf(ScheduleSpec spec) =>
        spec.TimezoneData.IsEmpty ? ScheduleTimeZone.Find(spec.TimezoneName) : TzifTimeZone.Parse(spec.TimezoneData.Span);

    /// <summary>Writes out the ends and steps that a canonical spec leaves out, as clients are shown it.</summary>
    public static ScheduleSpec WithDefaults(ScheduleSpec canonical)
    {
        var spec = canonical.Clone();
        foreach (var calendar in spec.StructuredCalendar.Concat(spec.ExcludeStructuredCalendar))
        {
            foreach (var (_, ranges) in Fields(calendar))
            {
                foreach (var range in ranges)
                {
                    range.End = Math.Max(range.Start, range.End);
                    range.Step = Math.Max(1, range.Step);
                }
            }
        }
        return spec;
    }

    private static void Convert(IList<CalendarSpec> from, IList<StructuredCalendarSpec> to, string field, List<string> problems)
    {
        Each(from, field, problems, (calendar, found) => to.Add(CalendarText.Parse(calendar, found)));
        from.Clear();
    }

    // Cron strings may name the zone, but the spec has one only: all must agree, and with the spec's own.
    private static void ConvertCron(ScheduleSpec spec, List<string> problems)
    {
        HashSet<string> zones = [];
        Each(spec.CronString, "cron_string", problems, (text, found) =>
        {
            var (calendar, interval, zone) = CronText.Parse(text, found);
            if (calendar is not null)
            {
                spec.StructuredCalendar.Add(calendar);
            }
            if (interval is not null)
            {
                spec.Interval.Add(interval);
            }
            zones.Add(zone ?? "");
        });
        spec.CronString.Clear();
        if (zones.Count > 1 || (zones.SingleOrDefault() is { Length: > 0 } named && (!spec.TimezoneData.IsEmpty || (spec.TimezoneName.Length > 0 && spec.TimezoneName != named))))
        {
            problems.Add("conflicting timezone names");
        }
        else if (zones.SingleOrDefault() is { Length: > 0 } zone)
        {
            spec.TimezoneName = zone;
        }
    }

    private static void Each<T>(IEnumerable<T> items, string field, List<string> problems, Action<T, List<string>> check)
    {
        var index = 0;
        foreach (var item in items)
        {
            List<string> found = [];
            check(item, found);
            problems.AddRange(found.Select(problem => $"{field}[{index}]: {problem}"));
            index++;
        }
    }

    private static void ValidateCalendar(StructuredCalendarSpec calendar, List<string> problems)
    {
        foreach (var (field, ranges) in Fields(calendar))
        {
            var max = field == CalendarField.DayOfWeek ? 6 : field.Max;
            foreach (var range in ranges)
            {
                if (range.Start < field.Min || range.Start > max)
                {
                    problems.Add($"{field.Name} Start is not in range [{field.Min}-{max}]");
                }
                if (range.End != 0 && (range.End < range.Start || range.End > max))
                {
                    problems.Add($"{field.Name} End is before Start or not in range [{field.Min}-{max}]");
                }
                if (range.Step < 0)
                {
                    problems.Add($"{field.Name} has invalid Step");
                }
            }
        }
        if (calendar.Comment.Length > MaxComment)
        {
            problems.Add($"comment is too long: {calendar.Comment.Length} characters where {MaxComment} are allowed");
        }
    }

    private static void ValidateInterval(IntervalSpec spec, List<string> problems)
    {
        if ((spec.Interval is not null && !IsValid(spec.Interval)) || (spec.Phase is not null && !IsValid(spec.Phase)))
        {
            problems.Add("interval or phase is no duration");
            return;
        }
        var interval = spec.Interval?.ToTimeSpan() ?? TimeSpan.Zero;
        var phase = spec.Phase?.ToTimeSpan() ?? TimeSpan.Zero;
        if (interval < TimeSpan.FromSeconds(1))
        {
            problems.Add("interval is too small: it must be at least one second");
        }
        else if (phase < TimeSpan.Zero)
        {
            problems.Add("phase is negative");
        }
        else if (phase >= interval)
        {
            problems.Add("phase cannot be greater than Interval");
        }
    }

    private static void ValidateTime(Timestamp? time, string field, List<string> problems)
    {
        if (time is not null && (time.Seconds is < MinTime or > CompiledScheduleSpec.MaxTime || time.Nanos is < 0 or > 999_999_999))
        {
            problems.Add($"{field} is not between the years 1 and 9999");
        }
    }

    // Durations come from the wire as two numbers that need not fit together.
    private static bool IsValid(Duration duration) =>
        Math.Abs(duration.Seconds) <= Duration.MaxSeconds && Math.Abs((long)duration.Nanos) < 1_000_000_000
        && (long)Math.Sign(duration.Seconds) * Math.Sign(duration.Nanos) >= 0;

    private static IEnumerable<(CalendarField Field, IList<ScheduleRange> Ranges)> Fields(StructuredCalendarSpec calendar) =>
    [
        (CalendarField.Second, calendar.Second),
        (CalendarField.Minute, calendar.Minute),
        (CalendarField.Hour, calendar.Hour),
        (CalendarField.DayOfMonth, calendar.DayOfMonth),
        (CalendarField.Month, calendar.Month),
        (CalendarField.Year, calendar.Year),
        (CalendarField.DayOfWeek, calendar.DayOfWeek),
    ];
}
