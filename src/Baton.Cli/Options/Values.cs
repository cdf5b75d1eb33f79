using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using Baton.Server.Settings;

namespace Baton.Cli.Options;

/// <summary>Options whose values have a form of their own, written as Temporal's command line writes them.</summary>
internal static class Values
{
    /// <summary>A duration such as 90s, 5m, 1h30m, 2d or 250ms.</summary>
    public static Option<TimeSpan?> Duration(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "DURATION",
        CustomParser = result => Parse(result, "a duration (such as 90s, 5m, 1h30m, 2d)", text => Durations.TryParse(text, out var value) ? (TimeSpan?)value : null),
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
}
