using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Baton.Server.Settings;

/// <summary>Durations as people write them: 90s, 5m, 1h30m, 2d, 250ms.</summary>
public static partial class Durations
{
    private static readonly (string Unit, double Milliseconds)[] Units =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1), ("us", 1e-3), ("ns", 1e-6)];

    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var match = Pattern().Match(text);
        if (!match.Success)
        {
            return text == "0";
        }
        var milliseconds = 0.0;
        for (var i = 0; i < match.Groups["number"].Captures.Count; i++)
        {
            var number = double.Parse(match.Groups["number"].Captures[i].ValueSpan, CultureInfo.InvariantCulture);
            milliseconds += number * Array.Find(Units, unit => unit.Unit == match.Groups["unit"].Captures[i].Value).Milliseconds;
        }
        if (milliseconds > TimeSpan.MaxValue.TotalMilliseconds)
        {
            return false;
        }
        duration = TimeSpan.FromMilliseconds(milliseconds);
        return true;
    }

    /// <summary>What <see cref="TryParse"/> reads back, exact to the millisecond.</summary>
    public static string Format(TimeSpan duration)
    {
        var text = new StringBuilder();
        var rest = Math.Round(duration.TotalMilliseconds);
        foreach (var (unit, size) in Units.Take(5))
        {
            var count = Math.Floor(rest / size);
            if (count > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"{count}{unit}");
                rest -= count * size;
            }
        }
        return text.Length == 0 ? "0" : text.ToString();
    }

    [GeneratedRegex(@"^(?:(?<number>\d+(?:\.\d+)?)(?<unit>ns|us|ms|s|m|h|d))+$")]
    private static partial Regex Pattern();
}
