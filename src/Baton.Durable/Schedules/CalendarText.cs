using System.Globalization;
using Temporalio.Api.Schedule.V1;
using ScheduleRange = Temporalio.Api.Schedule.V1.Range;

namespace Baton.Durable.Schedules;

/// <summary>One field of a calendar: its name in errors, its values, its default, and the names it takes for values.</summary>
internal sealed record CalendarField(string Name, int Min, int Max, string Default, IReadOnlyList<string> ValueNames, int MinNameLength)
{
    public static readonly CalendarField Second = new("Second", 0, 59, "0", [], 0);
    public static readonly CalendarField Minute = new("Minute", 0, 59, "0", [], 0);
    public static readonly CalendarField Hour = new("Hour", 0, 23, "0", [], 0);
    public static readonly CalendarField DayOfMonth = new("DayOfMonth", 1, 31, "*", [], 0);
    public static readonly CalendarField Month = new("Month", 1, 12, "*",
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"], 3);
    public static readonly CalendarField Year = new("Year", CompiledCalendar.MinYear, CompiledCalendar.MaxYear, "*", [], 0);

    // Texts may say 7 for Sunday; ranges may not.
    public static readonly CalendarField DayOfWeek = new("DayOfWeek", 0, 7, "*",
        ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"], 2);
}

/// <summary>Reads calendars written as text into structured ones, in the form that a server keeps and shows.</summary>
/// <remarks>
/// A field is a list of <c>*</c>, <c>x</c>, <c>x-y</c>, each with an optional <c>/step</c>; <c>x/step</c> runs to the end of the field. In the
/// result a range of one value has no end, a step of 1 is left out, and every year is an empty list.
/// </remarks>
internal static class CalendarText
{
    public static StructuredCalendarSpec Parse(CalendarSpec calendar, List<string> problems)
    {
        return new()
        {
            Second = { Ranges(calendar.Second, CalendarField.Second) },
            Minute = { Ranges(calendar.Minute, CalendarField.Minute) },
            Hour = { Ranges(calendar.Hour, CalendarField.Hour) },
            DayOfMonth = { Ranges(calendar.DayOfMonth, CalendarField.DayOfMonth) },
            Month = { Ranges(calendar.Month, CalendarField.Month) },
            Year = { Ranges(calendar.Year, CalendarField.Year) },
            DayOfWeek = { Ranges(calendar.DayOfWeek, CalendarField.DayOfWeek) },
            Comment = calendar.Comment,
        };

        IEnumerable<ScheduleRange> Ranges(string text, CalendarField field)
        {
            try
            {
                return ParseField(text, field);
            }
            catch (ScheduleSpecException e)
            {
                problems.Add(e.Message);
                return [];
            }
        }
    }

    /// <exception cref="ScheduleSpecException">The text is malformed; the message names the field.</exception>
    public static IReadOnlyList<ScheduleRange> ParseField(string text, CalendarField field)
    {
        text = text.Trim();
        if (text.Length == 0)
        {
            text = field.Default;
        }
        if (text == "*" && field == CalendarField.Year)
        {
            return [];
        }
        List<ScheduleRange> ranges = [];
        foreach (var part in text.Split(','))
        {
            var (start, end, step) = ParsePart(part, field);
            if (field == CalendarField.DayOfWeek && end == 7)
            {
                // Sunday is 0 in the result. 7 becomes 0 by a range of its own, unless the range has 0 or can begin with it.
                if ((7 - start) % step == 0 && (step > 1 || start > 1))
                {
                    ranges.Add(new ScheduleRange());
                    if (start == 7)
                    {
                        continue;
                    }
                }
                else if (start == 1 && step == 1)
                {
                    start = 0;
                }
                end = 6;
            }
            ranges.Add(new ScheduleRange { Start = start, End = start == end ? 0 : end, Step = step == 1 ? 0 : step });
        }
        return ranges;
    }

    private static (int Start, int End, int Step) ParsePart(string part, CalendarField field)
    {
        var slash = part.Split('/');
        if (slash.Length > 2)
        {
            throw new ScheduleSpecException($"{field.Name} has too many slashes");
        }
        var step = 1;
        if (slash.Length == 2 && (!int.TryParse(slash[1], NumberStyles.None, CultureInfo.InvariantCulture, out step) || step < 1))
        {
            throw new ScheduleSpecException($"{field.Name} has invalid Step");
        }
        if (slash[0] == "*")
        {
            return (field.Min, field.Max, step);
        }
        var dash = slash[0].Split('-');
        if (dash.Length > 2)
        {
            throw new ScheduleSpecException($"{field.Name} has too many dashes");
        }
        var range = $"[{field.Min}-{field.Max}]";
        if (dash.Length == 1)
        {
            var value = ParseValue(dash[0], field, field.Min) ?? throw new ScheduleSpecException($"{field.Name} is not in range {range}");
            return (value, slash.Length == 2 ? field.Max : value, step);
        }
        var start = ParseValue(dash[0], field, field.Min) ?? throw new ScheduleSpecException($"{field.Name} Start is not in range {range}");
        var end = ParseValue(dash[1], field, start) ?? throw new ScheduleSpecException($"{field.Name} End is before Start or not in range {range}");
        return (start, end, step);
    }

    private static int? ParseValue(string text, CalendarField field, int min)
    {
        int? value = null;
        if (field.ValueNames.Count > 0 && text.Length >= field.MinNameLength)
        {
            var index = field.ValueNames.TakeWhile(name => !name.StartsWith(text, StringComparison.OrdinalIgnoreCase)).Count();
            value = index < field.ValueNames.Count ? index + (field == CalendarField.Month ? 1 : 0) : null;
        }
        value ??= int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        return value >= min && value <= field.Max ? value : null;
    }
}
