using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Baton.Cli.Options;

/// <summary>Options whose values have a form of their own, written as Temporal's command line writes them.</summary>
internal static partial class Values
{
    private static readonly Dictionary<string, double> Units = new(StringComparer.Ordinal)
    {
        ["ns"] = 1e-6,
        ["us"] = 1e-3,
        ["ms"] = 1,
        ["s"] = 1_000,
        ["m"] = 60_000,
        ["h"] = 3_600_000,
        ["d"] = 86_400_000,
    };

    /// <summary>A duration such as 90s, 5m, 1h30m, 2d or 250ms.</summary>
    public static Option<TimeSpan?> Duration(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "DURATION",
        CustomParser = result => Parse(result, "a duration (such as 90s, 5m, 1h30m, 2d)", text => TryDuration(text, out var value) ? (TimeSpan?)value : null),
    };

    /// <summary>An instant as RFC 3339.</summary>
    public static Option<DateTimeOffset?> Time(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        CustomParser = result => Parse(result, "a time (such as 2026-01-31T08:00:00Z)", TryTime),
    };

    /// <summary>KEY=VALUE, any number of times.</summary>
    public static Option<KeyValuePair<string, string>[]> Pairs(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "KEY=VALUE",
        AllowMultipleArgumentsPerToken = false,
        CustomParser = result => [.. result.Tokens.Select(token => Pair(result, token.Value))],
    };

    /// <summary>KEY=JSON, any number of times; the value is kept as the JSON text that was given.</summary>
    public static Option<KeyValuePair<string, string>[]> JsonPairs(string name, string description)
    {
        var option = Pairs(name, description);
        option.HelpName = "KEY=JSON";
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                var at = token.Value.IndexOf('=', StringComparison.Ordinal);
                if (at > 0 && !IsJson(token.Value[(at + 1)..]))
                {
                    result.AddError($"{name} takes JSON after the =, and '{token.Value[(at + 1)..]}' is none (a string needs quotes)");
                }
            }
        });
        return option;
    }

    /// <summary>One word of a fixed set; letter case does not matter.</summary>
    public static Option<T?> Choice<T>(string name, string description, params (string Word, T Value)[] words)
        where T : struct => new(name)
        {
            Description = description,
            HelpName = string.Join('|', words.Select(word => word.Word)),
            CustomParser = result => Parse(result, $"one of {string.Join(", ", words.Select(word => word.Word))}", text =>
            {
                foreach (var (word, value) in words)
                {
                    if (word.Equals(text, StringComparison.OrdinalIgnoreCase))
                    {
                        return value;
                    }
                }
                return (T?)null;
            }),
        };

    public static bool TryDuration(string text, out TimeSpan duration)
    {
        duration = default;
        var match = DurationPattern().Match(text);
        if (!match.Success)
        {
            return text == "0";
        }
        var milliseconds = 0.0;
        for (var i = 0; i < match.Groups["number"].Captures.Count; i++)
        {
            var number = double.Parse(match.Groups["number"].Captures[i].ValueSpan, CultureInfo.InvariantCulture);
            milliseconds += number * Units[match.Groups["unit"].Captures[i].Value];
        }
        if (milliseconds > TimeSpan.MaxValue.TotalMilliseconds)
        {
            return false;
        }
        duration = TimeSpan.FromMilliseconds(milliseconds);
        return true;
    }

    public static bool IsJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static DateTimeOffset? TryTime(string text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            ? time
            : null;

    private static T? Parse<T>(ArgumentResult result, string form, Func<string, T?> parse)
        where T : struct
    {
        var text = result.Tokens[^1].Value;
        var value = parse(text);
        if (value is null)
        {
            result.AddError($"{OptionName(result)} takes {form}, not '{text}'");
        }
        return value;
    }

    private static KeyValuePair<string, string> Pair(ArgumentResult result, string text)
    {
        var at = text.IndexOf('=', StringComparison.Ordinal);
        if (at <= 0)
        {
            result.AddError($"{OptionName(result)} takes KEY=VALUE, not '{text}'");
            return default;
        }
        return new(text[..at], text[(at + 1)..]);
    }

    private static string OptionName(ArgumentResult result) =>
        result.Parent is OptionResult option ? option.Option.Name : result.Argument.Name;

    [GeneratedRegex(@"^(?:(?<number>\d+(?:\.\d+)?)(?<unit>ns|us|ms|s|m|h|d))+$")]
    private static partial Regex DurationPattern();
}
