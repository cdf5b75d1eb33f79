using System.Globalization;
using System.Text.RegularExpressions;

namespace Baton.Durable.Schedules;

/// <summary>
/// The POSIX <c>TZ</c> rule that ends a zone file, such as <c>CET-1CEST,M3.5.0,M10.5.0/3</c>: standard time, and daylight time
/// between two dates of each year. Offsets are written westward: <c>CET-1</c> is an hour ahead of UTC.
/// </summary>
internal sealed partial class PosixTimeRule
{
    private readonly int standard;
    private readonly int daylight;
    private readonly (RuleDate Start, RuleDate End)? dates;

    private PosixTimeRule(int standard, int daylight, (RuleDate, RuleDate)? dates)
    {
        this.standard = standard;
        this.daylight = daylight;
        this.dates = dates;
    }

    /// <exception cref="FormatException">The text is no rule.</exception>
    public static PosixTimeRule Parse(string text)
    {
        var match = Rule().Match(text);
        if (!match.Success)
        {
            throw new FormatException($"'{text}' is no POSIX time zone rule");
        }
        var standard = -Seconds(match.Groups["std"].Value);
        if (!match.Groups["dates"].Success)
        {
            return new(standard, standard, null);
        }
        var daylight = match.Groups["dst"].Value is { Length: > 0 } offset ? -Seconds(offset) : standard + 3600;
        return new(standard, daylight, (RuleDate.Parse(match.Groups["start"].Value), RuleDate.Parse(match.Groups["end"].Value)));
    }

    public int OffsetAt(long utc)
    {
        if (dates is not var (start, end))
        {
            return standard;
        }
        // The year of standard time decides; a rule whose daylight time spans new year has its start after its end.
        var year = DateTimeOffset.FromUnixTimeSeconds(utc + standard).Year;
        var from = start.LocalSeconds(year) - standard;
        var until = end.LocalSeconds(year) - daylight;
        var isDaylight = from <= until ? utc >= from && utc < until : utc >= from || utc < until;
        return isDaylight ? daylight : standard;
    }

    private static int Seconds(string text)
    {
        var sign = text.StartsWith('-') ? -1 : 1;
        var seconds = 0;
        var unit = 3600;
        foreach (var part in text.TrimStart('+', '-').Split(':'))
        {
            seconds += int.Parse(part, CultureInfo.InvariantCulture) * unit;
            unit /= 60;
        }
        return sign * seconds;
    }

    [GeneratedRegex(@"^(<[^>]+>|[A-Za-z]+)(?<std>[+-]?[\d:]+)((<[^>]+>|[A-Za-z]+)(?<dst>[+-]?[\d:]+)?(?<dates>,(?<start>[^,]+),(?<end>[^,]+)))?$")]
    private static partial Regex Rule();

    [GeneratedRegex(@"^(M(?<month>\d+)\.(?<week>\d)\.(?<weekday>\d)|J(?<julian>\d+)|(?<day>\d+))(/(?<time>[+-]?[\d:]+))?$")]
    private static partial Regex Date();

    private sealed record RuleDate(Func<int, DateTime> DayOf, int Time)
    {
        public static RuleDate Parse(string text)
        {
            var match = Date().Match(text);
            if (!match.Success)
            {
                throw new FormatException($"'{text}' is no date of a POSIX time zone rule");
            }
            var time = match.Groups["time"].Success ? Seconds(match.Groups["time"].Value) : 2 * 3600;
            if (match.Groups["month"].Success)
            {
                var (month, week, weekday) = (Number("month"), Number("week"), Number("weekday"));
                return new(year => NthWeekday(year, month, week, weekday), time);
            }
            if (match.Groups["julian"].Success)
            {
                // Counts from 1 and never counts 29 February.
                var day = Number("julian");
                return new(year => new DateTime(year, 1, 1).AddDays(day - 1 + (DateTime.IsLeapYear(year) && day >= 60 ? 1 : 0)), time);
            }
            var dayOfYear = Number("day");
            return new(year => new DateTime(year, 1, 1).AddDays(dayOfYear), time);

            int Number(string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
        }

        public long LocalSeconds(int year) => ((DayOf(year) - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerSecond) + Time;

        // Week 5 is the last one of the month.
        private static DateTime NthWeekday(int year, int month, int week, int weekday)
        {
            var first = new DateTime(year, month, 1);
            var day = 1 + ((weekday - (int)first.DayOfWeek + 7) % 7) + ((week - 1) * 7);
            return first.AddDays((day > DateTime.DaysInMonth(year, month) ? day - 7 : day) - 1);
        }
    }
}
