using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Schedule.V1;

namespace Baton.Durable.Schedules;

/// <summary>Reads the cron strings of a schedule: what they mean as a calendar or an interval, and the zone they name.</summary>
/// <remarks>
/// <c>[CRON_TZ=zone ]fields[ # comment]</c>. Five fields are minute, hour, day of month, month and day of week; a sixth is the
/// year; with seven the first is the second. <c>@every interval[/phase]</c> is an interval; <c>@hourly</c> and its kin are calendars.
/// Unlike in cron, day of month and day of week must both match.
/// </remarks>
internal static class CronText
{
    public static (StructuredCalendarSpec? Calendar, IntervalSpec? Interval, string TimeZone) Parse(string text, List<string> problems)
    {
        text = text.Trim();
        if (!TrySplitZone(ref text, out var zone))
        {
            problems.Add("CronString has time zone but missing fields");
            return default;
        }
        var comment = "";
        if (text.IndexOf('#') is >= 0 and var hash)
        {
            comment = text[(hash + 1)..].Trim();
            text = text[..hash].Trim();
        }
        if (text.StartsWith("@every", StringComparison.Ordinal))
        {
            return (null, ParseEvery(text, problems), "");
        }
        var fields = (Predefined(text) ?? text).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length is < 5 or > 7)
        {
            problems.Add("CronString does not have 5-7 fields");
            return default;
        }
        var first = fields.Length == 7 ? 1 : 0;
        var calendar = new CalendarSpec
        {
            Second = first == 1 ? fields[0] : "",
            Minute = fields[first],
            Hour = fields[first + 1],
            DayOfMonth = fields[first + 2],
            Month = fields[first + 3],
            DayOfWeek = fields[first + 4],
            Year = fields.Length > 5 ? fields[first + 5] : "",
            Comment = comment,
        };
        return (CalendarText.Parse(calendar, problems), null, zone);
    }

    /// <summary>Takes <c>TZ=zone </c> or <c>CRON_TZ=zone </c> off the text. False when nothing follows it.</summary>
    public static bool TrySplitZone(ref string text, out string zone)
    {
        zone = "";
        if (!text.StartsWith("TZ=", StringComparison.Ordinal) && !text.StartsWith("CRON_TZ=", StringComparison.Ordinal))
        {
            return true;
        }
        var space = text.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0)
        {
            return false;
        }
        zone = text[(text.IndexOf('=', StringComparison.Ordinal) + 1)..space];
        text = text[(space + 1)..].Trim();
        return true;
    }

    /// <summary>The five fields that a name such as <c>@daily</c> stands for, or null.</summary>
    public static string? Predefined(string name) => name switch
    {
        "@yearly" or "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" or "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => null,
    };

    private static IntervalSpec? ParseEvery(string text, List<string> problems)
    {
        var space = text.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0)
        {
            problems.Add("CronString does not have interval after @every");
            return null;
        }
        var parts = text[(space + 1)..].Trim().Split('/', 2);
        var spec = new IntervalSpec();
        if (!GoDuration.TryParse(parts[0], out var interval))
        {
            problems.Add($"CronString has an invalid interval '{parts[0]}' after @every");
            return null;
        }
        spec.Interval = Duration.FromTimeSpan(interval);
        if (parts.Length == 2)
        {
            if (!GoDuration.TryParse(parts[1], out var phase))
            {
                problems.Add($"CronString has an invalid phase '{parts[1]}' after @every");
                return null;
            }
            spec.Phase = Duration.FromTimeSpan(phase);
        }
        return spec;
    }
}
