using System.Globalization;
using System.Text.RegularExpressions;
using Baton.Flows.Model;
using Baton.Jq;

namespace Baton.Flows.Expressions;

/// <summary>ISO 8601 durations and the language's inline form. A year counts 365 days, a month 30.</summary>
public static partial class FlowDurations
{
    /// <summary>The longest duration: 100 years.</summary>
    public static TimeSpan Max { get; } = TimeSpan.FromDays(36_500);

    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var match = Iso8601().Match(text);
        if (!match.Success || text.EndsWith('P') || text.EndsWith('T'))
        {
            return false;
        }
        var days = (Part(match, "y") * 365) + (Part(match, "mo") * 30) + (Part(match, "w") * 7) + Part(match, "d");
        var seconds = (days * 86_400) + (Part(match, "h") * 3600) + (Part(match, "m") * 60) + Part(match, "s");
        if (seconds > (decimal)Max.TotalSeconds)
        {
            return false;
        }
        duration = TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond));
        return true;
    }

    internal static TimeSpan? Unit(string name) => name switch
    {
        "days" => TimeSpan.FromDays(1),
        "hours" => TimeSpan.FromHours(1),
        "minutes" => TimeSpan.FromMinutes(1),
        "seconds" => TimeSpan.FromSeconds(1),
        "milliseconds" => TimeSpan.FromMilliseconds(1),
        _ => null,
    };

    /// <exception cref="ExpressionException">The expression failed or gave no duration.</exception>
    internal static TimeSpan Evaluate(this FlowDuration duration, in ExpressionScope scope)
    {
        if (duration.Fixed is { } known)
        {
            return known;
        }
        var value = duration.Computed!.Evaluate(scope);
        if (value.TryGetString(out var text) && TryParse(text, out var parsed))
        {
            return parsed;
        }
        if (value.Kind == JqKind.Object && value.Count > 0 && value.EnumerateObject().All(p => Unit(p.Key) is not null && p.Value.Kind == JqKind.Number && p.Value.GetDouble() >= 0))
        {
            var seconds = value.EnumerateObject().Sum(p => Unit(p.Key)!.Value.TotalSeconds * p.Value.GetDouble());
            if (seconds <= Max.TotalSeconds)
            {
                return TimeSpan.FromSeconds(seconds);
            }
        }
        throw new ExpressionException($"{value.ToJson()} is not a duration; it must be ISO 8601 such as PT30S, or an object such as {{ seconds: 30 }}.");
    }

    private static decimal Part(Match match, string name) =>
        match.Groups[name] is { Success: true, Value: var value } && decimal.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? Math.Min(number, 1_000_000_000m) : 0;

    [GeneratedRegex(@"^P(?!$)((?<y>\d+(\.\d+)?)Y)?((?<mo>\d+(\.\d+)?)M)?((?<w>\d+(\.\d+)?)W)?((?<d>\d+(\.\d+)?)D)?(T(?=\d)((?<h>\d+(\.\d+)?)H)?((?<m>\d+(\.\d+)?)M)?((?<s>\d+(\.\d+)?)S)?)?$")]
    private static partial Regex Iso8601();
}
