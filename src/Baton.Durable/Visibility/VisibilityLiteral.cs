using System.Globalization;
using System.Text.RegularExpressions;
using Baton.Durable.Storage;

namespace Baton.Durable.Visibility;

/// <summary>Reads the literals of a query as values of an attribute's type, in stored form.</summary>
internal static partial class VisibilityLiteral
{
    /// <summary>Null when the literal is no value of that type.</summary>
    public static object? ToStored(QueryToken literal, VisibilityAttribute attribute, EntityKind kind)
    {
        var isText = literal.Kind == QueryTokenKind.String;
        if (attribute.Name == VisibilityAttribute.ExecutionStatus)
        {
            return isText ? StatusNames.NumberOf(kind, literal.Text) : ParseInteger(literal) is long number && StatusNames.IsDefined(kind, number) ? number : null;
        }

        if (attribute.Name == VisibilityAttribute.ExecutionDuration)
        {
            return isText ? ParseDuration(literal.Text) : ParseInteger(literal);
        }
        // A fraction is a fair bound for whole numbers too; StoredOrder compares the two.
        return attribute.Type switch
        {
            AttributeType.Keyword or AttributeType.KeywordList => isText ? literal.Text : null,
            AttributeType.Text => isText && TextWords.Of(literal.Text).Count > 0 ? literal.Text : null,
            AttributeType.Int => ParseInteger(literal) ?? Whole(ParseReal(literal)),
            AttributeType.Double => ParseReal(literal),
            AttributeType.Bool => ParseBool(literal),
            AttributeType.Datetime => isText ? ParseTime(literal.Text) : ParseUnixNanoseconds(literal),
            _ => null,
        };
    }

    /// <summary>In words, for the error.</summary>
    public static string Expected(VisibilityAttribute attribute, EntityKind kind) => attribute switch
    {
        { Name: VisibilityAttribute.ExecutionStatus } => $"one of {string.Join(", ", StatusNames.All(kind).Select(name => $"'{name}'"))}",
        { Name: VisibilityAttribute.ExecutionDuration } => "a duration such as '1h30m' or '01:30:00', or a number of nanoseconds",
        { Type: AttributeType.Int or AttributeType.Double } => "a number",
        { Type: AttributeType.Text } => "text in quotes with at least one word",
        { Type: AttributeType.Bool } => "true or false",
        { Type: AttributeType.Datetime } => "a time such as '2026-01-31T14:30:00Z', or a number of nanoseconds since 1970",
        _ => "text in quotes",
    };

    private static object? ParseInteger(QueryToken literal) =>
        literal.Kind == QueryTokenKind.Number && long.TryParse(literal.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static object? ParseReal(QueryToken literal) =>
        literal.Kind == QueryTokenKind.Number && double.TryParse(literal.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    // 5.0 and 1e3 are whole, and equal to 5 and 1000.
    private static object? Whole(object? number) => number is double real && double.IsInteger(real) && Math.Abs(real) < 9e18 ? (long)real : number;

    private static object? ParseBool(QueryToken literal) =>
        literal.Kind != QueryTokenKind.Number && bool.TryParse(literal.Text, out var flag) ? flag ? 1L : 0L : null;

    private static object? ParseUnixNanoseconds(QueryToken literal) =>
        ParseInteger(literal) is long nanoseconds ? DateTime.UnixEpoch.Ticks + (long)Math.Floor(nanoseconds / 100m) : null;

    // RFC 3339 with up to nine digits of a second; ticks hold seven.
    private static object? ParseTime(string text)
    {
        var match = Rfc3339().Match(text);
        if (!match.Success)
        {
            return null;
        }

        var fraction = match.Groups["fraction"].Value;
        var seven = $"{match.Groups["time"].Value}.{fraction[..Math.Min(7, fraction.Length)].PadRight(7, '0')}{match.Groups["zone"].Value}";
        return DateTimeOffset.TryParseExact(seven, "yyyy-MM-dd'T'HH:mm:ss.fffffffK", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time.UtcTicks : null;
    }

    /// <summary>Nanoseconds: of Go's duration format (with days as well), of hours:minutes:seconds, or as they stand.</summary>
    private static object? ParseDuration(string text)
    {
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var plain))
        {
            return plain;
        }

        if (ClockDuration().Match(text) is { Success: true } clock)
        {
            return (Whole(clock, "hours") * 3600 + Whole(clock, "minutes") * 60 + Whole(clock, "seconds")) * 1_000_000_000L;
        }

        if (UnitDuration().Match(text) is not { Success: true } units)
        {
            return null;
        }

        decimal nanoseconds = 0;
        for (var i = 0; i < units.Groups["amount"].Captures.Count; i++)
        {
            var unit = units.Groups["unit"].Captures[i].Value switch
            {
                "d" => 86_400e9m,
                "h" => 3_600e9m,
                "m" => 60e9m,
                "s" => 1e9m,
                "ms" => 1e6m,
                "us" or "µs" or "μs" => 1e3m,
                _ => 1m,
            };
            nanoseconds += decimal.Parse(units.Groups["amount"].Captures[i].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) * unit;
            if (nanoseconds > long.MaxValue)
            {
                return null;
            }
        }
        return units.Groups["sign"].Value == "-" ? -(long)nanoseconds : (long)nanoseconds;

        static long Whole(Match match, string group) => long.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"^(?<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.(?<fraction>[0-9]{1,9}))?(?<zone>Z|[+-][0-9]{2}:[0-9]{2})$", RegexOptions.CultureInvariant)]
    private static partial Regex Rfc3339();

    [GeneratedRegex(@"^(?<hours>[0-9]{1,6}):(?<minutes>[0-5][0-9]):(?<seconds>[0-5][0-9])$", RegexOptions.CultureInvariant)]
    private static partial Regex ClockDuration();

    [GeneratedRegex(@"^(?<sign>[+-]?)(?:(?<amount>[0-9]{1,12}(?:\.[0-9]{1,9})?)(?<unit>d|h|ms|m|s|us|µs|μs|ns))+$", RegexOptions.CultureInvariant)]
    private static partial Regex UnitDuration();
}
