using System.Globalization;
using System.Text.RegularExpressions;

namespace Baton.Durable.Schedules;

/// <summary>Durations as Temporal's tools write them: <c>1h30m</c>, <c>1.5s</c>, <c>300ms</c>, and <c>2d</c> for days of 24 hours.</summary>
internal static partial class GoDuration
{
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        var match = Whole().Match(text);
        if (!match.Success)
        {
            return false;
        }
        var ticks = 0m;
        foreach (var (number, unit) in match.Groups["number"].Captures.Zip(match.Groups["unit"].Captures))
        {
            if (number.Length > 18)
            {
                return false;
            }
            ticks += decimal.Parse(number.Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) * TicksOf(unit.Value);
        }
        if (ticks > long.MaxValue)
        {
            return false;
        }
        duration = new TimeSpan((long)ticks * (match.Groups["sign"].Value == "-" ? -1 : 1));
        return true;
    }

    private static decimal TicksOf(string unit) => unit switch
    {
        "ns" => 0.01m,
        "us" or "µs" => TimeSpan.TicksPerMicrosecond,
        "ms" => TimeSpan.TicksPerMillisecond,
        "s" => TimeSpan.TicksPerSecond,
        "m" => TimeSpan.TicksPerMinute,
        "h" => TimeSpan.TicksPerHour,
        _ => TimeSpan.TicksPerDay,
    };

    [GeneratedRegex(@"^(?<sign>[+-])?((?<number>\d+\.?\d*|\.\d+)(?<unit>ns|us|µs|ms|s|m|h|d))+$")]
    private static partial Regex Whole();
}
